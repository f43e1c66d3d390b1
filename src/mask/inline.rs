//! `name=value` and `"name": "value"` anywhere in a text: connection strings, query strings, JSON,
//! Python's repr.
//!
//! An unquoted `name: value` is an assignment in braces only (YAML, JavaScript): prose is full of it.
//! What stands beside `name="DB_PASSWORD"` as `value="…"` is judged by that name.

use std::ops::Range;

use super::group::Group;
use super::name::{is_harmless, is_secret_name};

/// How far a name reaches back from its separator. The end of a longer one decides as well.
const MAX_NAME_BYTES: usize = 128;
/// Blanks around a separator.
const MAX_BLANKS: usize = 8;
/// The longest value that may be harmless, in bytes. In it others are looked for, each up to its own
/// end: without this that would take quadratic time.
const MAX_HARMLESS: usize = 4096;
/// `sh -c 'export SECRET='"'"'value'"'"''`
pub(super) const NESTED: &[u8] = b"'\"'\"'";
/// Names that are secrets in the query of a signed URL only.
const SIGNATURES: &[&str] = &["sig", "signature", "x-amz-signature", "x-goog-signature"];

/// Adds the values of all assignments to secret names.
pub(super) fn find(text: &str, spans: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    let mut braces = 0_usize;
    let mut named = None;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' => braces = braces.saturating_add(1),
            b'}' => braces = braces.saturating_sub(1),
            _ => {}
        }
        if at < from || !matches!(byte, b'=' | b':') {
            continue;
        }
        let Some(mut key) = key_before(text, from, at) else { continue };
        let in_braces = braces > 0 && key.first && bytes.get(at + 1) == Some(&b' ');
        if *byte == b':' && !key.quoted && !in_braces {
            continue;
        }
        match key.name {
            "name" | "key" => named = short_value(text, at + 1, in_braces).or(named),
            "value" => key.name = named.take().unwrap_or(key.name),
            _ => {}
        }
        let signature = key.in_query && SIGNATURES.iter().any(|s| key.name.eq_ignore_ascii_case(s));
        // The name first: to look for the end of every value would take quadratic time.
        if !signature && !is_secret_name(key.name) {
            continue;
        }
        let value = match *byte == b':' && !key.quoted {
            true => value_in_braces(text, at + 1),
            // `['--password=', 'x']`: the quote ends the word.
            false if ends_word(bytes.get(at + 1..).unwrap_or_default(), key.within) => continue,
            false => value_after(text, at + 1, key.quoted),
        };
        let holds_names = key.quoted || in_braces;
        let object = holds_names.then(|| object(text, &key, value.clone()));
        let value = object.flatten().unwrap_or(value);
        let judged = text.get(value.clone()).filter(|value| value.len() <= MAX_HARMLESS);
        if judged.is_none_or(|value| !is_harmless(key.name, value)) {
            from = value.end;
            spans.push(value);
        }
    }
}

struct Key<'a> {
    name: &'a str,
    quoted: bool,
    in_query: bool,
    /// The quote that a name without quotes stands behind.
    within: Option<u8>,
    /// Behind a brace or a comma.
    first: bool,
}

/// The text behind a separator, if it could be a name: a quoted one, in braces also a word.
fn short_value(text: &str, from: usize, in_braces: bool) -> Option<&str> {
    let rest = text.get(from..)?.trim_start_matches([' ', '\t']);
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    let Some(quote) = quote else {
        let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
        let length = rest.bytes().take(MAX_NAME_BYTES).take_while(in_name).count();
        return rest.get(..length).filter(|_| in_braces && length > 0);
    };
    let inner = rest.get(1..)?;
    let end = inner.bytes().take(MAX_NAME_BYTES).position(|byte| char::from(byte) == quote)?;
    inner.get(..end)
}

/// What is in the braces of an object that is a group of secrets: `"passwords": {…}`.
fn object(text: &str, key: &Key<'_>, value: Range<usize>) -> Option<Range<usize>> {
    let is_group = |group: Group| group.covers_items();
    let inner = text.get(value.start..)?.strip_prefix('{')?;
    if !value.is_empty() || !Group::of(key.name).is_some_and(is_group) {
        return None;
    }
    let mut depth = 1_usize;
    let end = inner.bytes().position(|byte| {
        depth += usize::from(byte == b'{');
        depth -= usize::from(byte == b'}');
        depth == 0
    });
    let start = value.start + 1;
    Some(start..end.map_or(text.len(), |end| start + end))
}

/// Whether a text begins with this quote, behind which no value can begin.
fn ends_word(text: &[u8], quote: Option<u8>) -> bool {
    quote.is_some()
        && text.first() == quote.as_ref()
        && text.get(1).is_none_or(|byte| byte.is_ascii_whitespace() || b",])}".contains(byte))
}

/// Where the value of an unquoted name in braces is: up to the next comma or brace, unless it is
/// quoted.
fn value_in_braces(text: &str, from: usize) -> Range<usize> {
    let rest = text.get(from..).unwrap_or_default();
    let from = from + rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let rest = text.get(from..).unwrap_or_default();
    if rest.starts_with(['"', '\'', '{', '[', '$']) {
        return value_after(text, from, true);
    }
    let end = rest.find([',', '}', '\n', '\r']).unwrap_or(rest.len());
    from..from + rest.get(..end).unwrap_or_default().trim_end().len()
}

