//! `--format json`: the report model as it is, whole. Characters that would steer a terminal are
//! written as `\uXXXX`, so that the output is harmless to look at and the same when parsed.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use super::sanitize::is_harmful;
use super::{Frames, Renderer};
use crate::report::Report;

/// The format `json`.
#[derive(Debug)]
pub struct Json;

impl Renderer for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn is_for_programs(&self) -> bool {
        true
    }

    fn render(&self, report: &Report, _: Frames, out: &mut dyn io::Write) -> io::Result<()> {
        let mut buffered = io::BufWriter::new(out);
        let harmless = Harmless(PrettyFormatter::new());
        report.serialize(&mut Serializer::with_formatter(&mut buffered, harmless))?;
        io::Write::write_all(&mut buffered, b"\n")?;
        io::Write::flush(&mut buffered)
    }
}

/// Pretty JSON whose strings have no harmful character in them.
struct Harmless(PrettyFormatter<'static>);

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, character)) = rest.char_indices().find(|(_, c)| is_harmful(*c)) {
            let (harmless, from) = rest.split_at(at);
            writer.write_all(harmless.as_bytes())?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = from.get(character.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::super::sample::{self, rendered};
    use super::*;

    #[test]
    fn harmful_characters_are_escaped_and_come_back() {
        let mut report = sample::report();
        report.process.name = "a\x1b\u{9b}\u{202e}\u{e0041}\x7f\"\\ü".into();
        let json = rendered(&Json, &report);
        let escaped = r#""name": "a\u001b\u009b\u202e\udb40\udc41\u007f\"\\ü""#;
        assert!(json.contains(escaped), "{json}");
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    }

    #[test]
    fn addresses_are_hex_strings_and_the_unknown_is_left_out() {
        let json = rendered(&Json, &sample::report());
        assert!(json.contains(r#""futex": "0x7f21c0de""#), "{json}");
        assert!(!json.contains("null"));
        assert!(json.ends_with("}\n"));
    }
}
