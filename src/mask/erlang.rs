//! Masks Erlang terms, such as RabbitMQ's `advanced.config`: `{default_pass, <<"x">>}`.
//!
//! The first of a tuple is its name, and the values behind it are secrets if the name says so. The
//! second of the pair in `{dn_lookup_bind, {"cn=x", "y"}}` is a password (of the LDAP backend). In a
//! map, what stands before `=>` is the name of what stands behind: `#{password => <<"x">>}`.

use std::ops::Range;

use super::name::{is_harmless, is_secret_name};
use super::{MASK, lines_of, replace};

/// How many brackets are remembered, one in the other.
const MAX_DEPTH: usize = 256;
/// How much of a name is looked at.
const MAX_NAME: usize = 128;
/// Tuples whose value is a pair of a user and a password.
const PAIRS: &[&str] = &["dn_lookup_bind", "other_bind"];

/// Whether a text is terms: it begins with a bracket (`#{` is that of a map) and ends with one and a full stop.
pub(super) fn is_terms(text: &str) -> bool {
    let code = |line: &&str| !line.is_empty() && !line.starts_with('%');
    let mut lines = text.lines().map(str::trim);
    let ends = |line: &str| {
        let line = line.split('%').next().unwrap_or_default().trim_end();
        line.ends_with("].") || line.ends_with("}.")
    };
    lines
        .clone()
        .find(code)
        .is_some_and(|line| line.starts_with(['[', '{']) || line.starts_with("#{"))
        && lines.rfind(code).is_some_and(ends)
}

/// A bracket that is open.
#[derive(Default)]
struct Bracket<'a> {
    is_tuple: bool,
    is_map: bool,
    /// How many commas there were.
    index: usize,
    name: &'a str,
    /// The last string, atom or number: of a map, `=>` makes it a name.
    last: &'a str,
    /// The name that makes what is in it secret; the texts only, if that is the name of a value that
    /// it is in: `{password, {encrypted, <<"x">>}}`.
    secret: Option<&'a str>,
    is_inner: bool,
    /// What makes all of a map secret, whatever the names in it.
    around: Option<&'a str>,
    /// It is the pair of a user and a password.
    is_pair: bool,
}

/// The text with its secrets masked.
pub(super) fn mask(text: &str) -> String {
    let mut spans = Vec::new();
    find(text, 0, &mut spans);
    replace(text, spans).unwrap_or_else(|| text.to_owned())
}

/// Adds the secrets of a text that begins at `offset`. A comment is looked at for itself: a tuple that
/// was commented out has its password still.
fn find(text: &str, offset: usize, spans: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut open: Vec<Bracket<'_>> = Vec::new();
    let mut beyond = 0_usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'{' | b'[' if open.len() >= MAX_DEPTH => beyond += 1,
            b'{' | b'[' => {
                let is_map = *byte == b'{' && text.as_bytes().get(..start).is_some_and(is_map_mark);
                let bracket = inside(open.last(), *byte == b'{' && !is_map, is_map);
                open.push(bracket);
            }
            b'}' | b']' if beyond > 0 => beyond -= 1,
            b'}' | b']' => {
                open.pop();
            }
            b',' => {
                if let Some(bracket) = open.last_mut() {
                    bracket.index += 1;
                    bracket.last = "";
                    if bracket.is_map {
                        bracket.is_value_of("");
                    }
                }
            }
            b'=' if bytes.get(at) == Some(&b'>') => {
                at += 1;
                if let Some(bracket) = open.last_mut().filter(|bracket| bracket.is_map) {
                    bracket.is_value_of(bracket.last);
                }
            }
            // A character: `$"` begins no string.
            b'$' => {
                at = end_of_character(text, at);
                scalar(text, start..at, offset, &mut open, spans);
            }
            b'%' => {
                let line = text.get(at..).unwrap_or_default();
                let line = line.split(['\n', '\r']).next().unwrap_or_default();
                if offset == 0 {
                    find_in_comment(line, at, spans);
                }
                at += line.len();
            }
            b'"' | b'\'' => {
                let end = end_of_quoted(bytes, at, *byte);
                scalar(text, start + 1..end, offset, &mut open, spans);
                at = (end + 1).min(bytes.len());
            }
            byte if byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii() => {
                let in_word =
                    |b: &u8| b.is_ascii_alphanumeric() || b"_@.-#".contains(b) || !b.is_ascii();
                let rest = bytes.get(at..).unwrap_or_default();
                at += rest.iter().take_while(|b| in_word(b)).count();
                scalar(text, start..at, offset, &mut open, spans);
            }
            _ => {}
        }
    }
}

