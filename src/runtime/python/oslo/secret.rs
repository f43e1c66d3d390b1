//! The secrets of configurations: what must not be kept in a recording.
//!
//! They are the values of options that say to be secret, wherever the program got them from, and
//! what shows by its name or by itself to be one. The default of such an option is one as well,
//! unless it is a word or an address: these are everywhere in the program's memory.

use std::collections::{BTreeSet, HashMap};

use crate::config::oslo::registry::{Namespace, Opt, Registry, variable};
use crate::data::Data;
use crate::mask::{hidden_parts, mask_argv, mask_list, mask_text, mask_value};
use crate::repr::quote;
use crate::target::environment::option;

/// The secrets of these configurations. What is the name of an option or a section, too, is left
/// out: it is everywhere.
pub fn secrets(registries: &[Registry]) -> Vec<String> {
    let mut secrets = Secrets::default();
    for registry in registries {
        secrets.add_registry(registry);
    }
    let mut secrets = secrets.0;
    for group in registries.iter().flat_map(|registry| &registry.groups) {
        secrets.remove(group.name.raw());
        for option in &group.options {
            secrets.remove(option.dest.raw());
            secrets.remove(option.name.raw());
        }
    }
    // What is cut where it was read ends so.
    secrets.iter().map(|secret| secret.strip_suffix('…').unwrap_or(secret).to_owned()).collect()
}

/// Which names are those of secret options.
#[derive(Default)]
struct Known {
    /// By section, as oslo.config compares them, and name.
    in_files: HashMap<(String, String), bool>,
    /// By the name that an argument has in the namespace.
    arguments: HashMap<String, bool>,
}

impl Known {
    fn new(registry: &Registry) -> Known {
        let mut known = Known::default();
        for group in &registry.groups {
            let key = group.key.as_ref().map(|key| key.raw());
            for option in &group.options {
                let own = (key.map(str::to_owned), option.dest.raw().to_owned());
                let old = option.deprecated.iter().map(|(group, name)| {
                    let group = group.as_ref().map(|group| group.raw()).or(key);
                    let name = name.as_ref().unwrap_or(&option.dest).raw();
                    (group.map(str::to_owned), name.to_owned())
                });
                for (group, name) in std::iter::once(own).chain(old) {
                    let argument = group.as_ref().map(|group| format!("{group}_{name}"));
                    let argument = argument.unwrap_or_else(|| name.clone());
                    *known.arguments.entry(argument).or_default() |= option.secret;
                    let section = section(group.as_deref().unwrap_or(DEFAULT));
                    *known.in_files.entry((section, name)).or_default() |= option.secret;
                }
            }
        }
        known
    }
}

/// The section of what is in no group.
const DEFAULT: &str = "DEFAULT";

/// The name of a section as oslo.config compares them.
fn section(name: &str) -> String {
    if name == DEFAULT { name.to_owned() } else { name.to_lowercase() }
}

/// Whether a default, or a part of a value, is a word, a number or an address without a password: `rabbit://`. To overwrite
/// it would take it out of names and of other values.
fn is_everywhere(default: &str) -> bool {
    let in_word = |byte: u8| byte.is_ascii_lowercase() || b"_-. ".contains(&byte);
    default.bytes().all(in_word)
        || default.bytes().all(|byte| byte.is_ascii_digit())
        || (default.contains("://") && !default.contains('@'))
}

#[derive(Default)]
struct Secrets(BTreeSet<String>);

impl Secrets {
    fn add_registry(&mut self, registry: &Registry) {
        let known = Known::new(registry);
        let words = registry.args.iter().flatten();
        let words: Vec<String> = words.map(|word| word.raw().to_owned()).collect();
        for (word, masked) in words.iter().zip(mask_argv(&words)) {
            self.add_hidden(word, &masked);
        }
        for option in registry.groups.iter().flat_map(|group| &group.options) {
            self.add_option(option);
        }
        self.add_environment(registry);
        let namespaces = registry.namespace.iter().chain(&registry.mutable_namespace);
        for namespace in namespaces.chain(&registry.sources) {
            self.add_namespace(namespace, &known);
        }
    }

    fn add_option(&mut self, option: &Opt) {
        match option.secret {
            true => self.add_default(&option.default, option.dest.raw()),
            false => self.add_data(&option.default, Some(false), option.dest.raw()),
        }
        let Opt { override_value, set_default, cached, driver, .. } = option;
        for value in [override_value, set_default, cached, driver].into_iter().flatten() {
            if *value != option.default {
                self.add_data(value, Some(option.secret), option.dest.raw());
            }
        }
    }

    /// Variables of options that are known, and of others, by what is known of either.
    fn add_environment(&mut self, registry: &Registry) {
        let mut known: HashMap<String, bool> = HashMap::new();
        for group in &registry.groups {
            let key = group.key.as_ref().map_or(DEFAULT, |key| key.raw());
            for option in &group.options {
                *known.entry(variable(key, option.dest.raw())).or_default() |= option.secret;
            }
        }
        for (name, value) in registry.environment.iter().flatten() {
            // Of a variable for no option its end says what it is, as it would in a file.
            let option = option(name.raw()).unwrap_or_default();
            self.add(value.raw(), known.get(name.raw()).copied(), option);
        }
    }

