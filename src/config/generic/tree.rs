//! Values in a tree: the names of nested ones joined by dots, those of a list by their numbers, the
//! outermost mapping as group.

use super::{MAX_KEY_BYTES, Output, TOP_GROUP, cut};
use crate::config::MAX_OPTIONS;
use crate::formats::{Collection, Event, Lines};

/// The longest place of a value that is kept, in bytes.
const MAX_PATH: usize = 4096;

/// A value, with its place and the line of its name.
struct Found {
    group: String,
    option: String,
    text: String,
    line: u32,
}

/// A collection that is being read.
struct Open {
    /// Its key or index in the one around: `.name`, `[3]`.
    path: String,
    kind: Collection,
    /// The key whose value comes next, with its line; of a list none.
    key: Option<(String, u32)>,
    /// How many values it had.
    values: usize,
    line: u32,
}

/// Takes the events of a text, and has then what it says.
pub(super) struct Tree {
    lines: Lines,
    /// One more than may be kept tells that there are more.
    found: Vec<Found>,
    open: Vec<Open>,
    /// Documents in the text, up to now.
    document: usize,
}

impl Tree {
    pub(super) fn of(text: &str) -> Tree {
        Tree { lines: Lines::of(text), found: Vec::new(), open: Vec::new(), document: 0 }
    }

    /// Takes an event.
    pub(super) fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Document => self.document += 1,
            Event::Key(key) => {
                let line = self.lines.at(key.span.start);
                if let Some(open) = self.open.last_mut() {
                    open.key = Some((cut(&key.text, MAX_KEY_BYTES).to_owned(), line));
                }
            }
            Event::Scalar(piece) => {
                let (path, line) = self.place(self.lines.at(piece.span.start));
                self.value(&path, &piece.text, line);
            }
            Event::Begin(kind, span) => {
                let (path, line) = self.place(self.lines.at(span.start));
                self.open.push(Open { path, kind, key: None, values: 0, line });
            }
            Event::End => {
                let Some(open) = self.open.pop() else { return };
                if open.values == 0 {
                    let empty = if open.kind == Collection::Mapping { "{}" } else { "[]" };
                    self.value(&open.path, empty, open.line);
                }
            }
        }
    }

    /// Adds what was found.
    pub(super) fn finish(self, out: &mut Output<'_>) {
        for found in self.found {
            out.value(&found.group, &found.option, &found.text, found.line);
        }
    }

    /// The place of the next value, and the line of its name.
    fn place(&mut self, line: u32) -> (String, u32) {
        match self.open.last_mut() {
            None => (String::new(), line),
            Some(open) => {
                open.values += 1;
                match open.key.take() {
                    Some((key, line)) => (format!(".{key}"), line),
                    None => (format!("[{}]", open.values - 1), line),
                }
            }
        }
    }

    /// Adds a value at `path` in the collections that are open.
    fn value(&mut self, path: &str, text: &str, line: u32) {
        if self.found.len() > MAX_OPTIONS {
            return;
        }
        // The outermost collection has no name; a mapping in the outermost mapping is a group.
        let mut parts: Vec<&str> =
            self.open.iter().skip(1).map(|open| open.path.as_str()).collect();
        parts.push(path);
        let is_mapping = |open: &Open| open.kind == Collection::Mapping;
        let is_group = matches!(self.open.get(..2), Some([outer, inner])
            if is_mapping(outer) && is_mapping(inner));
        let (group, parts) = match parts.split_first() {
            Some((first, rest)) if is_group => (first.strip_prefix('.').unwrap_or(first), rest),
            _ => (TOP_GROUP, parts.as_slice()),
        };
        let group = match self.document {
            0 | 1 => group.to_owned(),
            later => format!("document {later}: {group}"),
        };
        let option = parts.concat();
        let option = cut(option.strip_prefix('.').unwrap_or(&option), MAX_PATH).to_owned();
        self.found.push(Found { group, option, text: text.to_owned(), line });
    }
}
