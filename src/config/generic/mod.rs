//! Configuration files of programs that are not oslo's, as groups and options.
//!
//! The format is that of the program, if it is known, or is told by the file's ending, then by its
//! content. What is in no known format becomes its lines ([`RAW_GROUP`]); nothing here fails. Nothing
//! is substituted or checked: this is what the file says, not what the program makes of it.

mod block;
mod braces;
mod ini;
mod output;
mod postgres;
mod properties;
mod sections;
mod toml;
mod tree;

use std::borrow::Cow;

use super::dialect::PLAIN;
use super::group::Parsed;
use super::{MAX_FILE_BYTES, MAX_LINES};
use crate::formats::{Event, json, yaml};
use crate::path::base_name;

use tree::Tree;

pub(super) use output::Output;

/// The group of options that stand in no section.
pub const TOP_GROUP: &str = "main";
/// The group of a file that is shown as its lines. Its options have no names.
pub const RAW_GROUP: &str = "raw";

/// The longest name of one value in a tree of them, in bytes.
const MAX_KEY_BYTES: usize = 256;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `[section]`, `name = value` or `name`.
    Ini,
    /// `NAME=value`, `name: value`.
    Properties,
    /// The same as Java has it: also `name value`, with escapes.
    JavaProperties,
    /// JSON, flattened: `a.b`, `a[0]`.
    Json,
    /// `name value;` and `name { … }`, as nginx has it.
    Blocks,
    /// `name = value` and `name { … }`, one a line, as HCL has it.
    Braces,
    /// `name value`, one a line, as redis and sshd have it.
    Words,
    /// `name = 'value' # comment`, as PostgreSQL has it.
    Postgres,
    /// `Name value` and `<Section argument>`, as Apache has it.
    Sections,
    /// YAML, flattened as JSON.
    Yaml,
    /// TOML, flattened as JSON.
    Toml,
    /// One record a line.
    Table,
    /// Anything else: lines.
    Raw,
}

impl Format {
    /// Decides by the file's name, then by its text.
    pub fn of(path: &str, text: &str) -> Self {
        let name = base_name(path).to_ascii_lowercase();
        match name.as_str() {
            "postgresql.conf" | "postgresql.auto.conf" => return Self::Postgres,
            "pg_hba.conf" | "pg_ident.conf" => return Self::Table,
            _ => {}
        }
        match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
            "json" => Self::Json,
            "ini" | "cnf" => Self::Ini,
            "env" => Self::Properties,
            "properties" => Self::JavaProperties,
            "yaml" | "yml" => Self::Yaml,
            "toml" => Self::Toml,
            "hcl" | "tf" | "nomad" => Self::Braces,
            "xml" => Self::Raw,
            _ => Self::of_text(text),
        }
    }

    fn of_text(text: &str) -> Self {
        if text.contains('\0') {
            return Self::Raw;
        }
        let whole = text.lines().take(MAX_LINES).filter(|line| !is_comment(line.trim()));
        let mut lines = whole.clone().map(str::trim);
        let Some(first) = lines.clone().next() else { return Self::Words };
        if first.starts_with('{') {
            Self::Json
        } else if first == "---" {
            Self::Yaml
        } else if first.starts_with("<?") || first.starts_with("<!") {
            Self::Raw
        } else if lines.clone().any(|line| line.starts_with('[') && line.ends_with(']')) {
            Self::Ini
        } else if lines.clone().any(|line| line.ends_with('{'))
            && lines.clone().any(|line| line.ends_with(';'))
        {
            Self::Blocks
        } else if lines.clone().any(|line| line.ends_with('{'))
            && lines.clone().any(|line| line.contains(" => "))
        {
            Self::Braces
        } else if first.starts_with('<') {
            Self::Raw
        } else if lines.clone().any(|line| line.starts_with("</") && line.ends_with('>')) {
            Self::Sections
        } else if is_nested(whole) {
            Self::Yaml
        } else if lines.all(|line| line.contains('=')) {
            Self::Properties
        } else {
            Self::Words
        }
    }
}

/// Whether a line that is a name and a colon is followed by one that is indented more: MongoDB and
/// others call YAML `.conf`.
fn is_nested<'a>(lines: impl Iterator<Item = &'a str>) -> bool {
    let mut opened: Option<usize> = None;
    for line in lines {
        let indent = line.len() - line.trim_start().len();
        if opened.is_some_and(|opened| indent > opened) {
            return true;
        }
        let name = line.trim().strip_suffix(':');
        opened = name.filter(|name| !name.contains(char::is_whitespace)).map(|_| indent);
    }
    false
}

/// Parses the text of a file; `file` is its index among those that the program reads.
pub fn parse(path: &str, text: &str, file: usize) -> Parsed {
    let mut out = Output::new(&PLAIN, None);
    out.in_file(file, |out| read_text(path, text, out));
    out.finish()
}

