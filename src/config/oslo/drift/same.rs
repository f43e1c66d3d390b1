//! Whether what the process holds can be what a file says, although secrets of the file are masked,
//! and those that are recorded of the process are overwritten by asterisks.
//!
//! What stands in place of a mask is not known: two values that differ there only are the same.

use std::collections::BTreeMap;

use crate::config::Parsed;
use crate::config::oslo::parse::normalise_group;
use crate::config::oslo::registry::ParsedFile;
use crate::data::Data;
use crate::mask::MASK;
use crate::text::Text;

/// Values inside values that are compared. What lies deeper is taken to be the same.
const MAX_DEPTH: usize = 32;

/// What a secret that was overwritten in memory has at least: there each character is an asterisk.
const OVERWRITTEN: &str = MASK;

/// Whether a text of the process can be this text of a file.
pub fn text(held: &str, file: &str) -> bool {
    if held == file {
        return true;
    }
    if let Some((start, rest)) = held.split_once(OVERWRITTEN) {
        let rest = rest.trim_start_matches('*');
        let end = rest.rsplit_once(OVERWRITTEN).map_or(rest, |(_, end)| end);
        let (file_start, _) = file.split_once(MASK).unwrap_or((file, file));
        let (_, file_end) = file.rsplit_once(MASK).unwrap_or((file, file));
        return (start.starts_with(file_start) || file_start.starts_with(start))
            && (end.ends_with(file_end) || file_end.ends_with(end));
    }
    let Some((start, rest)) = file.split_once(MASK) else { return false };
    let Some(mut held) = held.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split(MASK).collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = held.split_once(part) else { return false };
        held = after;
    }
    held.ends_with(end)
}

/// Whether a value of the process can be this value, which was made of what a file says.
pub fn value(held: &Data, file: &Data) -> bool {
    is_masked(file, 0) || compare(held, file, 0)
}

/// Whether a part of the value is not known at all.
fn is_masked(value: &Data, depth: usize) -> bool {
    match value {
        Data::Text(text) => text.raw() == MASK,
        Data::List(items) if depth < MAX_DEPTH => {
            items.iter().any(|item| is_masked(item, depth + 1))
        }
        _ => false,
    }
}

/// Whether there is a mask anywhere in it, or what was overwritten.
pub fn has_mask(value: &Data) -> bool {
    fn has(value: &Data, depth: usize) -> bool {
        match value {
            Data::Text(text) => text.raw().contains(MASK),
            Data::List(items) if depth < MAX_DEPTH => items.iter().any(|item| has(item, depth + 1)),
            Data::Map(items) if depth < MAX_DEPTH => {
                items.iter().any(|(key, item)| key.raw().contains(MASK) || has(item, depth + 1))
            }
            _ => false,
        }
    }
    has(value, 0)
}

fn compare(held: &Data, file: &Data, depth: usize) -> bool {
    match (held, file) {
        _ if depth > MAX_DEPTH => true,
        (Data::Text(held), Data::Text(file)) => text(held.raw(), file.raw()),
        // What would be a number was masked.
        (_, Data::Text(file)) => file.raw() == MASK,
        (Data::Float(held), Data::Float(file)) => held == file || held.is_nan() && file.is_nan(),
        (Data::List(held), Data::List(file)) => {
            let mut pairs = held.iter().zip(file);
            held.len() == file.len() && pairs.all(|(held, file)| compare(held, file, depth + 1))
        }
        (Data::Map(held), Data::Map(file)) => {
            let held: BTreeMap<&Text, &Data> =
                held.iter().map(|(key, value)| (key, value)).collect();
            held.len() == file.len()
                && file.iter().all(|(key, file)| {
                    held.get(key).is_some_and(|held| compare(held, file, depth + 1))
                })
        }
        (held, file) => held == file,
    }
}

