//! Text in stanzas of `Name: value` lines: dpkg's status file, apk's index, Python's METADATA.
//!
//! Only values of one line are read; a line that continues another is passed over.

use memchr::{memchr, memmem};

use crate::text::Text;

/// The longest value that is read, in bytes: names, versions and addresses are short. What is
/// longer ends with `…`.
const MAX_VALUE: usize = 1024;

/// The stanzas of a text: what empty lines divide.
pub fn stanzas(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memmem::find(rest, b"\n\n").unwrap_or(rest.len());
        let (stanza, after) = rest.split_at(end);
        rest = after.get(2..).unwrap_or_default();
        Some(stanza)
    })
}

/// The lines of a text.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (line, after) = match memchr(b'\n', text) {
            Some(end) => (text.get(..end)?, text.get(end + 1..)),
            None => (text, None),
        };
        rest = after;
        Some(line.trim_ascii_end())
    })
}

/// The first value of that name in a stanza, if it is not empty. Names are compared exactly:
/// apk's `M` and `m` differ.
pub fn field(stanza: &[u8], name: &str) -> Option<Text> {
    lines(stanza).find_map(|line| {
        let value = line.strip_prefix(name.as_bytes())?.strip_prefix(b":")?.trim_ascii();
        (!value.is_empty()).then(|| bounded(value))
    })
}

fn bounded(value: &[u8]) -> Text {
    match value.get(..MAX_VALUE) {
        Some(begin) if value.len() > MAX_VALUE => {
            format!("{}…", String::from_utf8_lossy(begin)).into()
        }
        _ => Text::from_bytes(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_in_its_own_stanza_only() {
        let text = b"Package: a\nVersion: 1\n more\n\nPackage: b\nVersion:\n";
        let found: Vec<_> = stanzas(text)
            .map(|stanza| (field(stanza, "Package"), field(stanza, "Version")))
            .collect();
        assert_eq!(found, [(Some("a".into()), Some("1".into())), (Some("b".into()), None)]);
    }

    #[test]
    fn a_long_value_is_cut_and_says_so() {
        let long = format!("Name: {}\n", "x".repeat(1_000_000));
        let cut = field(long.as_bytes(), "Name").unwrap_or_default();
        assert_eq!(cut.raw().len(), MAX_VALUE + "…".len());
        assert!(cut.raw().ends_with("x…"));
    }

    #[test]
    fn a_name_must_match_to_its_end() {
        assert_eq!(field(b"Author-email: x\nM:1\nm:2", "Author"), None);
        assert_eq!(field(b"M:1\nm:2", "m"), Some("2".into()));
    }
}
