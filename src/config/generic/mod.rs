//! Configuration files of programs that are not oslo's, as groups and options.
//!
//! The format is decided by the file's ending, then by its content. What is in no known format
//! becomes its lines ([`RAW_GROUP`]); nothing here fails. Nothing is included, substituted or
//! checked: this is what the file says, not what the program makes of it.

mod block;
mod ini;
mod json;

use super::group::{Builder, ConfigValue, Parsed};
use super::{MAX_FILE_BYTES, MAX_LINES, MAX_OPTIONS};
use crate::path::base_name;

/// The group of options that stand in no section.
pub const TOP_GROUP: &str = "main";
/// The group of a file that is shown as its lines. Its options have no names.
pub const RAW_GROUP: &str = "raw";

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `[section]`, `name = value` or `name`.
    Ini,
    /// `NAME=value`, `name: value`.
    Properties,
    /// JSON, flattened: `a.b`, `a[0]`.
    Json,
    /// `name value;` and `name { … }`, as nginx has it.
    Blocks,
    /// `name value`, one a line, as redis and sshd have it.
    Words,
    /// Anything else: lines.
    Raw,
}

impl Format {
    /// Decides by the file's name, then by its text.
    pub fn of(path: &str, text: &str) -> Self {
        let name = base_name(path).to_ascii_lowercase();
        match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
            "json" => Self::Json,
            "ini" | "cnf" => Self::Ini,
            "env" | "properties" => Self::Properties,
            "yaml" | "yml" | "toml" | "xml" => Self::Raw,
            _ => Self::of_text(text),
        }
    }

    fn of_text(text: &str) -> Self {
        if text.contains('\0') {
            return Self::Raw;
        }
        let mut lines = text.lines().take(MAX_LINES).map(str::trim).filter(|l| !is_comment(l));
        let Some(first) = lines.clone().next() else { return Self::Words };
        if first.starts_with('{') {
            Self::Json
        } else if lines.clone().any(|line| line.starts_with('[') && line.ends_with(']')) {
            Self::Ini
        } else if lines.clone().any(|line| line.ends_with('{'))
            && lines.clone().any(|line| line.ends_with(';'))
        {
            Self::Blocks
        } else if first.starts_with('<') || first == "---" {
            Self::Raw
        } else if lines.all(|line| line.contains('=')) {
            Self::Properties
        } else {
            Self::Words
        }
    }
}

/// Parses the text of a file; `file` is its index among those that the program reads.
pub fn parse(path: &str, text: &str, file: usize) -> Parsed {
    let mut cut = text.len().min(MAX_FILE_BYTES);
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    let mut out = Output { builder: Builder::new(str::to_owned), file, options: 0, full: false };
    if cut < text.len() {
        out.note(0, "the file is too large; its end was not read");
    }
    let text = text.get(..cut).unwrap_or_default();
    match Format::of(path, text) {
        Format::Ini => ini::parse(text, &mut out),
        Format::Properties => ini::parse_properties(text, &mut out),
        Format::Json => {
            if !json::parse(text, &mut out) {
                out.note(0, "not valid JSON; shown as its lines");
                raw(text, &mut out);
            }
        }
        Format::Blocks => block::parse(text, &mut out),
        Format::Words => ini::parse_words(text, &mut out),
        Format::Raw => raw(text, &mut out),
    }
    out.builder.finish()
}

/// The lines themselves, without empty ones.
fn raw(text: &str, out: &mut Output) {
    for (line, text) in numbered(text) {
        if !text.trim().is_empty() {
            out.value(RAW_GROUP, "", text.trim_end(), line);
        }
    }
}

/// The lines of a text with their numbers, at most [`MAX_LINES`].
fn numbered(text: &str) -> impl Iterator<Item = (u32, &str)> {
    (1..).zip(text.lines().take(MAX_LINES))
}

/// Empty lines are comments, too.
fn is_comment(line: &str) -> bool {
    line.is_empty() || line.starts_with(['#', ';']) || line.starts_with("//")
}

