//! YAML 1.2.
//!
//! Events are taken one by one, and nothing is put together: an alias is the text that it stands for, or
//! names the line of what it stands for, and so never multiplies anything.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;

use saphyr_parser::{Event as Parsed, Parser, Span};

use super::{Collection, Event, Piece};
use crate::text::MASK;

/// Values inside values.
const MAX_DEPTH: usize = 64;

/// What the parser may do between two events: characters times opened brackets since the last one.
/// It looks ahead to the end of a collection in brackets before it tells of its start, and looks at
/// each bracket that is open again for each word.
const MAX_EFFORT: u64 = 1 << 28;

/// Stands for the mask while the text is parsed: in YAML, `***` would be an alias. It has as many
/// characters.
const PLACEHOLDER: &str = "\u{f8f7}\u{f8f8}\u{f8f7}";

/// The longest text of an anchor that is told again where it is used, in bytes.
const MAX_ANCHOR: usize = 256;

/// What stands for a key that is a collection; what that holds is told as a value of this key.
const KEY_OF_PARTS: &str = "?";

/// Tells what a text says. False if it is no YAML, or too deep: what was told until then is void.
pub fn read(text: &str, tell: &mut dyn FnMut(Event<'_>)) -> bool {
    let places = Places::of(text);
    let text = text.replace(MASK, PLACEHOLDER);
    let effort = Cell::new((0_u64, 0_u64));
    let chars = text.chars().map_while(|c| {
        let (read, opened) = effort.get();
        let now = (read + 1, opened + u64::from(matches!(c, '[' | '{')));
        effort.set(now);
        (now.0.saturating_mul(now.1) < MAX_EFFORT).then_some(c)
    });
    let mut reader = Reader { places, open: Vec::new(), anchors: HashMap::new(), tell };
    for event in Parser::new_from_iter(chars) {
        effort.set((0, 0));
        let Ok((event, span)) = event else { return false };
        if !reader.event(event, span) {
            return false;
        }
    }
    true
}

/// Where the characters of a text are, which the parser counts, in bytes.
struct Places<'t> {
    text: &'t str,
    /// The place of every [`Places::STRIDE`]th of them.
    known: Vec<usize>,
}

impl<'t> Places<'t> {
    const STRIDE: usize = 64;

    fn of(text: &'t str) -> Places<'t> {
        let known = text.char_indices().step_by(Self::STRIDE).map(|(at, _)| at).collect();
        Places { text, known }
    }

    fn byte(&self, char: usize) -> usize {
        let Some(from) = self.known.get(char / Self::STRIDE) else { return self.text.len() };
        let rest = self.text.get(*from..).unwrap_or_default();
        let at = rest.char_indices().nth(char % Self::STRIDE).map(|(at, _)| from + at);
        at.unwrap_or(self.text.len())
    }

    fn bytes(&self, span: Span) -> Range<usize> {
        self.byte(span.start.index())..self.byte(span.end.index())
    }
}

/// A collection that is being read.
struct Open {
    kind: Collection,
    /// Whether the next thing in it is a key.
    wants_key: bool,
    /// Whether it is itself a key.
    is_key: bool,
}

struct Reader<'t, 'f> {
    places: Places<'t>,
    open: Vec<Open>,
    /// The line of each anchor, and its text if it is a short one.
    anchors: HashMap<usize, (usize, Option<String>)>,
    tell: &'f mut dyn FnMut(Event<'_>),
}

