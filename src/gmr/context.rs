//! What all sections of a report share while it is read.

use std::collections::HashMap;

use crate::mask::Secrets;
use crate::report::Block;
use crate::text::Text;

/// The most things (frames, threads, processes, options, items of lists) that are made of a
/// report: a hostile one of 64 MiB could have many more than memory has room for.
const MAX_THINGS: usize = 1 << 19;

/// What is shared, and how much more may be read.
pub(super) struct Context {
    /// What becomes of secrets.
    pub secrets: Secrets,
    room: usize,
    /// Texts as they may be shown, by what they were: few files have many frames.
    known: HashMap<String, Text>,
}

impl Context {
    pub(super) fn new(secrets: Secrets) -> Context {
        Context { secrets, room: MAX_THINGS, known: HashMap::new() }
    }

    /// Takes room for one more thing; `false` if there is none.
    pub(super) fn take(&mut self) -> bool {
        let taken = self.room.checked_sub(1);
        self.room = taken.unwrap_or(0);
        taken.is_some()
    }

    /// A short text that comes often, masked.
    pub(super) fn text(&mut self, text: &str) -> Text {
        if let Some(known) = self.known.get(text) {
            return known.clone();
        }
        let shown = Text::from(&*self.secrets.mask_text(text));
        self.known.insert(text.to_owned(), shown.clone());
        shown
    }

    /// Text as it is, masked as a file is.
    pub(super) fn block(&self, text: &str) -> Block {
        let masked = self.secrets.mask_file("", text.as_bytes());
        Block::Text { file: None, command: None, text: Text::from_bytes(&masked), left: 0 }
    }
}

/// Adds a line to what could not be read.
pub(super) fn push_line(rest: &mut String, line: &str) {
    rest.push_str(line);
    rest.push('\n');
}