/// The name that ends before the separator at `at`, not reaching before `from`.
fn key_before(text: &str, from: usize, at: usize) -> Option<Key<'_>> {
    let head = text.as_bytes().get(from..at)?;
    let mut end = head.len();
    while end > 0
        && head.len() - end < MAX_BLANKS
        && matches!(head.get(end - 1), Some(b' ' | b'\t'))
    {
        end -= 1;
    }
    let quote = head.get(..end)?.last().copied().filter(|b| matches!(b, b'"' | b'\''));
    if quote.is_some() {
        end -= 1;
        // The quote of JSON inside a string: \"name\": \"value\"
        end -= usize::from(head.get(..end)?.last() == Some(&b'\\'));
    }
    let in_name = |b: &&u8| b.is_ascii_alphanumeric() || b"_.-".contains(b);
    let length = head.get(..end)?.iter().rev().take(MAX_NAME_BYTES).take_while(in_name).count();
    let start = end - length;
    let before = head.get(..start)?.last();
    if length == 0 || (quote.is_some() && before != quote.as_ref()) {
        return None;
    }
    let name = text.get(from + start..from + end)?;
    let around = head.get(..start).unwrap_or_default().iter().rev().take(MAX_BLANKS);
    let first = around.copied().find(|byte| !matches!(byte, b' ' | b'\t'));
    Some(Key {
        name,
        quoted: quote.is_some(),
        in_query: matches!(before, Some(b'?' | b'&')),
        within: before.copied().filter(|byte| quote.is_none() && matches!(byte, b'"' | b'\'')),
        first: matches!(first, Some(b'{' | b',')),
    })
}

/// Where the value behind a separator is, without its quotes.
fn value_after(text: &str, mut from: usize, quoted_key: bool) -> Range<usize> {
    let bytes = text.as_bytes();
    // Ruby's => and the == of a comparison
    from += usize::from(matches!(bytes.get(from), Some(b'>' | b'=')));
    let blanks = bytes.get(from..).unwrap_or_default().iter().take(MAX_BLANKS);
    from += blanks.take_while(|b| matches!(b, b' ' | b'\t')).count();
    let escaped = bytes.get(from) == Some(&b'\\');
    let opener = from + usize::from(escaped);
    let rest = |from: usize| bytes.get(from..).unwrap_or_default();
    let end_of = |from: usize, length: Option<usize>| from..length.map_or(text.len(), |l| from + l);
    // A quote within quotes, as a shell needs it.
    if let Some(inner) = rest(from).strip_prefix(NESTED) {
        let end = inner.windows(NESTED.len()).position(|part| part == NESTED);
        return end_of(from + NESTED.len(), end);
    }
    match bytes.get(opener) {
        Some(quote @ (b'"' | b'\'')) => {
            let start = opener + 1;
            let end = end_of_quoted(rest(start), *quote, escaped);
            end_of(start, end)
        }
        // A list of secrets; an object has names of its own.
        Some(b'[') => end_of(from + 1, rest(from + 1).iter().position(|b| *b == b']')),
        Some(b'{') if quoted_key => from..from,
        // A template's {{ name }} or ${{ name }}; what it stands for is elsewhere.
        Some(b'{' | b'$') if is_template(rest(from)) => {
            let close = rest(from).windows(2).position(|pair| pair == b"}}");
            end_of(from, close.map(|at| at + 2))
        }
        // ODBC quotes so.
        Some(b'{') => end_of(from + 1, rest(from + 1).iter().position(|b| *b == b'}')),
        _ if quoted_key => {
            let end =
                rest(from).iter().position(|b| b.is_ascii_whitespace() || b",}]\"'".contains(b));
            end_of(from, end)
        }
        _ => from..end_of_word(text, from),
    }
}

fn is_template(value: &[u8]) -> bool {
    value.starts_with(b"{{") || value.starts_with(b"${{")
}

/// The length of a quoted text, up to the quote that is (or is not) behind a backslash.
pub(super) fn end_of_quoted(text: &[u8], quote: u8, escaped: bool) -> Option<usize> {
    let mut backslash = false;
    for (index, byte) in text.iter().enumerate() {
        if *byte == quote && backslash == escaped {
            return Some(index - usize::from(escaped));
        }
        backslash = *byte == b'\\' && !backslash;
    }
    None
}

/// Where an unquoted value ends. A comma may be part of a password, unless a name or a quote
/// follows it.
fn end_of_word(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let rest = bytes.get(from..).unwrap_or_default();
    for (index, byte) in rest.iter().enumerate() {
        let ends = match byte {
            b'&' | b';' | b'"' | b'\'' | b'<' => true,
            b',' => {
                let next = rest.get(index + 1..).unwrap_or_default();
                let next = next.strip_prefix(b" ").unwrap_or(next);
                let name = next.iter().take(MAX_NAME_BYTES);
                let name =
                    name.take_while(|b| b.is_ascii_alphanumeric() || b"_.-".contains(b)).count();
                let mut behind = next.get(name..).unwrap_or_default().iter().take(MAX_BLANKS);
                // `[A_TOKEN=x, "B=1"]`
                matches!(next.first(), Some(b'"' | b'\''))
                    || (name > 0 && behind.find(|b| **b != b' ') == Some(&b'='))
            }
            byte => byte.is_ascii_whitespace(),
        };
        if ends {
            return from + index;
        }
    }
    text.len()
}
