//! Django: `django.conf.settings`, a `LazySettings` that makes the real object when it is first
//! asked for anything. (`django/conf/__init__.py`, the same from 2.0 to 5.2.)

use std::collections::HashSet;

use super::reader::Reader;
use crate::addr::Addr;
use crate::config::settings::{Setting, Settings};
use crate::text::Text;

/// How many objects that each stand before another are looked at: `override_settings` makes them.
const MAX_LAYERS: usize = 32;

/// The module with the defaults.
const DEFAULTS: &str = "django.conf.global_settings";

/// Reads `django.conf.settings`.
pub fn read(reader: &Reader<'_>, object: Addr) -> Option<Settings> {
    let wrapped = reader.attribute(object, "_wrapped")?;
    let mut settings = Settings { make: "django", ..Settings::default() };
    // `empty`, an `object()`, stands for what was not made yet.
    if reader.classes(wrapped).len() < 2 {
        return Some(settings);
    }
    settings.configured = true;
    let defaults = reader.module(DEFAULTS);
    let defaults = defaults.and_then(|module| reader.names.attributes(module)).unwrap_or_default();
    let is_default = |name: &Text, value: Addr| Some(defaults.get(name.raw()) == Some(value));
    let mut found: Vec<Setting> = Vec::new();
    let mut known: HashSet<Text> = HashSet::new();
    let mut layer = Some(wrapped);
    for _ in 0..MAX_LAYERS {
        let Some(object) = layer else { break };
        let fields = reader.names.attributes(object)?;
        // The outermost comes first, and counts.
        for setting in reader.settings(&fields, &is_setting, &is_default) {
            if known.insert(setting.name.clone()) {
                found.push(setting);
            }
        }
        layer = fields.get("default_settings");
    }
    settings.groups = vec![(Text::default(), found)];
    Some(settings)
}

/// What Django takes for a setting (`str.isupper`).
fn is_setting(name: &str) -> bool {
    name.contains(char::is_uppercase) && !name.contains(char::is_lowercase)
}
