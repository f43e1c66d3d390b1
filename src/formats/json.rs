//! JSON (RFC 8259).

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::{Collection, Event, Piece};

/// Tells what a text says. False, and nothing is told, if it is no JSON; `serde_json` judges that, and
/// bounds the depth (128).
pub fn read<'t>(text: &'t str, tell: &mut dyn FnMut(Event<'t>)) -> bool {
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return false;
    }
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let len = token_length(rest);
        let (token, behind) = rest.split_at_checked(len).unwrap_or((rest, ""));
        let span = at..at + token.len();
        match token.as_bytes().first() {
            Some(b'{') => tell(Event::Begin(Collection::Mapping, span)),
            Some(b'[') => tell(Event::Begin(Collection::List, span)),
            Some(b'}' | b']') => tell(Event::End),
            Some(b'"') => {
                let piece = Piece { text: unquoted(token), span };
                let is_key = behind.trim_start().starts_with(':');
                tell(if is_key { Event::Key(piece) } else { Event::Scalar(piece) });
            }
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z') => {
                tell(Event::Scalar(Piece { text: token.into(), span }));
            }
            // Blanks and separators.
            _ => {}
        }
        at += token.len().max(1);
    }
    true
}

/// How it writes a text.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn unquoted(token: &str) -> Cow<'_, str> {
    match token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if !inner.contains('\\') => inner.into(),
        // An escape that is half a character of two is none.
        _ => serde_json::from_str::<String>(token).map_or(token.into(), Cow::Owned),
    }
}

/// Length of the string, number, word or single character that a text begins with.
fn token_length(text: &str) -> usize {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    match text.as_bytes().first() {
        Some(b'"') => {
            let mut backslash = false;
            for (index, byte) in text.bytes().enumerate().skip(1) {
                if byte == b'"' && !backslash {
                    return index + 1;
                }
                backslash = byte == b'\\' && !backslash;
            }
            text.len()
        }
        Some(first) if is_word(*first) => {
            text.bytes().position(|byte| !is_word(byte)).unwrap_or(text.len())
        }
        _ => text.chars().next().map_or(0, char::len_utf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<Vec<(String, String)>> {
        let mut told = Vec::new();
        let shown = |piece: &Piece<'_>| {
            (piece.text.to_string(), text.get(piece.span.clone()).unwrap_or_default().to_owned())
        };
        read(text, &mut |event| {
            told.push(match &event {
                Event::Begin(kind, span) => (format!("{kind:?}"), text[span.clone()].to_owned()),
                Event::Document | Event::End => ("End".to_owned(), String::new()),
                Event::Key(piece) | Event::Scalar(piece) => shown(piece),
            });
        })
        .then_some(told)
    }

    #[test]
    fn each_piece_is_told_with_its_place() {
        let told = told("{\"a\\u0062\": [1, -2.5e3, null], \"c\" : {\"d\": \"\\\"\u{e9}\"}}\n");
        let expected = [
            ("Mapping", "{"),
            ("ab", "\"a\\u0062\""),
            ("List", "["),
            ("1", "1"),
            ("-2.5e3", "-2.5e3"),
            ("null", "null"),
            ("End", ""),
            ("c", "\"c\""),
            ("Mapping", "{"),
            ("d", "\"d\""),
            ("\"\u{e9}", "\"\\\"\u{e9}\""),
            ("End", ""),
            ("End", ""),
        ];
        let expected = expected.map(|(one, other)| (one.to_owned(), other.to_owned()));
        assert_eq!(told.as_deref(), Some(expected.as_slice()));
    }

    #[test]
    fn what_is_no_json_is_told_to_be_none() {
        for text in ["", "{", "{\"a\": 1,}", "{a: 1}", "[1 2]", &"[".repeat(200)] {
            assert_eq!(told(text), None, "{text}");
        }
    }
}
