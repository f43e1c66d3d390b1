//! Flask: the `config` of each application, a `dict`. (`flask/app.py`, 0.8 to 3.1.)

use super::reader::Reader;
use crate::addr::Addr;
use crate::config::settings::Settings;
use crate::text::Text;

/// Reads an application.
pub fn read(reader: &Reader<'_>, object: Addr) -> Option<Settings> {
    let fields = reader.names.items(reader.attribute(object, "config")?)?;
    let defaults = reader.class_attribute(object, "default_config");
    let defaults = defaults.and_then(|dict| reader.names.items(dict)).unwrap_or_default();
    let is_default = |name: &Text, value: Addr| Some(defaults.get(name.raw()) == Some(value));
    let found = reader.settings(&fields, &|_| true, &is_default);
    let groups = vec![(Text::default(), found)];
    Some(Settings { make: "flask", configured: true, groups, ..Settings::default() })
}
