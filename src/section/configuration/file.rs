//! Configuration files as they are now, each with its state.

use crate::config::lookup::Lookup;
use crate::evidence::files::Files;
use crate::note::Note;
use crate::report::ConfigFile;
use crate::section::state::state;
use crate::target::TargetFacts;
use crate::target::files::{FileError, FileMeta};

/// A configuration file that was looked for.
pub struct Found {
    /// The file and its state.
    pub shown: ConfigFile,
    /// Its text, masked; empty if it could not be read.
    pub text: String,
    /// Whether there is no such file.
    pub absent: bool,
    /// Whether it was left out on purpose.
    left_out: bool,
}

impl Found {
    /// What is wrong with it.
    pub fn notes(&self) -> impl Iterator<Item = Note> {
        let unread = self.shown.unread.as_ref();
        let note = if self.left_out { Note::remark } else { Note::missing };
        let unread = unread.map(|why| note(self.shown.path.clone(), why.clone()));
        let what = "what is not UTF-8 in it is shown as \u{fffd}";
        let replaced = self.text.contains(char::REPLACEMENT_CHARACTER);
        unread.into_iter().chain(replaced.then(|| Note::remark(self.shown.path.clone(), what)))
    }

    /// Reads it, unless it cannot be read.
    pub fn read(target: &TargetFacts, files: &Files, path: String, why: &str) -> Found {
        let read = text(files, &path);
        let meta = read.as_ref().map(|(_, meta)| *meta);
        let shown = state(target, path.into(), why.to_owned(), meta);
        let absent = matches!(read, Err(FileError::Absent));
        let text = read.map(|(text, _)| text).unwrap_or_default();
        Found { shown, absent, text, left_out: false }
    }

    /// One that the process has not read, by all that is known.
    pub fn doubtful(path: String, why: String, doubt: &str) -> Found {
        let shown = ConfigFile {
            path: path.into(),
            why,
            modified: None,
            changed_since_start: false,
            replaced_since_start: false,
            unread: Some(doubt.into()),
        };
        Found { shown, absent: false, text: String::new(), left_out: true }
    }
}

/// The files of the target, as those who look for configuration ask for them.
pub struct InRoot<'a>(pub &'a Files);

impl Lookup for InRoot<'_> {
    fn exists(&self, path: &str) -> bool {
        // It is read at once, not only opened: whoever asks reads it next, and nothing stays open.
        // What may not even be looked at (a file in somebody else's home, named by a variable that
        // was inherited) is nothing that the process reads.
        let file = self.0.config(path);
        !matches!(file, Err(FileError::Absent | FileError::Denied | FileError::NotRecorded))
    }

    fn is_absent(&self, path: &str) -> bool {
        matches!(self.0.config(path), Err(FileError::Absent))
    }

    fn list(&self, directory: &str) -> Option<Vec<String>> {
        let names = self.0.list(directory).ok()?;
        Some(names.iter().map(|name| name.raw().to_owned()).collect())
    }

    fn text(&self, path: &str) -> Option<String> {
        text(self.0, path).ok().map(|(text, _)| text)
    }
}

/// The text of a configuration file, masked, and what is known of the file.
fn text<'f>(files: &'f Files, path: &str) -> Result<(String, &'f FileMeta), FileError> {
    let file = files.config(path)?;
    let bytes = file.read_all(file.len())?;
    let text = String::from_utf8_lossy(bytes);
    if !is_text(&text) {
        return Err(FileError::Other("not a text file".into()));
    }
    Ok((text.into_owned(), file.meta()))
}

/// Texts of older encodings have no control characters, and random bytes are not UTF-8.
fn is_text(text: &str) -> bool {
    let control = |c: char| c.is_ascii_control() && !c.is_ascii_whitespace();
    let noise = text.contains(char::REPLACEMENT_CHARACTER) && text.contains(control);
    !noise && !text.contains('\0')
}
