//! Strings as Python writes them: quotes and escapes of `repr`. Pure: code points in, text out.

/// A `str` by its code points; a lone surrogate is one, too.
pub fn string(points: impl Iterator<Item = u32> + Clone) -> String {
    let quote = quote(points.clone());
    let mut text = String::from(quote);
    for point in points {
        match char::from_u32(point) {
            Some(char) if is_printable(char) => push(&mut text, char, quote),
            _ => escape(&mut text, point),
        }
    }
    text.push(quote);
    text
}

/// A `bytes`.
pub fn bytes(bytes: &[u8]) -> String {
    let quote = quote(bytes.iter().map(|byte| u32::from(*byte)));
    let mut text = format!("b{quote}");
    for byte in bytes {
        match byte {
            b' '..=b'~' => push(&mut text, char::from(*byte), quote),
            _ => escape(&mut text, u32::from(*byte)),
        }
    }
    text.push(quote);
    text
}

/// Double quotes only where that saves escapes.
fn quote(points: impl Iterator<Item = u32> + Clone) -> char {
    let has = |quote: char| points.clone().any(|point| point == u32::from(quote));
    if has('\'') && !has('"') { '"' } else { '\'' }
}

fn push(text: &mut String, char: char, quote: char) {
    if char == quote || char == '\\' {
        text.push('\\');
    }
    text.push(char);
}

fn escape(text: &mut String, point: u32) {
    text.push_str(&match point {
        0x09 => "\\t".to_owned(),
        0x0a => "\\n".to_owned(),
        0x0d => "\\r".to_owned(),
        0..=0xff => format!("\\x{point:02x}"),
        0x100..=0xffff => format!("\\u{point:04x}"),
        _ => format!("\\U{point:08x}"),
    });
}

/// Whether `repr` shows it as it is. Rust and Python decide it by the same categories of Unicode;
/// Rust escapes a combining mark, too, but only at the begin of a text.
fn is_printable(char: char) -> bool {
    match char {
        ' '..='~' => true,
        '\0'..='\u{a0}' => false,
        _ => {
            let behind_another = String::from_iter(['a', char]);
            behind_another.escape_debug().nth(1) == Some(char)
        }
    }
}

/// What is in a literal of bytes, or of a `bytearray`, as [`bytes`] writes it: each byte as the
/// character of its number. `None` for what is no such literal.
pub fn content_of_bytes(text: &str) -> Option<String> {
    let text =
        text.strip_prefix("bytearray(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(text);
    let text = text.strip_prefix('b')?;
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    Some(unescaped(inner))
}

/// A part of such a literal without its escapes.
pub fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        out.push_str(before);
        let mut chars = behind.chars();
        let number = |digits: &str| u8::from_str_radix(digits, 16).ok().map(char::from);
        let (c, len) = match chars.next() {
            Some('x') => match behind.get(1..3).and_then(number) {
                Some(c) => (c, 3),
                None => ('\\', 0),
            },
            Some('n') => ('\n', 1),
            Some('r') => ('\r', 1),
            Some('t') => ('\t', 1),
            Some(c) => (c, c.len_utf8()),
            None => ('\\', 0),
        };
        out.push(c);
        rest = behind.get(len..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        string(text.chars().map(u32::from))
    }

    #[test]
    fn strings_are_quoted_as_python_quotes_them() {
        assert_eq!(of(""), "''");
        assert_eq!(of("it's"), "\"it's\"");
        assert_eq!(of("'\""), "'\\'\"'");
        assert_eq!(of("a\\b\n\t\r\x1b\x7f"), "'a\\\\b\\n\\t\\r\\x1b\\x7f'");
    }

    #[test]
    fn what_can_not_be_seen_is_escaped_and_all_else_is_not() {
        assert_eq!(of("größe 東京 🐍 e\u{301}"), "'größe 東京 🐍 e\u{301}'");
        assert_eq!(of("\u{a0}\u{ad}\u{200b}\u{2028}"), "'\\xa0\\xad\\u200b\\u2028'");
        assert_eq!(of("\u{e000}\u{10ffff}"), "'\\ue000\\U0010ffff'");
        assert_eq!(string([0xdce9].into_iter()), "'\\udce9'");
    }

    #[test]
    fn bytes_are_quoted_as_python_quotes_them() {
        assert_eq!(bytes(b"a'\\\n\xff"), "b\"a'\\\\\\n\\xff\"");
        assert_eq!(bytes(b""), "b''");
    }
}
