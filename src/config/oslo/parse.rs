//! oslo.config's INI rules, as `oslo_config/iniparser.py` and `cfg.ConfigParser` of 10.7.0 have them.
//!
//! Where oslo.config refuses a whole file, this notes the line and goes on: the file may have
//! changed after the service read it.

use std::borrow::Cow;

use crate::config::group::{Builder, ConfigValue, Parsed};
use crate::config::{MAX_FILE_BYTES, MAX_LINES, MAX_OPTIONS};

/// Group names are case-folded, but `DEFAULT`.
pub(super) fn normalise_group(name: &str) -> String {
    if name == "DEFAULT" { name.to_owned() } else { name.to_lowercase() }
}

/// Parses the text of a file; `file` is its index in the order of reading.
pub fn parse(text: &str, file: usize) -> Parsed {
    let mut parser =
        Parser { out: Builder::new(normalise_group), file, group: None, open: None, options: 0 };
    let mut cut = text.len().min(MAX_FILE_BYTES);
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    if cut < text.len() {
        parser.out.note(file, 0, "the file is too large; its end was not read");
    }
    // Python's text files know three line ends.
    let text: Cow<'_, str> = match text.get(..cut).unwrap_or_default() {
        text if text.contains('\r') => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
        text => Cow::Borrowed(text),
    };
    for (index, line) in text.split('\n').enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        if index >= MAX_LINES || parser.options >= MAX_OPTIONS {
            parser.out.note(file, number, "too many lines or options; the rest was not read");
            break;
        }
        parser.line(line, number);
    }
    parser.flush();
    parser.out.finish()
}

/// An assignment that the next line may continue.
struct Open {
    name: String,
    value: String,
    line: u32,
}

struct Parser {
    out: Builder,
    file: usize,
    group: Option<usize>,
    open: Option<Open>,
    options: usize,
}

impl Parser {
    fn line(&mut self, line: &str, number: u32) {
        let line = line.trim_end_matches(is_space);
        if line.is_empty() {
            self.flush();
            return;
        }
        if line.starts_with([' ', '\t']) {
            match &mut self.open {
                Some(open) => {
                    open.value.push('\n');
                    open.value.push_str(line.trim_start_matches(is_space));
                }
                None => self.out.note(self.file, number, "a continuation of nothing"),
            }
            return;
        }
        self.flush();
        if let Some(rest) = line.strip_prefix('[') {
            match rest.strip_suffix(']') {
                Some("") => self.out.note(self.file, number, "a section without a name"),
                Some(name) => self.group = Some(self.out.group(name)),
                None => self.out.note(self.file, number, "a section without its closing bracket"),
            }
        } else if !line.starts_with(['#', ';']) {
            self.assignment(line, number);
        }
    }

    fn assignment(&mut self, line: &str, number: u32) {
        let Some((name, value)) = line.split_once(['=', ':']) else {
            self.out.note(self.file, number, "neither `=` nor `:` in the line");
            return;
        };
        let name = name.trim_matches(is_space);
        if name.is_empty() {
            self.out.note(self.file, number, "a value without a name");
            return;
        }
        self.options += 1;
        let value = unquote(value.trim_matches(is_space));
        self.open = Some(Open { name: name.to_owned(), value: value.to_owned(), line: number });
    }

    fn flush(&mut self) {
        let Some(open) = self.open.take() else { return };
        let Some(group) = self.group else {
            self.out.note(self.file, open.line, "a value before the first section");
            return;
        };
        let value = ConfigValue { text: open.value, file: self.file, line: open.line };
        self.out.value(group, &open.name, value);
    }
}

/// Takes off one pair of equal quotes. A lone quote is a pair, as it is for oslo.config.
fn unquote(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote) {
            return if inner.is_empty() {
                inner
            } else {
                inner.strip_suffix(quote).unwrap_or(value)
            };
        }
    }
    value
}

/// What Python's `str.strip` takes off: Unicode's white space and four separators of ASCII.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `group.name=value@line` of everything, values escaped.
    fn shown(text: &str) -> Vec<String> {
        let parsed = parse(text, 0);
        let groups = parsed.groups.iter();
        groups
            .flat_map(|group| group.options.iter().map(move |option| (group, option)))
            .flat_map(|(group, option)| {
                option.values.iter().map(move |value| {
                    format!(
                        "{}.{}={}@{}",
                        group.name,
                        option.name,
                        value.text.escape_debug(),
                        value.line
                    )
                })
            })
            .collect()
    }

    /// Each was compared with `cfg.ConfigParser` of oslo.config 10.7.0.
    #[test]
    fn nasty_lines_are_read_as_oslo_config_reads_them() {
        for (line, expected) in [
            ("a=b:c", "g.a=b:c@2"),
            ("a:b=c", "g.a=b=c@2"),
            ("a = \"quo ted\"", "g.a=quo ted@2"),
            ("a = 'mis\"", "g.a=\\'mis\\\"@2"),
            ("a = \"", "g.a=@2"),
            ("a = \"\"", "g.a=@2"),
            ("a = '\"x\"'", "g.a=\\\"x\\\"@2"),
            ("a = x # no comment", "g.a=x # no comment@2"),
            ("a b = c", "g.a b=c@2"),
            ("a =", "g.a=@2"),
            ("a =\n  b\n\tc", "g.a=\\nb\\nc@2"),
            ("a = \"x\n  y\"", "g.a=\\\"x\\ny\\\"@2"),
            ("a = b\n  # c", "g.a=b\\n# c@2"),
            ("a = b\r\n  c\r\n", "g.a=b\\nc@2"),
            ("a = b\r  c\r", "g.a=b\\nc@2"),
            ("a = \u{a0}b\x1c\u{3000}", "g.a=b@2"),
            ("\u{b}a = b", "g.a=b@2"),
        ] {
            assert_eq!(shown(&format!("[g]\n{line}")), [expected], "{line:?}");
        }
    }

    #[test]
    fn groups_of_one_name_are_one_group_but_default_keeps_its_case() {
        let text = "[Caps]\na=1\n[CAPS]\na=2\n[DEFAULT]\nb=1\n[default]\nb=2\n";
        assert_eq!(shown(text), ["Caps.a=1@2", "Caps.a=2@4", "DEFAULT.b=1@6", "default.b=2@8"]);
    }

    #[test]
    fn what_oslo_config_refuses_is_a_note_and_the_rest_is_read() {
        let text = "x = early\n[]\n[open\n  stray\n[g]\nnothing\n= v\na = 1\n# c\n  stray\n";
        let parsed = parse(text, 3);
        let lines: Vec<u32> = parsed.notes.iter().map(|note| note.line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 6, 7, 10]);
        assert!(parsed.notes.iter().all(|note| note.file == 3));
        assert_eq!(shown(text), ["g.a=1@8"]);
    }

    #[test]
    fn too_much_of_a_file_is_cut_with_a_note() {
        let many = format!("[g]\n{}", "a=1\n".repeat(MAX_OPTIONS + 5));
        assert_eq!(shown(&many).len(), MAX_OPTIONS);
        assert_eq!(parse(&many, 0).notes.len(), 1);
        let long = format!("[g]\na = {}", "é".repeat(MAX_FILE_BYTES));
        assert_eq!(parse(&long, 0).notes.len(), 1);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_fail(text in "([\\[\\]=:#; \t\r\n\"'a-c]|\\PC){0,400}") {
            let _ = parse(&text, 0);
        }
    }
}
