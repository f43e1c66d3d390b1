//! Text that came from the inspected process.
//!
//! A process chooses its names, arguments and files: they may hold terminal escapes, newlines
//! or bytes that are no text at all. `Text` carries them and can not be printed by accident: it
//! has no `Display`. A renderer takes it apart with [`Text::raw`] and escapes for its format.

use serde::{Deserialize, Serialize};

/// Text of the inspected process, not yet fit for any output.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// Text from bytes. What is not UTF-8 is kept readable as `\xNN`.
    pub fn from_bytes(bytes: &[u8]) -> Text {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                text.push_str(&format!("\\x{byte:02x}"));
            }
        }
        Text(text)
    }

    /// The text as it is: for comparing, parsing, and for a renderer's escape.
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(text)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_stay_readable() {
        assert_eq!(Text::from_bytes(b"a\xff\xfeb").raw(), "a\\xff\\xfeb");
        assert_eq!(Text::from_bytes("grüße".as_bytes()).raw(), "grüße");
    }
}
