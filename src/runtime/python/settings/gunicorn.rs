//! gunicorn: the `settings` of its `Config`, an object for each. (`gunicorn/config.py`, 19 to 27.)

use super::reader::Reader;
use crate::addr::Addr;
use crate::config::settings::{Setting, Settings};
use crate::data::Data;
use crate::text::Text;

/// Whether a value is what gunicorn makes of the default: that itself, the list of it, or the
/// function of a hook, which its class keeps as a `staticmethod`.
fn is_made_of(reader: &Reader<'_>, setting: Addr, default: Addr, value: &Data) -> bool {
    let objects = &reader.plain.objects;
    if objects.is_exactly(default, "staticmethod") {
        // `sm_callable` of a `staticmethod`, behind the header (`Objects/funcobject.c`).
        let function = objects.pointer(default, objects.layout.object.header);
        return function.is_some() && function == reader.attribute(setting, "value");
    }
    let default = reader.plain.data(default);
    default.as_ref() == Some(value)
        || matches!(value, Data::List(items) if items.len() == 1 && items.first() == default.as_ref())
}

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
            same || default.is_some_and(|default| is_made_of(reader, object, default, &value));
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
