//! Java's `.properties`, as `java.util.Properties.load` reads them: the name ends at the first `=`, `:`
//! or blank that no backslash stands before; a backslash at its end continues a line.

use super::{Output, TOP_GROUP, numbered};

/// Adds the properties of a text.
pub(super) fn parse(text: &str, out: &mut Output<'_>) {
    let mut lines = numbered(text);
    while let Some((number, line)) = lines.next() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut joined = String::new();
        let mut part = line;
        while let Some(head) = continued(part) {
            joined.push_str(head);
            part = lines.next().map_or("", |(_, next)| next.trim_start());
        }
        joined.push_str(part);
        let (name, value) = split(&joined);
        out.value(TOP_GROUP, &unescaped(name), &unescaped(value), number);
    }
}

/// A line without the backslash that continues it: one that is not escaped itself.
fn continued(line: &str) -> Option<&str> {
    let backslashes = line.len() - line.trim_end_matches('\\').len();
    line.strip_suffix('\\').filter(|_| backslashes % 2 == 1)
}

/// The name and the value of a line, with their escapes.
fn split(line: &str) -> (&str, &str) {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\u{c}');
    let mut escaped = false;
    let end = line.find(|c: char| {
        let ends = !escaped && (matches!(c, '=' | ':') || blank(c));
        escaped = !escaped && c == '\\';
        ends
    });
    let (name, rest) = line.split_at_checked(end.unwrap_or(line.len())).unwrap_or((line, ""));
    let rest = rest.trim_start_matches(blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (name, rest.trim_start_matches(blank))
}

/// A text without its escapes. `\uXXXX` is a unit of UTF-16.
fn unescaped(text: &str) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let mut add = |c: char| units.extend(c.encode_utf16(&mut [0; 2]).iter());
        if c != '\\' {
            add(c);
            continue;
        }
        match chars.next() {
            Some('t') => add('\t'),
            Some('n') => add('\n'),
            Some('r') => add('\r'),
            Some('f') => add('\u{c}'),
            Some('u') => {
                let digits = chars.as_str().get(..4);
                let digits = digits.filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
                match digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
                    Some(unit) => {
                        units.push(unit);
                        chars.by_ref().take(4).for_each(drop);
                    }
                    None => add('u'),
                }
            }
            Some(other) => add(other),
            None => {}
        }
    }
    String::from_utf16_lossy(&units)
}
