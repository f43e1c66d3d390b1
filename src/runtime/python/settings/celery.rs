//! Celery: the configuration of each application, a chain of mappings of which the first counts and
//! the last has the defaults. Before it is first asked for anything, there is only what the program
//! has set by itself. (`celery/app/base.py` and `utils/collections.py`, 4.0 to 5.7.)

use std::collections::HashSet;

use super::reader::Reader;
use crate::addr::Addr;
use crate::config::settings::{Setting, Settings};
use crate::runtime::python::oslo::fields::Fields;
use crate::text::Text;

/// The most mappings of a chain that are looked at.
const MAX_MAPS: usize = 32;

/// What holds the settings that wait to be asked for.
const PENDING: &str = "celery.app.base.PendingConfiguration";

/// A mapping whose items are the attributes of an object.
const OF_ATTRIBUTES: &str = "celery.utils.collections.DictAttribute";

/// Reads an application.
pub fn read(reader: &Reader<'_>, object: Addr) -> Option<Settings> {
    let mut settings = Settings { make: "celery", ..Settings::default() };
    let chain = reader.attribute(object, "_conf");
    let maps = chain.and_then(|chain| reader.attribute(chain, "maps"));
    let maps = maps.and_then(|maps| reader.plain.items(maps)).unwrap_or_default();
    settings.configured = maps.first().is_some_and(|first| !reader.is(*first, PENDING));
    let (defaults, set) = match maps.split_last() {
        Some((last, others)) if settings.configured => (Some(*last), others),
        _ => (None, &[][..]),
    };
    let mut found: Vec<Setting> = Vec::new();
    let mut known: HashSet<Text> = HashSet::new();
    let mut add = |fields: Fields, default: bool| {
        let wanted = |name: &str| !name.starts_with('_');
        for setting in reader.settings(&fields, &wanted, &|_, _| Some(default)) {
            if known.insert(setting.name.clone()) {
                found.push(setting);
            }
        }
    };
    if !settings.configured {
        add(reader.names.items(reader.attribute(object, "_preconf")?)?, false);
    }
    for map in set.iter().take(MAX_MAPS) {
        add(fields(reader, *map)?, false);
    }
    if let Some(defaults) = defaults {
        add(fields(reader, defaults)?, true);
    }
    settings.groups = vec![(Text::default(), found)];
    Some(settings)
}

/// The items of a mapping of the chain.
fn fields(reader: &Reader<'_>, map: Addr) -> Option<Fields> {
    match reader.is(map, OF_ATTRIBUTES) {
        true => reader.names.attributes(reader.attribute(map, "obj")?),
        false => reader.names.items(map),
    }
}
