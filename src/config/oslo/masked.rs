//! Values of a live object, masked by what they look like. Never by their names: the options say
//! themselves which of them are secret, and `token_ttl = 600` is not.

use crate::config::settings::masked_command;
use crate::data::Data;
use crate::mask::{MASK, Secrets};
use crate::text::Text;

/// Values inside values that are looked at. What lies deeper is masked as a whole.
const MAX_DEPTH: usize = 32;

/// The value of an option as it may be shown, and whether anything of it was masked.
pub fn masked(value: &Data, secret: bool, secrets: Secrets) -> (Data, bool) {
    if secrets.are_shown() {
        return (value.clone(), false);
    }
    if secret {
        // Also where there is none, as a report of the process's own has it.
        return (Data::text(MASK), true);
    }
    let shown = mask(value, 0);
    let changed = shown != *value && !is_nan(value);
    (shown, changed)
}

fn mask(value: &Data, depth: usize) -> Data {
    match value {
        Data::Text(text) => Data::Text(masked_text(text)),
        Data::Object(text) => Data::Object(masked_text(text)),
        Data::List(_) | Data::Map(_) if depth >= MAX_DEPTH => Data::text(MASK),
        Data::List(items) => {
            let items = masked_command(items);
            Data::List(items.iter().map(|item| mask(item, depth + 1)).collect())
        }
        // A key that stands in the value itself is no name of an option: `password:abc`.
        Data::Map(items) => Data::Map(
            items
                .iter()
                .map(|(key, item)| {
                    let item = match item {
                        Data::Text(text) => Data::Text(
                            Secrets::Masked.mask_value(key.raw(), text.raw()).as_ref().into(),
                        ),
                        item => mask(item, depth + 1),
                    };
                    (masked_text(key), item)
                })
                .collect(),
        ),
        plain => plain.clone(),
    }
}

fn masked_text(text: &Text) -> Text {
    Secrets::Masked.mask_text(text.raw()).as_ref().into()
}

fn is_nan(value: &Data) -> bool {
    matches!(value, Data::Float(value) if value.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(value: &Data, secret: bool) -> (Data, bool) {
        super::masked(value, secret, Secrets::Masked)
    }

    fn map(key: &str, value: &str) -> Data {
        Data::Map(vec![(key.into(), Data::text(value))])
    }

    #[test]
    fn a_secret_is_masked_whatever_it_is() {
        for value in [Data::None, Data::text(""), Data::Int(7), Data::List(vec![])] {
            assert_eq!(masked(&value, true), (Data::text("***"), true));
            assert_eq!(super::masked(&value, true, Secrets::Shown), (value, false));
        }
    }

    #[test]
    fn passwords_in_urls_are_masked_at_any_depth() {
        let url = || Data::text("mysql://root:hunter2@h/d");
        let shown = || Data::text("mysql://root:***@h/d");
        for (value, expected) in [
            (url(), shown()),
            (Data::List(vec![Data::Int(1), url()]), Data::List(vec![Data::Int(1), shown()])),
            (
                Data::Map(vec![("a".into(), Data::List(vec![url()]))]),
                Data::Map(vec![("a".into(), Data::List(vec![shown()]))]),
            ),
            (map("password", "hunter2"), map("password", "***")),
        ] {
            assert_eq!(masked(&value, false), (expected, true));
        }
        let mut deep = url();
        for _ in 0..MAX_DEPTH + 5 {
            deep = Data::List(vec![deep]);
        }
        assert!(!format!("{:?}", masked(&deep, false)).contains("hunter2"));
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        for value in [
            Data::None,
            Data::Int(600),
            Data::Float(0.5),
            Data::text("password"),
            Data::text("/etc/keys"),
            map("driver", "sql"),
        ] {
            assert_eq!(masked(&value, false), (value, false));
        }
        assert!(!masked(&Data::Float(f64::NAN), false).1);
    }
}
