//! uWSGI: `uwsgi.opt`, the options that it was started with: `True`, bytes, or a list of bytes of one
//! that was given several times. (`plugins/python/python_plugin.c`, 2.0.)

use super::reader::Reader;
use crate::addr::Addr;
use crate::config::settings::{Setting, Settings};
use crate::data::Data;
use crate::runtime::python::layout::flags;
use crate::text::Text;

/// The most options that are read.
const MAX_OPTIONS: usize = 2000;

/// The longest value that is read as text, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// Reads the options.
pub fn read(reader: &Reader<'_>, object: Addr) -> Option<Settings> {
    let fields = reader.names.items(object)?;
    let setting = |(name, object): (&Text, Addr)| {
        let value = value(reader, name, object);
        Setting { name: name.clone(), value, default: Some(false) }
    };
    let found = fields.iter().take(MAX_OPTIONS).map(setting).collect();
    let groups = vec![(Text::default(), found)];
    Some(Settings { make: "uwsgi", configured: true, groups, ..Settings::default() })
}

fn value(reader: &Reader<'_>, name: &Text, object: Addr) -> Data {
    let objects = &reader.plain.objects;
    let text = |object| objects.bytes(object, MAX_BYTES).map(|bytes| Text::from_bytes(&bytes));
    if let Some(text) = text(object) {
        return Data::Text(text);
    }
    if objects.has_flag(object, flags::LIST) == Some(true) {
        let items = reader.plain.items(object).unwrap_or_default();
        let item = |item| text(item).map(Data::Text);
        return Data::List(items.into_iter().map(|at| item(at).unwrap_or_default()).collect());
    }
    reader.value(name, object)
}