fn find_in_comment(line: &str, at: usize, spans: &mut Vec<Range<usize>>) {
    find(line.trim_start_matches('%'), at + line.len() - line.trim_start_matches('%').len(), spans);
}

/// Whether a brace behind this is that of a map.
fn is_map_mark(before: &[u8]) -> bool {
    before.last() == Some(&b'#')
}

/// Where a character ends whose `$` stands before: `$a`, `$\n`.
fn end_of_character(text: &str, from: usize) -> usize {
    let mut chars = text.get(from..).unwrap_or_default().chars();
    let first = chars.next();
    let second = chars.next().filter(|_| first == Some('\\'));
    from + first.map_or(0, char::len_utf8) + second.map_or(0, char::len_utf8)
}

impl<'a> Bracket<'a> {
    /// What follows in a map is the value of this name; of none, if it is empty.
    fn is_value_of(&mut self, name: &'a str) {
        self.name = if name.len() <= MAX_NAME { name } else { "" };
        let is_secret = is_secret_name(self.name);
        self.secret = if is_secret { Some(self.name) } else { self.around };
        self.is_inner = !is_secret;
    }
}

/// What a bracket is that begins in another.
fn inside<'a>(around: Option<&Bracket<'a>>, is_tuple: bool, is_map: bool) -> Bracket<'a> {
    let Some(around) = around else { return Bracket { is_tuple, is_map, ..Bracket::default() } };
    let is_value = !around.is_tuple || around.index > 0;
    let secret = around.secret.filter(|_| is_value);
    let is_pair = around.is_map || around.index > 0;
    Bracket {
        is_tuple,
        is_map,
        secret,
        around: secret,
        is_inner: is_tuple || is_map || around.is_inner,
        is_pair: is_tuple && is_pair && PAIRS.contains(&around.name),
        ..Bracket::default()
    }
}

/// A string, an atom or a number: a name, or a value.
fn scalar<'a>(
    text: &'a str,
    range: Range<usize>,
    offset: usize,
    open: &mut [Bracket<'a>],
    spans: &mut Vec<Range<usize>>,
) {
    let value = text.get(range.clone()).unwrap_or_default();
    let before = range.start.checked_sub(1).and_then(|before| text.as_bytes().get(before));
    let is_text = matches!(before, Some(b'"'));
    let Some(bracket) = open.last_mut() else { return };
    bracket.last = value;
    if bracket.is_tuple && bracket.index == 0 {
        let name = if value.len() <= MAX_NAME { value } else { "" };
        bracket.name = name;
        if is_secret_name(name) {
            (bracket.secret, bracket.is_inner) = (Some(name), false);
        }
        return;
    }
    let pair = Some("password").filter(|_| bracket.is_pair && bracket.index == 1);
    let secret = bracket.secret.filter(|_| is_text || !bracket.is_inner);
    let Some(name) = secret.or(pair) else { return };
    if value != MASK && !is_harmless(name, value) {
        spans.extend(lines_of(value, offset + range.start));
    }
}

fn end_of_quoted(bytes: &[u8], from: usize, quote: u8) -> usize {
    let mut backslash = false;
    for (index, byte) in bytes.iter().enumerate().skip(from) {
        if *byte == quote && !backslash {
            return index;
        }
        backslash = *byte == b'\\' && !backslash;
    }
    bytes.len()
}