    /// The default of a secret option.
    fn add_default(&mut self, default: &Data, name: &str) {
        match default {
            Data::Text(text) if is_everywhere(text.raw()) => {}
            Data::List(items) => items.iter().for_each(|item| self.add_default(item, name)),
            Data::Map(items) => items.iter().for_each(|(_, item)| self.add_default(item, name)),
            value => self.add_data(value, Some(true), name),
        }
    }

    fn add_namespace(&mut self, namespace: &Namespace, known: &Known) {
        for found in namespace.files.iter().flat_map(|file| &file.sections) {
            let section = section(found.name.raw());
            for (name, values) in &found.options {
                let place = (section.clone(), name.raw().to_owned());
                let is_secret = known.in_files.get(&place).copied();
                for value in values {
                    self.add(value.raw(), is_secret, name.raw());
                }
            }
        }
        for (name, value) in &namespace.arguments {
            self.add_data(value, known.arguments.get(name.raw()).copied(), name.raw());
        }
    }

    /// The texts in a value; nothing is nested deep in it.
    fn add_data(&mut self, value: &Data, is_secret: Option<bool>, name: &str) {
        match value {
            Data::Text(text) => self.add(text.raw(), is_secret, name),
            Data::Object(text) => {
                if let Some(bytes) = quote::content_of_bytes(text.raw()) {
                    self.add(&bytes, is_secret, name);
                }
            }
            Data::List(items) => {
                items.iter().for_each(|item| self.add_data(item, is_secret, name));
                self.add_command(items);
            }
            Data::Map(items) => {
                items.iter().for_each(|(_, item)| self.add_data(item, is_secret, name));
            }
            _ => {}
        }
    }

    /// The secrets of a list that is a command line.
    fn add_command(&mut self, items: &[Data]) {
        let text = |item: &Data| match item {
            Data::Text(text) => Some(text.raw().to_owned()),
            _ => None,
        };
        let words: Option<Vec<String>> = items.iter().map(text).collect();
        let words = words.unwrap_or_default();
        let masked = mask_list(words.iter().map(String::as_str)).unwrap_or_default();
        words.iter().zip(masked).for_each(|(word, masked)| self.add_hidden(word, &masked));
    }

    /// A text that an option has of which this is known; where none has this name, the name tells.
    fn add(&mut self, text: &str, is_secret: Option<bool>, name: &str) {
        match is_secret {
            Some(true) => {
                self.0.insert(text.to_owned());
                // What a file continues on the next lines was read line by line.
                if text.contains('\n') {
                    let lines = text.lines().map(str::trim).filter(|line| !is_everywhere(line));
                    self.0.extend(lines.map(str::to_owned));
                }
                // What was parsed of a list or a mapping lies in memory in pieces.
                if !text.contains("://") {
                    let items = text.split(',').filter(|item| item.len() < text.len());
                    let values = text.split(',').filter_map(|item| item.split_once(':'));
                    let values = values.map(|(_, value)| value);
                    let parts = items.chain(values).map(str::trim);
                    self.0.extend(parts.filter(|part| !is_everywhere(part)).map(str::to_owned));
                }
                // It may stand elsewhere in other words.
                self.add_hidden(text, &mask_text(text));
            }
            Some(false) => self.add_hidden(text, &mask_text(text)),
            None => self.add_hidden(text, &mask_value(name, text)),
        }
    }

    fn add_hidden(&mut self, text: &str, masked: &str) {
        self.0.extend(hidden_parts(text, masked).into_iter().map(str::to_owned));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::oslo::registry::{Group, ParsedFile, ParsedSection};

    fn option(dest: &str, secret: bool, default: Data) -> Opt {
        Opt { dest: dest.into(), name: dest.into(), secret, default, ..Opt::default() }
    }

    fn list(items: &[&str]) -> Data {
        Data::List(items.iter().map(|item| Data::text(*item)).collect())
    }

    #[test]
    fn defaults_and_all_values_of_secret_options_are_secrets() {
        let options = vec![
            Opt { multi: true, ..option("many", true, list(&["Default1", "Default2"])) },
            option("one", true, Data::text("Default3")),
            option("word", true, Data::text("default")),
            option("address", true, Data::text("rabbit://")),
            option("pairs", true, Data::None),
            option("open", false, Data::text("Default4")),
            option("command", false, list(&["app", "--password", "Default5"])),
        ];
        let values = |name: &str, values: &[&str]| {
            (name.into(), values.iter().map(|value| (*value).into()).collect())
        };
        let section = ParsedSection {
            name: "DEFAULT".into(),
            options: vec![
                values("many", &["Value1", "Value2"]),
                values("pairs", &["a:Value3,b:Value4"]),
                values("one", &["First1\nsecond\nsql://u:Third3@h"]),
            ],
        };
        let file = ParsedFile { path: None, sections: vec![section] };
        let namespace = Namespace { files: vec![file], arguments: Vec::new() };
        let group = Group { key: None, name: "DEFAULT".into(), options };
        let registry =
            Registry { groups: vec![group], namespace: Some(namespace), ..Registry::default() };
        let mut found = secrets(&[registry]);
        found.retain(|secret| secret.len() >= 6);
        let expected = [
            "Default1",
            "Default2",
            "Default3",
            "Default5",
            "First1",
            "First1\nsecond\nsql://u:Third3@h",
            "Third3",
            "Value1",
            "Value2",
            "Value3",
            "Value4",
            "a:Value3",
            "a:Value3,b:Value4",
            "b:Value4",
            "sql://u:Third3@h",
        ];
        assert_eq!(found, expected);
    }
}
