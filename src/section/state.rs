//! The state of a file that was read, or could not be.

use crate::report::{ConfigFile, timestamp};
use crate::target::TargetFacts;
use crate::target::files::FileError;
use crate::text::Text;

/// The file at this path, by when it was written or what kept it from being read.
pub fn state(
    target: &TargetFacts,
    path: Text,
    why: String,
    modified: Result<i64, &FileError>,
) -> ConfigFile {
    // The start is known to the second, and rounded down.
    let changed = modified
        .ok()
        .zip(target.process.started)
        .is_some_and(|(modified, started)| modified > started.saturating_add(1));
    ConfigFile {
        path,
        why,
        modified: modified.ok().and_then(timestamp),
        changed_since_start: changed,
        unread: modified.err().map(|error| error.to_string().into()),
    }
}
