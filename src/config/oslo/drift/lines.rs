//! Where the keys of a file stand in it, found by name.

use std::collections::HashMap;

use crate::config::oslo::parse::normalise_group;
use crate::config::{ConfigOption, ConfigValue, Parsed};

/// The keys of a file.
pub struct Lines<'a>(HashMap<String, HashMap<&'a str, &'a ConfigOption>>);

impl<'a> Lines<'a> {
    /// Sorts a file by name.
    pub fn new(parsed: &'a Parsed) -> Lines<'a> {
        let mut sections: HashMap<String, HashMap<&str, &ConfigOption>> = HashMap::new();
        for group in &parsed.groups {
            let keys = sections.entry(normalise_group(&group.name)).or_default();
            keys.extend(group.options.iter().map(|option| (option.name.as_str(), option)));
        }
        Lines(sections)
    }

    /// All values of a key, in their order; none if it is not there.
    pub fn values(&self, section: &str, key: &str) -> &'a [ConfigValue] {
        let keys = self.0.get(&normalise_group(section));
        keys.and_then(|keys| keys.get(key)).map_or(&[], |option| option.values.as_slice())
    }
}
