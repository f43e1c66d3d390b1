//! `name = 'value' # comment`, as PostgreSQL's `guc-file.l` reads it.

use super::{Output, numbered};

/// Adds the settings of a text.
pub(super) fn parse(text: &str, out: &mut Output<'_>) {
    for (number, line) in numbered(text) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
        let (name, rest) = line.split_at_checked(end).unwrap_or((line, ""));
        let rest = rest.trim_start();
        let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
        let value = match rest.strip_prefix('\'') {
            Some(quoted) => unescape(quoted),
            None => {
                let end = rest.find(|c: char| c.is_whitespace() || c == '#');
                rest.get(..end.unwrap_or(rest.len())).unwrap_or_default().to_owned()
            }
        };
        out.value(&out.here(), name, &value, number);
    }
}

/// A text up to its closing quote: a doubled quote is one, and a backslash escapes as in C.
fn unescape(quoted: &str) -> String {
    let mut value = String::new();
    let mut chars = quoted.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' if chars.peek() == Some(&'\'') => {
                chars.next();
                value.push('\'');
            }
            '\'' => break,
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some('r') => value.push('\r'),
                Some('b') => value.push('\u{8}'),
                Some('f') => value.push('\u{c}'),
                Some(digit @ '0'..='7') => {
                    let mut code = digit.to_digit(8).unwrap_or(0);
                    for _ in 0..2 {
                        let Some(next) = chars.peek().and_then(|c| c.to_digit(8)) else { break };
                        code = code * 8 + next;
                        chars.next();
                    }
                    value.push(char::from_u32(code & 0xff).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                Some(other) => value.push(other),
                None => {}
            },
            c => value.push(c),
        }
    }
    value
}
