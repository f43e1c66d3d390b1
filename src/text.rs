//! Text that came from the inspected process.
//!
//! A process chooses its names, arguments and files: they may hold terminal escapes, newlines
//! or bytes that are no text at all. `Text` carries them and can not be printed by accident: it
//! has no `Display`. A renderer takes it apart with [`Text::raw`] and escapes for its format.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// What stands for a secret.
pub const MASK: &str = "***";

/// Text of the inspected process, not yet fit for any output.
///
/// It is shared, not copied: 10,000 threads have the same few functions, files and lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(from = "String")]
pub struct Text(Arc<str>);

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
        text.into()
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
        Text(text.into())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(text.into())
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