/// Adds what the text of a file says.
pub(super) fn read_text(path: &str, text: &str, out: &mut Output<'_>) {
    let whole = cut(text, MAX_FILE_BYTES);
    if whole.len() < text.len() {
        out.note(0, "the file is too large; its end was not read");
    }
    let text = whole.strip_prefix('\u{feff}').unwrap_or(whole);
    match out.dialect.format.unwrap_or_else(|| Format::of(path, text)) {
        Format::Ini => ini::parse(text, out),
        Format::Properties => ini::parse_properties(text, out),
        Format::JavaProperties => properties::parse(text, out),
        Format::Json => or_raw(text, out, "not valid JSON; shown as its lines", json),
        Format::Blocks => block::parse(text, out),
        Format::Braces => braces::parse(text, out),
        Format::Words => ini::parse_words(text, out),
        Format::Postgres => postgres::parse(text, out),
        Format::Sections => sections::parse(text, out),
        Format::Yaml => yaml(text, out),
        Format::Toml => or_raw(text, out, "not valid TOML; shown as its lines", toml::parse),
        Format::Table => table(text, out),
        Format::Raw => raw(text, out),
    }
}

/// Adds what `parse` reads, or the lines if it can read nothing.
fn or_raw<'a>(
    text: &str,
    out: &mut Output<'a>,
    what: &'static str,
    parse: fn(&str, &mut Output<'a>) -> bool,
) {
    if !parse(text, out) {
        out.note(0, what);
        raw(text, out);
    }
}

/// Adds the values of a tree that one of the grammars reads. False if the text is none; then none are
/// added.
fn tree(
    text: &str,
    out: &mut Output<'_>,
    read: impl FnOnce(&str, &mut dyn FnMut(Event<'_>)) -> bool,
) -> bool {
    let mut tree = Tree::of(text);
    let is_one = read(text, &mut |event| tree.event(event));
    if is_one {
        tree.finish(out);
    }
    is_one
}

fn json(text: &str, out: &mut Output<'_>) -> bool {
    tree(text, out, |text, tell| json::read(text, tell))
}

/// YAML, which JSON is, too, and the parser of that is quicker with long ones.
fn yaml(text: &str, out: &mut Output<'_>) {
    if text.trim_start().starts_with(['{', '[']) && json(text, out) {
        return;
    }
    or_raw(text, out, "not valid YAML, or too deep; shown as its lines", |text, out| {
        tree(text, out, yaml::read)
    });
}

/// The lines, without comments.
fn table(text: &str, out: &mut Output<'_>) {
    for (line, text) in numbered(text) {
        if !is_comment(text.trim()) {
            out.value(RAW_GROUP, "", text.trim(), line);
        }
    }
}

/// The lines themselves, without empty ones.
fn raw(text: &str, out: &mut Output<'_>) {
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

/// As [`numbered`]; if lines may be continued, those that are, with one blank for each line end.
fn logical_lines(text: &str, continued: bool) -> impl Iterator<Item = (u32, Cow<'_, str>)> {
    let mut lines = numbered(text);
    std::iter::from_fn(move || {
        let (number, line) = lines.next()?;
        let goes_on = |line: &str| continued && line.trim_end().ends_with('\\');
        if !goes_on(line) || is_comment(line.trim_start()) {
            return Some((number, Cow::Borrowed(line)));
        }
        let mut joined = without_backslash(line).to_owned();
        for (_, next) in lines.by_ref() {
            // A comment between does not end it.
            if next.trim_start().starts_with(['#', ';']) {
                continue;
            }
            joined.push(' ');
            joined.push_str(without_backslash(next).trim_start());
            if !goes_on(next) {
                break;
            }
        }
        Some((number, Cow::Owned(joined)))
    })
}

fn without_backslash(line: &str) -> &str {
    line.trim_end().strip_suffix('\\').unwrap_or(line).trim_end()
}

/// Empty lines are comments, too.
fn is_comment(line: &str) -> bool {
    line.is_empty() || line.starts_with(['#', ';']) || line.starts_with("//")
}

/// Takes off one pair of equal quotes.
fn unquote(value: &str) -> &str {
    let inner = |quote| {
        value.strip_prefix(quote)?.strip_suffix(quote).filter(|inner| !inner.contains(quote))
    };
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

/// A value without the comment behind it: a `#` after a blank, and not in quotes.
fn without_comment(value: &str) -> &str {
    let mut quote = None;
    let mut blank = true;
    for (at, c) in value.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '#' && blank => return value.get(..at).unwrap_or_default().trim_end(),
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None => {}
        }
        blank = c.is_whitespace();
    }
    value
}

/// The beginning of a text, of at most this many bytes.
fn cut(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
