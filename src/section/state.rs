//! The state of a file that was read, or could not be.

use crate::report::{ConfigFile, timestamp};
use crate::target::TargetFacts;
use crate::target::files::{FileError, FileMeta};
use crate::text::Text;

/// The file at this path, by when it was written or what kept it from being read.
pub fn state(
    target: &TargetFacts,
    path: Text,
    why: String,
    meta: Result<&FileMeta, &FileError>,
) -> ConfigFile {
    // The start is known to the second, and rounded down.
    let after_start =
        |time: i64| target.process.started.is_some_and(|started| time > started.saturating_add(1));
    let (known, error) = (meta.ok(), meta.err());
    let changed = known.is_some_and(|meta| after_start(meta.modified));
    // `mv` and `cp -p` keep when it was written.
    let replaced = known.and_then(|meta| meta.changed).is_some_and(after_start);
    ConfigFile {
        path,
        why,
        modified: known.and_then(|meta| timestamp(meta.modified)),
        changed_since_start: changed,
        replaced_since_start: replaced && !changed,
        unread: error.map(|error| error.to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fake::snapshot;

    #[test]
    fn a_file_that_was_replaced_by_an_older_one_is_told() {
        let target = snapshot(&["app"]).target;
        let of = |modified, changed| {
            let meta = FileMeta { len: 0, modified, changed, identity: (0, 0) };
            let state = state(&target, "/a".into(), String::new(), Ok(&meta));
            (state.changed_since_start, state.replaced_since_start)
        };
        // It started at 1000, and that is rounded down.
        assert_eq!(of(999, Some(1001)), (false, false));
        assert_eq!(of(999, Some(1002)), (false, true));
        assert_eq!(of(1002, Some(1002)), (true, false));
        assert_eq!(of(999, None), (false, false));
    }
}