/// Takes off one pair of equal quotes.
fn unquote(value: &str) -> &str {
    let inner = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

/// Collects options up to [`MAX_OPTIONS`].
struct Output {
    builder: Builder,
    file: usize,
    options: usize,
    full: bool,
}

impl Output {
    fn value(&mut self, group: &str, name: &str, text: &str, line: u32) {
        if self.options >= MAX_OPTIONS {
            if !self.full {
                self.note(line, "too many options; the rest was not read");
            }
            self.full = true;
            return;
        }
        self.options += 1;
        let group = self.builder.group(group);
        self.builder.value(
            group,
            name,
            ConfigValue { text: text.to_owned(), file: self.file, line },
        );
    }

    fn note(&mut self, line: u32, what: &'static str) {
        self.builder.note(self.file, line, what);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(path: &str, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for group in parse(path, text, 0).groups {
            for option in group.options {
                for value in option.values {
                    lines.push(format!(
                        "{}|{}|{}|{}",
                        group.name, option.name, value.text, value.line
                    ));
                }
            }
        }
        lines
    }

    #[test]
    fn ini_files_have_sections_options_and_bare_names() {
        let text = "top = 1\n[mysqld]\nport = 3306\nskip-networking\n# c\nlist = a\n  b\n[x]\n  y: \"z\"\n";
        assert_eq!(
            shown("my.cnf", text),
            [
                "main|top|1|1",
                "mysqld|port|3306|3",
                "mysqld|skip-networking||4",
                "mysqld|list|a\nb|6",
                "x|y|z|9"
            ]
        );
    }

    #[test]
    fn lines_of_words_are_options() {
        let text = "# redis\nport 6379\nsave 900 1\nsave 300 10\nappendonly  yes\n";
        assert_eq!(
            shown("/etc/redis.conf", text),
            [
                "main|port|6379|2",
                "main|save|900 1|3",
                "main|save|300 10|4",
                "main|appendonly|yes|5"
            ]
        );
    }

    #[test]
    fn blocks_are_groups_named_by_their_path() {
        let text = "user www;\nhttp { # c\n  gzip on;\n  server {\n    listen 80;\n    location / {\n      \
                    root \"/srv;x\";\n      index a\n        b;\n    }\n  }\n}\n";
        assert_eq!(
            shown("nginx.conf", text),
            [
                "main|user|www|1",
                "http|gzip|on|3",
                "http/server|listen|80|5",
                "http/server/location /|root|\"/srv;x\"|7",
                "http/server/location /|index|a b|8"
            ]
        );
    }

    #[test]
    fn json_is_flattened_and_what_is_not_json_is_shown_as_lines() {
        let text = r#"{"a": 1, "b": {"c": "x", "d": [true, {"e": null}]}, "f": []}"#;
        assert_eq!(
            shown("a.json", text),
            ["main|a|1|0", "main|f|[]|0", "b|c|x|0", "b|d[0]|true|0", "b|d[1].e|null|0"]
        );
        assert_eq!(shown("a.json", "{\n  bad\n"), ["raw||{|1", "raw||  bad|2"]);
    }

    #[test]
    fn environment_files_and_properties_are_one_group() {
        let text = "export A=1\n# c\nB='x y'\nc.d: e\nD = f \\\n   g\n";
        assert_eq!(
            shown(".env", text),
            ["main|A|1|1", "main|B|x y|3", "main|c.d|e|4", "main|D|f g|5"]
        );
    }

    #[test]
    fn yaml_is_shown_as_lines() {
        assert_eq!(shown("a.yml", "a:\n\n  - b\n"), ["raw||a:|1", "raw||  - b|3"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_fail(
            name in "a\\.(conf|json|ini|env|yaml|x)",
            text in "([\\[\\]={}:#; \t\r\n\"'\\\\a-c0-9,]|\\PC){0,400}",
        ) {
            let _ = parse(&name, &text, 0);
        }
    }

    #[test]
    fn deep_and_long_files_are_read_in_little_time() {
        let deep = "a {\n".repeat(50_000) + "b c;\n";
        let start = std::time::Instant::now();
        for text in
            [deep.as_str(), &"[".repeat(500_000), &"{\"a\":".repeat(100_000), &"a;".repeat(300_000)]
        {
            for name in ["a.conf", "a.json", "a.ini", "a.env"] {
                let _ = parse(name, text, 0);
            }
        }
        assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    }
}