impl Reader<'_, '_> {
    /// Takes an event. False if what it begins lies too deep.
    fn event(&mut self, event: Parsed<'_>, span: Span) -> bool {
        match event {
            Parsed::DocumentStart(_) => (self.tell)(Event::Document),
            Parsed::Scalar(text, _, anchor, _) => {
                let text = text.replace(PLACEHOLDER, MASK);
                let short = (text.len() <= MAX_ANCHOR).then(|| text.clone());
                self.anchor(anchor, span, short);
                self.scalar(text.into(), span);
            }
            Parsed::Alias(anchor) => {
                let text = match self.anchors.get(&anchor) {
                    Some((_, Some(text))) => text.clone(),
                    Some((line, None)) => format!("(as on line {line})"),
                    None => "(an alias)".to_owned(),
                };
                self.scalar(text.into(), span);
            }
            Parsed::MappingStart(anchor, _) => {
                return self.begin(anchor, Collection::Mapping, span);
            }
            Parsed::SequenceStart(anchor, _) => return self.begin(anchor, Collection::List, span),
            Parsed::MappingEnd | Parsed::SequenceEnd => self.end(span),
            Parsed::Nothing | Parsed::StreamStart | Parsed::StreamEnd | Parsed::DocumentEnd => {}
        }
        true
    }

    fn anchor(&mut self, anchor: usize, span: Span, text: Option<String>) {
        if anchor != 0 {
            self.anchors.insert(anchor, (span.start.line(), text));
        }
    }

    /// Whether what comes now is a key of the innermost mapping; what comes then is not.
    fn takes_key(&mut self) -> bool {
        self.open.last_mut().is_some_and(|open| {
            let is_key = open.wants_key;
            open.wants_key = open.kind == Collection::Mapping && !is_key;
            is_key
        })
    }

    fn scalar(&mut self, text: Cow<'_, str>, span: Span) {
        let piece = Piece { text, span: self.places.bytes(span) };
        let is_key = self.takes_key();
        (self.tell)(if is_key { Event::Key(piece) } else { Event::Scalar(piece) });
    }

    fn begin(&mut self, anchor: usize, kind: Collection, span: Span) -> bool {
        if self.open.len() >= MAX_DEPTH {
            return false;
        }
        self.anchor(anchor, span, None);
        let is_key = self.takes_key();
        if is_key {
            self.key_of_parts(span);
        }
        self.open.push(Open { kind, wants_key: kind == Collection::Mapping, is_key });
        (self.tell)(Event::Begin(kind, self.places.bytes(span)));
        true
    }

    fn end(&mut self, span: Span) {
        (self.tell)(Event::End);
        if self.open.pop().is_some_and(|open| open.is_key) {
            self.key_of_parts(span);
        }
    }

    fn key_of_parts(&mut self, span: Span) {
        let start = self.places.byte(span.start.index());
        (self.tell)(Event::Key(Piece { text: KEY_OF_PARTS.into(), span: start..start }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_told_with_their_places() {
        let text = "\u{e9}: [1, \"a b\"]\n? {x: y}\n: 'z'\npass: ***\nc: &i one\nd: *i\n";
        let mut told = Vec::new();
        let is_yaml = read(text, &mut |event| match event {
            Event::Key(piece) => told.push(("key", text[piece.span].to_owned(), piece.text.into())),
            Event::Scalar(piece) => {
                told.push(("value", text[piece.span].to_owned(), piece.text.into_owned()));
            }
            Event::Begin(..) | Event::End | Event::Document => {}
        });
        assert!(is_yaml);
        let expected = [
            ("key", "\u{e9}", "\u{e9}"),
            ("value", "1", "1"),
            ("value", "\"a b\"", "a b"),
            ("key", "", "?"),
            ("key", "x", "x"),
            ("value", "y", "y"),
            ("key", "", "?"),
            ("value", "'z'", "z"),
            ("key", "pass", "pass"),
            ("value", "***", "***"),
            ("key", "c", "c"),
            ("value", "&i one", "one"),
            ("key", "d", "d"),
            ("value", "*i", "one"),
        ];
        let expected =
            expected.map(|(kind, stands, says)| (kind, stands.to_owned(), says.to_owned()));
        assert_eq!(told, expected);
    }

    #[test]
    fn what_is_no_yaml_or_too_deep_is_told_to_be_none() {
        for text in ["a: [", "a: b: c", &"- ".repeat(MAX_DEPTH + 1), &"[".repeat(2000)] {
            assert!(!read(text, &mut |_| {}), "{text}");
        }
    }
}
