//! The layouts that a CPython may have, the most likely first.

use super::debug_offsets::DebugOffsets;
use super::{Layout, table};
use crate::runtime::python::Version;

/// The layouts of this minor version; what the process says itself (`own`) goes over each.
///
/// Which of them is the right one, [`crate::runtime::python::check`] has to find out: the version
/// does not tell, for distributions patch structures.
pub fn candidates(version: Version, own: Option<&DebugOffsets>) -> Vec<Layout> {
    let free_threaded = own.is_some_and(|own| own.free_threaded);
    let columns = table::columns(version, free_threaded).into_iter();
    let layouts = columns.filter_map(|(name, mut offsets)| {
        let name = match own {
            Some(own) => {
                offsets.overlay(&own.offsets);
                format!("debug offsets, table {name}")
            }
            None => format!("table {name}"),
        };
        Layout::new(name, version, free_threaded, &offsets).ok()
    });
    layouts.collect()
}
