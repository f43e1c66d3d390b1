//! YAML: nested values joined by dots, the outermost mapping as group, as with JSON.
//!
//! Events are taken one by one, and nothing is put together: an alias is shown by the text that it
//! stands for, or by the line of what it stands for, and so never multiplies anything.

use std::cell::Cell;
use std::collections::HashMap;

use saphyr_parser::{Event, Parser};

use super::{MAX_KEY_BYTES, Output, TOP_GROUP, cut};
use crate::config::MAX_OPTIONS;
use crate::mask::MASK;

/// Values inside values.
const MAX_DEPTH: usize = 64;

/// What the parser may do between two events: characters times opened brackets since the last one.
/// It looks ahead to the end of a collection in brackets before it tells of its start, and looks at
/// each bracket that is open again for each word.
const MAX_EFFORT: u64 = 1 << 28;

/// The longest place of a value that is kept, in bytes.
const MAX_PATH: usize = 4096;

/// Stands for the mask while the text is parsed: in YAML, `***` would be an alias.
const PLACEHOLDER: &str = "\u{f8f7}\u{f8f8}\u{f8f7}";

/// The longest text of an anchor that is shown again where it is used, in bytes.
const MAX_ANCHOR: usize = 256;

/// Adds the values of a YAML text. False if it is none; then none were added.
pub(super) fn parse(text: &str, out: &mut Output<'_>) -> bool {
    let text = text.replace(MASK, PLACEHOLDER);
    let effort = Cell::new((0_u64, 0_u64));
    let chars = text.chars().map_while(|c| {
        let (read, opened) = effort.get();
        let now = (read + 1, opened + u64::from(matches!(c, '[' | '{')));
        effort.set(now);
        (now.0.saturating_mul(now.1) < MAX_EFFORT).then_some(c)
    });
    let mut walk = Walk::default();
    for event in Parser::new_from_iter(chars) {
        effort.set((0, 0));
        let Ok((event, span)) = event else { return false };
        let line = u32::try_from(span.start.line()).unwrap_or(u32::MAX);
        if !walk.event(event, line) {
            return false;
        }
    }
    for found in walk.found {
        out.value(&found.group, &found.option, &found.text, found.line);
    }
    true
}

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
    /// Whether it is a mapping.
    mapping: bool,
    /// The key whose value comes next, with its line; of a list none.
    key: Option<(String, u32)>,
    /// How many values it had.
    values: usize,
    line: u32,
}

#[derive(Default)]
struct Walk {
    /// One more than may be kept tells that there are more.
    found: Vec<Found>,
    open: Vec<Open>,
    /// The line of each anchor, and its text if it is a short one.
    anchors: HashMap<usize, (u32, Option<String>)>,
    /// Documents in the text, up to now.
    document: usize,
}

impl Walk {
    /// Takes an event. False if what it begins lies too deep.
    fn event(&mut self, event: Event<'_>, line: u32) -> bool {
        match event {
            Event::DocumentStart(_) => self.document += 1,
            Event::Scalar(text, _, anchor, _) => {
                let text = text.replace(PLACEHOLDER, MASK);
                let short = (text.len() <= MAX_ANCHOR).then(|| text.clone());
                self.anchor(anchor, line, short);
                self.scalar(&text, line);
            }
            Event::Alias(anchor) => {
                let text = match self.anchors.get(&anchor) {
                    Some((_, Some(text))) => text.clone(),
                    Some((at, None)) => format!("(as on line {at})"),
                    None => "(an alias)".to_owned(),
                };
                self.scalar(&text, line);
            }
            Event::MappingStart(anchor, _) => return self.begin(anchor, true, line),
            Event::SequenceStart(anchor, _) => return self.begin(anchor, false, line),
            Event::MappingEnd | Event::SequenceEnd => self.end(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        true
    }

    fn anchor(&mut self, anchor: usize, line: u32, text: Option<String>) {
        if anchor != 0 {
            self.anchors.insert(anchor, (line, text));
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

    /// Whether the next thing in the innermost mapping is a key.
    fn wants_key(&self) -> bool {
        self.open.last().is_some_and(|open| open.mapping && open.key.is_none())
    }

    fn scalar(&mut self, text: &str, line: u32) {
        if self.wants_key() {
            let key = cut(text, MAX_KEY_BYTES).to_owned();
            if let Some(open) = self.open.last_mut() {
                open.key = Some((key, line));
            }
            return;
        }
        let (path, line) = self.place(line);
        self.value(&path, text, line);
    }

    fn begin(&mut self, anchor: usize, mapping: bool, line: u32) -> bool {
        if self.open.len() >= MAX_DEPTH {
            return false;
        }
        self.anchor(anchor, line, None);
        let (path, line) = if self.wants_key() {
            // What is in a key that is a collection is shown below it.
            if let Some(open) = self.open.last_mut() {
                open.key = Some(("?".to_owned(), line));
            }
            (".?".to_owned(), line)
        } else {
            self.place(line)
        };
        self.open.push(Open { path, mapping, key: None, values: 0, line });
        true
    }

    fn end(&mut self) {
        let Some(open) = self.open.pop() else { return };
        if open.values == 0 {
            self.value(&open.path, if open.mapping { "{}" } else { "[]" }, open.line);
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
        let is_group =
            matches!(self.open.get(..2), Some([outer, inner]) if outer.mapping && inner.mapping);
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
