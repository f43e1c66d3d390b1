//! What all sections of a report share while it is read.

use std::collections::HashMap;

use crate::mask::Secrets;
use crate::report::Block;
use crate::text::Text;

/// The most things (frames, threads, processes, options, items of lists) that are made of a report:
/// a frame takes some 60 bytes of a report, so that the largest that was seen, of 2.6 MB, has a sixth
/// of them. In memory each is some hundred bytes.
const MAX_THINGS: usize = 1 << 18;

/// The most bytes of text that are shown as they are, in all. To mask them takes longer than all
/// else: a text of 64 MiB in short lines took two minutes.
const MAX_TEXT: usize = 8 << 20;

/// What is shared, and how much more may be read.
pub(super) struct Context {
    /// What becomes of secrets.
    pub secrets: Secrets,
    room: usize,
    room_for_text: usize,
    /// Texts as they may be shown, by what they were: few files have many frames.
    known: HashMap<String, Text>,
}

impl Context {
    pub(super) fn new(secrets: Secrets) -> Context {
        Context { secrets, room: MAX_THINGS, room_for_text: MAX_TEXT, known: HashMap::new() }
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

    /// Text as it is, masked as a file is. It ends with a whole line, so that no secret is cut and
    /// not known for one.
    pub(super) fn block(&mut self, text: &str) -> Block {
        self.block_of(text, usize::MAX)
    }

    /// The same, with no more bytes than so many.
    pub(super) fn block_of(&mut self, text: &str, most: usize) -> Block {
        let room = self.room_for_text.min(most);
        let fits = text.len() <= room;
        let room = text.as_bytes().get(..room).unwrap_or_default();
        let end = memchr::memrchr(b'\n', room).map_or(0, |last| last + 1);
        let shown = if fits { text } else { text.get(..end).unwrap_or_default() };
        self.room_for_text -= shown.len();
        let left = (text.len() - shown.len()) as u64;
        let masked = self.secrets.mask_file("", shown.as_bytes());
        Block::Text { file: None, command: None, text: Text::from_bytes(&masked), left }
    }
}

/// Adds a line to what could not be read.
pub(super) fn push_line(rest: &mut String, line: &str) {
    rest.push_str(line);
    rest.push('\n');
}
