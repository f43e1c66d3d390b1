//! The text of source lines, from the files as the process sees them now.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::evidence::files::Files;
use crate::mask::Secrets;
use crate::text::Text;

/// The largest source file that is read, in bytes.
const MAX_SOURCE: u64 = 8 << 20;

/// A longer line is not shown, in bytes.
const MAX_LINE: usize = 4096;

/// Source files, each opened once.
pub struct Sources<'a> {
    files: &'a Files,
    directory: Option<Text>,
    secrets: Secrets,
    opened: RefCell<HashMap<Text, Option<&'a [u8]>>>,
    lines: RefCell<HashMap<(Text, u32), Option<Text>>>,
}

impl<'a> Sources<'a> {
    /// Source files of a process with this working directory, which relative paths start from.
    pub fn new(files: &'a Files, directory: Option<Text>, secrets: Secrets) -> Sources<'a> {
        Sources { files, directory, secrets, opened: RefCell::default(), lines: RefCell::default() }
    }

    /// A line of a file, from 1, without its indentation, secrets masked.
    pub fn line(&self, file: &Text, line: u32) -> Option<Text> {
        let key = (file.clone(), line);
        if let Some(known) = self.lines.borrow().get(&key) {
            return known.clone();
        }
        let text = self.read_line(file, line);
        self.lines.borrow_mut().insert(key, text.clone());
        text
    }

    fn read_line(&self, file: &Text, line: u32) -> Option<Text> {
        let nth = usize::try_from(line).ok()?.checked_sub(1)?;
        let known = self.opened.borrow().get(file).copied();
        let bytes = known.unwrap_or_else(|| {
            let bytes = self.open(file);
            self.opened.borrow_mut().insert(file.clone(), bytes);
            bytes
        });
        let text = bytes?.split(|byte| *byte == b'\n').nth(nth)?.trim_ascii();
        // Never cut: half a secret is no longer recognized.
        let text = Text::from_bytes(Some(text).filter(|text| text.len() <= MAX_LINE)?);
        let shown = Text::from(&*self.secrets.mask_text(text.raw()));
        Some(shown).filter(|text| !text.is_empty())
    }

    fn open(&self, file: &Text) -> Option<&'a [u8]> {
        // `<frozen importlib._bootstrap>`, `<string>`: no files.
        if file.raw().starts_with('<') {
            return None;
        }
        let path = match (&self.directory, file.raw().starts_with('/')) {
            (_, true) => file.raw().to_owned(),
            (Some(directory), false) => format!("{}/{}", directory.raw(), file.raw()),
            (None, false) => return None,
        };
        self.files.in_root(&path).ok()?.read_all(MAX_SOURCE).ok()
    }
}
