//! Which lines are certainly log lines: those that begin as the usual formats do, and those that
//! have the shape of lines that this very file had before.

use std::collections::HashMap;

/// How much of a line makes its shape, in bytes.
const SHAPED: usize = 40;

/// A shape with fewer numbers than this may be that of any text.
const MIN_NUMBERS: usize = 3;

/// How often a shape must have been seen.
const MIN_SEEN: u32 = 2;

/// The most shapes that are remembered.
const MAX_SHAPES: usize = 256;

/// The beginnings of usual log lines: `9` stands for a digit, `A` for a capital letter, `a` for a
/// small one, `_` for a digit or a space, anything else for itself.
const USUAL: [&str; 9] = [
    // oslo.log and logging: 2026-11-22 16:25:13.123
    "9999-99-99 99:99:99",
    "[9999-99-99 99:99:99",
    // RFC 3339
    "9999-99-99T99:99:99",
    "[9999-99-99T99:99:99",
    // nginx, Go
    "9999/99/99 99:99:99",
    // uWSGI: [pid: 12|app: 0
    "[pid: 9",
    // syslog
    "Aaa _9 99:99:99",
    // klog
    "A9999 99:99:99",
    // The journal's levels
    "<9>9999-99-99",
];

/// The levels of Python's logging, as its basic format begins: `WARNING:root:…`.
const LEVELS: [&[u8]; 5] = [b"DEBUG:", b"INFO:", b"WARNING:", b"ERROR:", b"CRITICAL:"];

/// What the JSON formatter of oslo.log begins with, and what it has somewhere.
const JSON: (&[u8], &[u8]) = (b"{\"message\": ", b"\"levelname\": ");

/// Whether a line is one of a usual log.
pub(super) fn is_usual(line: &[u8]) -> bool {
    let begins = |pattern: &&str| {
        line.len() >= pattern.len() && line.iter().zip(pattern.bytes()).all(|(b, p)| fits(*b, p))
    };
    let of_level = |level: &&[u8]| {
        let name = line.strip_prefix(*level).unwrap_or_default();
        name.iter().take(SHAPED).position(|byte| *byte == b':').is_some_and(|at| {
            name.iter().take(at).all(|b| b.is_ascii_alphanumeric() || b"._".contains(b)) && at > 0
        })
    };
    let (start, within) = JSON;
    let json = || line.starts_with(start) && memchr::memmem::find(line, within).is_some();
    USUAL.iter().any(begins) || LEVELS.iter().any(of_level) || json()
}

fn fits(byte: u8, pattern: u8) -> bool {
    match pattern {
        b'9' => byte.is_ascii_digit(),
        b'_' => byte.is_ascii_digit() || byte == b' ',
        b'A' => byte.is_ascii_uppercase(),
        b'a' => byte.is_ascii_lowercase(),
        other => byte == other,
    }
}

/// The shapes of the lines that a file had.
#[derive(Debug, Default)]
pub(super) struct Shapes(HashMap<Vec<u8>, u32>);

impl Shapes {
    /// A line that was there before any report.
    pub(super) fn learn(&mut self, line: &[u8]) {
        let Some(shape) = shape(line) else { return };
        let room = self.0.len() < MAX_SHAPES;
        if let Some(seen) = self.0.get_mut(&shape) {
            *seen = seen.saturating_add(1);
        } else if room {
            self.0.insert(shape, 1);
        }
    }

    /// Whether a line is certainly not of a report.
    pub(super) fn knows(&self, line: &[u8]) -> bool {
        let seen = || shape(line).and_then(|shape| self.0.get(&shape).copied());
        is_usual(line) || seen().is_some_and(|seen| seen >= MIN_SEEN)
    }
}

/// The beginning of a line with each number as `9` and each word as `a`; `None` if too few numbers
/// are in it to tell anything.
fn shape(line: &[u8]) -> Option<Vec<u8>> {
    if line.starts_with(b" ") || line.len() < SHAPED {
        return None;
    }
    let mut shape = Vec::with_capacity(SHAPED);
    for byte in line.iter().take(SHAPED) {
        let byte = match byte {
            b'0'..=b'9' => b'9',
            b'a'..=b'z' | b'A'..=b'Z' => b'a',
            other => *other,
        };
        if !(matches!(byte, b'9' | b'a') && shape.last() == Some(&byte)) {
            shape.push(byte);
        }
    }
    let numbers = shape.iter().filter(|byte| **byte == b'9').count();
    // The last of it may be cut in the middle.
    shape.truncate(shape.len().min(SHAPED / 2));
    (numbers >= MIN_NUMBERS).then_some(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_log_lines_are_known_and_lines_of_reports_are_not() {
        for line in [
            "2026-11-22 16:25:13.123 4711 INFO nova.compute [-] x",
            "[2026-11-22 16:25:13 +0000] [9] [INFO] Booting",
            "2026-11-22T16:25:13Z x",
            "2026/11/22 16:25:13 [error] 7#7: x",
            "Nov  2 16:25:13 host nova: x",
            "E1122 16:25:13.123 7 x.go:1] x",
            "WARNING:root:x",
            "[pid: 12|app: 0|req: 1/1] 127.0.0.1 () {}",
            "{\"message\": \"x\", \"levelname\": \"INFO\"}",
        ] {
            assert!(is_usual(line.as_bytes()), "{line}");
        }
        for line in [
            "",
            "default: ",
            "  created = 2026-11-22 16:25:13",
            "note = 2026-11-22 16:25:13",
            "WARNING: this is a sentence: it is",
            "/srv/mini/miniapp.py:37 in py_wait",
            "2026-11-22",
        ] {
            assert!(!is_usual(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn a_shape_is_known_when_it_was_seen_twice() {
        let mut shapes = Shapes::default();
        let line =
            |n: usize| format!("10.0.0.{n} - - [22/Nov/2026:16:25:1{n} +0000] \"GET / HTTP\"");
        shapes.learn(line(1).as_bytes());
        assert!(!shapes.knows(line(2).as_bytes()));
        shapes.learn(line(3).as_bytes());
        assert!(shapes.knows(line(4).as_bytes()));
        assert!(!shapes.knows(b"10.0.0.1 is up, and so is every other host of this cell"));
        shapes.learn(b"a sentence that has no numbers but one, 5, and is long");
        shapes.learn(b"a sentence that has no numbers but one, 5, and is long");
        assert!(!shapes.knows(b"a sentence that has no numbers but one, 5, and is long"));
    }
}