/// Whether a file that the process has parsed can be this one.
pub fn content(held: &ParsedFile, file: &Parsed) -> bool {
    // Both have each section once and each key once in it; the file folds the names of sections.
    let mut sections: BTreeMap<String, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    for section in &held.sections {
        let keys = sections.entry(normalise_group(section.name.raw())).or_default();
        for (key, values) in &section.options {
            keys.entry(key.raw()).or_default().extend(values.iter().map(Text::raw));
        }
    }
    sections.len() == file.groups.len()
        && file.groups.iter().all(|group| {
            let Some(keys) = sections.get(&normalise_group(&group.name)) else { return false };
            keys.len() == group.options.len()
                && group.options.iter().all(|option| {
                    let Some(held) = keys.get(option.name.as_str()) else { return false };
                    let mut pairs = held.iter().zip(&option.values);
                    held.len() == option.values.len()
                        && pairs.all(|(held, value)| text(held, &value.text))
                })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::oslo::parse::parse;
    use crate::config::oslo::registry::ParsedSection;

    #[test]
    fn a_mask_stands_for_any_text_and_nothing_else_does() {
        for (held, file, same) in [
            ("a", "a", true),
            ("a", "b", false),
            ("secret", "***", true),
            ("", "***", true),
            ("mysql://u:pw@h/d", "mysql://u:***@h/d", true),
            ("mysql://u:pw@h2/d", "mysql://u:***@h/d", false),
            ("amqp://a:x@h1,amqp://b:y@h2", "amqp://a:***@h1,amqp://b:***@h2", true),
            ("amqp://a:x@h1,amqp://b:y@h3", "amqp://a:***@h1,amqp://b:***@h2", false),
            ("ab", "ab***b", false),
            ("*********", "sqlite://", true),
            ("mysql://u:********@h/d", "mysql://u:***@h/d", true),
            ("mysql://u:********@h/d", "mysql://u:***@i/d", false),
            ("u:******@a,v:*******@b", "u:***@a,v:***@b", true),
            ("u:******@a,v:*******@b", "u:***@a,v:***@c", false),
        ] {
            assert_eq!(text(held, file), same, "{held} {file}");
        }
    }

    #[test]
    fn values_are_compared_with_their_parts() {
        let list = |items: &[&str]| Data::List(items.iter().copied().map(Data::text).collect());
        let map = |items: &[(&str, &str)]| {
            Data::Map(items.iter().map(|(k, v)| ((*k).into(), Data::text(*v))).collect())
        };
        for (held, file, same) in [
            (Data::Int(1), Data::Int(2), false),
            (Data::Int(1), Data::text("***"), true),
            (Data::Int(1), Data::text("1"), false),
            (Data::Float(f64::NAN), Data::Float(f64::NAN), true),
            (list(&["a", "b"]), list(&["a", "b"]), true),
            (list(&["a", "b"]), list(&["b", "a"]), false),
            (list(&["a", "b"]), list(&["***"]), true),
            (list(&["http://u:p@a"]), list(&["http://u:***@b"]), false),
            (map(&[("a", "1"), ("b", "2")]), map(&[("b", "***"), ("a", "1")]), true),
            (map(&[("a", "1"), ("b", "2")]), map(&[("b", "3"), ("a", "1")]), false),
        ] {
            assert_eq!(value(&held, &file), same, "{held:?} {file:?}");
        }
        assert!(has_mask(&list(&["x", "a***b"])) && !has_mask(&list(&["x"])));
    }

    #[test]
    fn a_file_is_known_by_what_stands_in_it() {
        let section = |name: &str, options: &[(&str, &[&str])]| ParsedSection {
            name: name.into(),
            options: options
                .iter()
                .map(|(key, values)| {
                    ((*key).into(), values.iter().map(|value| (*value).into()).collect())
                })
                .collect(),
        };
        let held = ParsedFile {
            path: None,
            sections: vec![
                section("DEFAULT", &[("a", &["1", "2"])]),
                section("Caps", &[("p", &["secret"])]),
                section("CAPS", &[("p", &["x"])]),
            ],
        };
        let is = |text: &str| content(&held, &parse(text, 0));
        assert!(is("[Caps]\np=***\n[DEFAULT]\n# new\na=1\na=2\n[caps]\np=x\n"));
        assert!(!is("[Caps]\np=***\np=x\n[DEFAULT]\na=1\na=3\n"));
        assert!(!is("[Caps]\np=***\np=x\n[DEFAULT]\na=1\na=2\nb=1\n"));
        assert!(!is("[Caps]\np=***\np=x\n[DEFAULT]\na=1\na=2\n[more]\n"));
        assert!(!is("[DEFAULT]\na=1\na=2\n"));
    }
}
