//! TOML: nested values joined by dots, the outermost table as group, as with JSON.
//!
//! The library bounds the depth (80). Names come sorted.

use ::toml::Spanned;
use ::toml::de::{DeString, DeTable, DeValue};

use super::{MAX_KEY_BYTES, Output, TOP_GROUP, cut};
use crate::mask::MASK;

/// Adds the values of a TOML text. False if it is none.
pub(super) fn parse(text: &str, out: &mut Output<'_>) -> bool {
    let text = quote_masks(text);
    let Ok(table) = DeTable::parse(&text) else { return false };
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let mut walk = Walk { ends: &ends, out };
    for (name, value) in table.get_ref() {
        let line = walk.line(name);
        match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() => {
                for (option, value) in inner {
                    let line = walk.line(option);
                    walk.value(name.get_ref(), key(option), value, line);
                }
            }
            _ => walk.value(TOP_GROUP, key(name), value, line),
        }
    }
    true
}

/// A name, cut if it is none that anybody would give.
fn key(name: &Spanned<DeString<'_>>) -> String {
    cut(name.get_ref(), MAX_KEY_BYTES).to_owned()
}

/// A number that was masked, or a secret with a comment behind it, has lost its quotes: without them
/// the mask is no TOML.
fn quote_masks(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let body = line.trim_end();
        let bare = body.strip_suffix(',').unwrap_or(body);
        let head = bare.strip_suffix(MASK).filter(|head| {
            let head = head.trim_end();
            head.is_empty() || head.ends_with('=')
        });
        match head {
            Some(head) => {
                quoted.push_str(&format!("{head}\"{MASK}\""));
                quoted.push_str(line.get(bare.len()..).unwrap_or_default());
            }
            None => quoted.push_str(line),
        }
    }
    quoted
}

struct Walk<'a, 'o, 'i> {
    /// Where the lines end.
    ends: &'a [usize],
    out: &'o mut Output<'i>,
}

impl Walk<'_, '_, '_> {
    /// The line that something begins on, from 1.
    fn line<T>(&self, at: &Spanned<T>) -> u32 {
        let before = self.ends.partition_point(|end| *end < at.span().start);
        u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Adds a value and what is in it; the library bounds the depth.
    fn value(&mut self, group: &str, path: String, value: &Spanned<DeValue<'_>>, line: u32) {
        match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() => {
                for (name, value) in inner {
                    let line = self.line(name);
                    self.value(group, format!("{path}.{}", key(name)), value, line);
                }
            }
            DeValue::Array(items) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    let line = self.line(item);
                    self.value(group, format!("{path}[{index}]"), item, line);
                }
            }
            DeValue::Table(_) => self.out.value(group, &path, "{}", line),
            DeValue::Array(_) => self.out.value(group, &path, "[]", line),
            DeValue::String(text) => self.out.value(group, &path, text, line),
            DeValue::Integer(number) => self.out.value(group, &path, &number.to_string(), line),
            DeValue::Float(number) => self.out.value(group, &path, &number.to_string(), line),
            DeValue::Boolean(truth) => self.out.value(group, &path, &truth.to_string(), line),
            DeValue::Datetime(time) => self.out.value(group, &path, &time.to_string(), line),
        }
    }
}
