//! The layouts that a CPython may have, the most likely first.

use super::debug_offsets::DebugOffsets;
use super::{Layout, Offsets, table};
use crate::runtime::python::Version;

/// The layouts of this minor version. What the build's debug information tells goes over each,
/// and what the process says itself (`own`) over that.
///
/// Which of them is the right one, [`crate::runtime::python::check`] has to find out: the version
/// does not tell, for distributions patch structures.
pub fn candidates(
    version: Version,
    own: Option<&DebugOffsets>,
    debug_information: Option<&Offsets>,
) -> Vec<Layout> {
    let free_threaded = own.is_some_and(|own| own.free_threaded);
    let columns = table::columns(version, free_threaded).into_iter();
    let layouts = columns.filter_map(|(name, mut offsets)| {
        let mut sources = Vec::new();
        if own.is_some() {
            sources.push("debug offsets".to_owned());
        }
        if let Some(debug_information) = debug_information {
            sources.push("debug information".to_owned());
            offsets.overlay(debug_information);
        }
        if let Some(own) = own {
            offsets.overlay(&own.offsets);
        }
        sources.push(format!("table {name}"));
        Layout::new(sources.join(", "), version, free_threaded, &offsets).ok()
    });
    layouts.collect()
}

#[cfg(test)]
mod tests {
    use super::super::InnermostFrame;
    use super::*;

    #[test]
    fn every_version_has_a_layout() {
        for minor in 8..=15 {
            let found = candidates(Version::of_minor(minor), None, None);
            assert!(!found.is_empty(), "3.{minor}");
            assert_eq!(found.first().map(|layout| layout.free_threaded), Some(false));
        }
        assert!(candidates(Version::of_minor(7), None, None).is_empty());
        assert!(candidates(Version::of_minor(16), None, None).is_empty());
    }

    #[test]
    fn what_the_process_says_goes_over_the_table() {
        let mut offsets = Offsets::default();
        offsets.set("interp.next", 4096);
        for (version, free_threaded) in [(13, true), (14, false), (14, true), (15, true)] {
            let version = Version::of_minor(version);
            let own = DebugOffsets { version, free_threaded, offsets: offsets.clone() };
            let found = candidates(version, Some(&own), None);
            let first = found.first();
            assert_eq!(first.map(|layout| layout.interpreter.next), Some(4096));
            assert_eq!(first.map(|layout| layout.free_threaded), Some(free_threaded));
            assert!(
                first.is_some_and(|layout| layout.name.starts_with("debug offsets, table 3.1"))
            );
        }
    }

    #[test]
    fn debug_information_gives_what_the_version_has_and_nothing_else() {
        let mut told = Offsets::default();
        told.set("interp.next", 4096);
        told.set("tstate.current_frame", 8);
        let found = candidates(Version::of_minor(8), None, Some(&told));
        let first = found.first();
        assert_eq!(first.map(|layout| &*layout.name), Some("debug information, table 3.8.18"));
        assert_eq!(first.map(|layout| layout.interpreter.next), Some(4096));
        assert_eq!(first.map(|layout| layout.thread.frame), Some(InnermostFrame::Direct(24)));
    }
}
