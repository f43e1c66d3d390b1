//! gunicorn: the `settings` of its `Config`, an object for each. (`gunicorn/config.py`, 19 to 27.)

use super::reader::Reader;
use crate::addr::Addr;
use crate::config::settings::{Setting, Settings};
use crate::text::Text;

/// The most settings that are read; gunicorn 27 has 120.
const MAX_SETTINGS: usize = 1000;

/// Reads a configuration.
pub fn read(reader: &Reader<'_>, object: Addr) -> Option<Settings> {
    let fields = reader.names.items(reader.attribute(object, "settings")?)?;
    let mut groups: Vec<(Text, Vec<Setting>)> = Vec::new();
    for (name, object) in fields.iter().take(MAX_SETTINGS) {
        let of_class = |attribute| reader.class_attribute(object, attribute);
        // What is `None` by default is set in no instance.
        let value = reader.attribute(object, "value").or_else(|| of_class("value"));
        let default = of_class("default");
        let same = value == default;
        let value = value.map(|value| reader.value(name, value)).unwrap_or_default();
        let same =
            same || default.and_then(|default| reader.plain.data(default)).as_ref() == Some(&value);
        let setting = Setting { name: name.clone(), value, default: Some(same) };
        let group = of_class("section").and_then(|section| reader.plain.text(section));
        let group = group.unwrap_or_default();
        match groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, settings)) => settings.push(setting),
            None => groups.push((group, vec![setting])),
        }
    }
    Some(Settings { make: "gunicorn", configured: true, groups, ..Settings::default() })
}
