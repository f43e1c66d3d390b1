//! Settings of a program that is not oslo's, as its own object in memory has them.

use std::borrow::Cow;

use crate::addr::Addr;
use crate::data::Data;
use crate::mask::{MASK, Secrets, hidden_parts, mask_list};
use crate::repr::quote;
use crate::text::Text;

/// Values inside values that are looked at. What lies deeper is masked as a whole.
const MAX_DEPTH: usize = 32;

/// A live settings object: Django's, Flask's, Celery's, gunicorn's, uWSGI's. Nothing in it is
/// masked: it is never stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Whose: `django`, `flask`, `celery`, `gunicorn`, `uwsgi`.
    pub make: &'static str,
    /// The object.
    pub address: Addr,
    /// Its type.
    pub type_name: Text,
    /// What holds it: `django.conf.settings`.
    pub held_by: Vec<Text>,
    /// Whether the program has made them: some are made when they are first asked for.
    pub configured: bool,
    /// The settings in groups; one without a name where it has none.
    pub groups: Vec<(Text, Vec<Setting>)>,
    /// What could not be read of it, in words.
    pub troubles: Vec<Text>,
}

/// One setting.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setting {
    /// Its name: `DATABASES`.
    pub name: Text,
    /// Its value.
    pub value: Data,
    /// Whether that is what it would be if nothing had set it, as far as that is known.
    pub default: Option<bool>,
}

impl Settings {
    /// The secrets in these settings, for what must not keep them.
    pub fn secrets(&self) -> Vec<String> {
        let mut found = Vec::new();
        for setting in self.groups.iter().flat_map(|(_, settings)| settings) {
            let masked = setting.masked(Secrets::Masked);
            collect(&setting.value, &masked, &mut found, MAX_DEPTH);
        }
        found
    }
}

impl Setting {
    /// The value as it may be shown. Names and what looks like a secret tell what is one: no flag
    /// does.
    pub fn masked(&self, secrets: Secrets) -> Data {
        mask(self.name.raw(), &self.value, secrets, 0)
    }
}

fn mask(name: &str, value: &Data, secrets: Secrets, depth: usize) -> Data {
    let masked = |text: &str| Text::from(&*secrets.mask_value(name, text));
    let number = |text: String| match masked(&text).raw() == MASK {
        true => Data::text(MASK),
        false => value.clone(),
    };
    match value {
        _ if secrets.are_shown() => value.clone(),
        Data::Text(text) => Data::Text(masked(text.raw())),
        Data::Object(text) => Data::Object(masked(text.raw())),
        Data::Int(int) => number(int.to_string()),
        Data::Float(float) => number(float.to_string()),
        Data::None | Data::Bool(_) => value.clone(),
        Data::List(items) if items.is_empty() => value.clone(),
        Data::Map(items) if items.is_empty() => value.clone(),
        _ if depth == MAX_DEPTH || secrets.hides(name) => Data::text(MASK),
        Data::List(items) => {
            let items = masked_command(items);
            Data::List(items.iter().map(|item| mask(name, item, secrets, depth + 1)).collect())
        }
        Data::Map(items) => {
            let item = |(key, item): &(Text, Data)| {
                let shown = Text::from(&*secrets.mask_text(key.raw()));
                (shown, mask(key.raw(), item, secrets, depth + 1))
            };
            Data::Map(items.iter().map(item).collect())
        }
    }
}

/// The items, masked as the words of a command line if they are these.
pub(super) fn masked_command(items: &[Data]) -> Cow<'_, [Data]> {
    let text = |item: &Data| match item {
        Data::Text(text) => Some(text.raw().to_owned()),
        _ => None,
    };
    let words: Option<Vec<String>> = items.iter().map(text).collect();
    match words.and_then(|words| mask_list(words.iter().map(String::as_str))) {
        Some(masked) => Cow::Owned(masked.into_iter().map(Data::text).collect()),
        None => Cow::Borrowed(items),
    }
}

