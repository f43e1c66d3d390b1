//! Configuration files as they are now, each with its state.

use crate::evidence::files::Files;
use crate::note::Note;
use crate::report::{ConfigFile, timestamp};
use crate::target::TargetFacts;
use crate::target::files::FileError;

/// A configuration file that was looked for.
pub struct Found {
    /// The file and its state.
    pub shown: ConfigFile,
    /// Its text, masked; empty if it could not be read.
    pub text: String,
    /// Whether there is no such file.
    pub absent: bool,
}

impl Found {
    /// What is missing of it, or looks odd.
    pub fn notes(&self) -> Vec<Note> {
        let path = &self.shown.path;
        let unread = self.shown.unread.iter();
        let mut notes: Vec<Note> =
            unread.map(|unread| Note::missing(path.clone(), unread.clone())).collect();
        if self.text.contains(char::REPLACEMENT_CHARACTER) {
            let what = "what is not UTF-8 in it is shown as \u{fffd}";
            notes.push(Note::remark(path.clone(), what));
        }
        notes
    }

    /// Reads it, unless it cannot be read.
    pub fn read(target: &TargetFacts, files: &Files, path: String, why: &str) -> Found {
        let read = text(files, &path);
        let modified = read.as_ref().ok().map(|(_, modified)| *modified);
        // The start is known to the second, and rounded down.
        let changed = modified
            .zip(target.process.started)
            .is_some_and(|(modified, started)| modified > started.saturating_add(1));
        let shown = ConfigFile {
            path: path.into(),
            why: why.to_owned(),
            modified: modified.and_then(timestamp),
            changed_since_start: changed,
            unread: read.as_ref().err().map(|error| error.to_string().into()),
        };
        let absent = matches!(read, Err(FileError::Absent));
        Found { shown, absent, text: read.map(|(text, _)| text).unwrap_or_default() }
    }
}

/// The text of a configuration file, masked, and when it was written.
fn text(files: &Files, path: &str) -> Result<(String, i64), FileError> {
    let file = files.config(path)?;
    let bytes = file.read_all(file.len())?;
    let text = String::from_utf8_lossy(bytes);
    if !is_text(&text) {
        return Err(FileError::Other("not a text file".into()));
    }
    Ok((text.into_owned(), file.meta().modified))
}

/// Texts of older encodings have no control characters, and random bytes are not UTF-8.
fn is_text(text: &str) -> bool {
    let control = |c: char| c.is_ascii_control() && !c.is_ascii_whitespace();
    let noise = text.contains(char::REPLACEMENT_CHARACTER) && text.contains(control);
    !noise && !text.contains('\0')
}