/// Adds what of a value its masked form does not show.
fn collect(value: &Data, masked: &Data, found: &mut Vec<String>, depth: usize) {
    match (value, masked) {
        _ if depth == 0 => {}
        (Data::Text(text), Data::Text(shown)) => {
            found.extend(hidden_parts(text.raw(), shown.raw()).into_iter().map(str::to_owned));
        }
        // Bytes, as they are written: `b'…'`.
        (Data::Object(text), Data::Object(shown)) if text != shown => {
            let whole = quote::content_of_bytes(text.raw());
            let whole = whole.filter(|_| shown.raw() == MASK);
            found.extend(whole.or_else(|| {
                let hidden = hidden_parts(text.raw(), shown.raw());
                hidden.into_iter().next().map(quote::unescaped)
            }));
        }
        (Data::List(items), Data::List(shown)) => {
            let pairs = items.iter().zip(shown);
            pairs.for_each(|(item, shown)| collect(item, shown, found, depth - 1));
        }
        (Data::Map(items), Data::Map(shown)) => {
            let pairs = items.iter().zip(shown);
            pairs.for_each(|((_, item), (_, shown))| collect(item, shown, found, depth - 1));
        }
        (Data::Text(text), _) => found.push(text.raw().to_owned()),
        (Data::Object(text), _) => found.extend(quote::content_of_bytes(text.raw())),
        (Data::List(items), _) => {
            items.iter().for_each(|item| collect(item, masked, found, depth - 1));
        }
        (Data::Map(items), _) => {
            items.iter().for_each(|(_, item)| collect(item, masked, found, depth - 1));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(name: &str, value: Data) -> Setting {
        Setting { name: name.into(), value, default: None }
    }

    fn map(items: &[(&str, Data)]) -> Data {
        Data::Map(items.iter().map(|(key, value)| ((*key).into(), value.clone())).collect())
    }

    #[test]
    fn secrets_are_masked_by_name_and_by_pattern_at_any_depth() {
        let text = |text: &str| Data::text(text);
        let list = |items: &[&str]| Data::List(items.iter().map(|item| text(item)).collect());
        let database = |password| {
            let one =
                map(&[("NAME", text("shop")), ("PASSWORD", password), ("PORT", Data::Int(1))]);
            map(&[("default", one)])
        };
        for (name, value, shown) in [
            ("SECRET_KEY", text("hunter2"), text("***")),
            ("SECRET_KEY_FALLBACKS", list(&["hunter2"]), text("***")),
            ("DATABASES", database(text("hunter2")), database(text("***"))),
            ("DATABASES", database(Data::Int(12345)), database(text("***"))),
            ("broker_url", text("amqp://u:hunter2@h//"), text("amqp://u:***@h//")),
            ("CMD", text("app --password hunter2 -x"), text("app --password *** -x")),
            ("CMD", list(&["mysql", "-phunter2", "db"]), list(&["mysql", "-p***", "db"])),
            ("ARGS", list(&["--token", "hunter2"]), list(&["--token", "***"])),
            ("ARGS", list(&["-p", "8080"]), list(&["-p", "8080"])),
            ("STRIPE_KEY", text("**********"), text("***")),
            ("BROKERS", list(&["amqp://u:hunter2@h//"]), list(&["amqp://u:***@h//"])),
            ("TOKENS", map(&[("a", text("hunter2"))]), text("***")),
            ("PASSWORD_RESET_TIMEOUT", Data::Int(259_200), Data::Int(259_200)),
            ("SESSION_COOKIE_NAME", text("sessionid"), text("sessionid")),
            ("DB_PASSWORD", Data::None, Data::None),
            ("TOKENS", Data::List(Vec::new()), Data::List(Vec::new())),
        ] {
            let setting = setting(name, value.clone());
            assert_eq!(setting.masked(Secrets::Masked), shown, "{name}");
            assert_eq!(setting.masked(Secrets::Shown), value, "{name}");
        }
    }

    #[test]
    fn the_secrets_are_found_where_they_are_masked() {
        let one = map(&[("PASSWORD", Data::text("hunter2"))]);
        let groups = vec![(
            Text::default(),
            vec![
                setting("DATABASES", map(&[("default", one)])),
                setting("broker_url", Data::text("amqp://u:hunter3@h//;amqp://u:hunter5@i//")),
                setting("SECRET_KEY_FALLBACKS", Data::List(vec![Data::text("hunter4")])),
                setting("SECRET_KEY", Data::Object(r"b'hunter6\x00\'\xff'".into())),
                setting("RESULT", Data::Object("b'redis://:hunter7@h/'".into())),
                setting("TOKENS", Data::List(vec![Data::Object("b'hunter8'".into())])),
                setting("HANDLER", Data::Object("<function f at 0x10>".into())),
                setting("DEBUG", Data::Bool(true)),
                setting("NAME", Data::text("shop")),
            ],
        )];
        let settings = Settings { groups, ..Settings::default() };
        let bytes = ["hunter6\0'\u{ff}", "hunter7", "hunter8"];
        let texts = ["hunter2", "hunter3", "hunter5", "hunter4"];
        assert_eq!(settings.secrets(), [&texts[..], &bytes].concat());
    }
}
