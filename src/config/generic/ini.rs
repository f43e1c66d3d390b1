//! Line by line: INI, properties and environment files, and `name value` lines.

use super::{Output, TOP_GROUP, is_comment, logical_lines, numbered, unquote, without_comment};

/// `[section]`, `name = value`, `name: value`, a bare `name`; a line that is indented more than the
/// name and has no separator continues the value.
pub(super) fn parse(text: &str, out: &mut Output<'_>) {
    let mut section = TOP_GROUP.to_owned();
    let mut open: Option<Open> = None;
    for (number, line) in logical_lines(text, out.dialect.continued) {
        let content = line.trim();
        let indent = line.len() - line.trim_start().len();
        if is_comment(content) {
            continue;
        }
        if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            flush(&mut open, &section, out);
            section = name.trim().to_owned();
            continue;
        }
        let separated = match content.starts_with('!') {
            // MySQL's `!include file`
            true => content.split_once(char::is_whitespace),
            false => content.split_once(['=', ':']),
        };
        if let (None, Some(open)) = (separated, &mut open)
            && indent > open.indent
        {
            open.value.push('\n');
            open.value.push_str(content);
            continue;
        }
        flush(&mut open, &section, out);
        let (name, value) = separated.unwrap_or((content, ""));
        let value = value.trim();
        let value = if out.dialect.comments_behind { without_comment(value) } else { value };
        let (name, value) = (name.trim_end().to_owned(), unquote(value).to_owned());
        open = Some(Open { name, value, indent, number });
    }
    flush(&mut open, &section, out);
}

struct Open {
    name: String,
    value: String,
    indent: usize,
    number: u32,
}

fn flush(open: &mut Option<Open>, section: &str, out: &mut Output<'_>) {
    if let Some(open) = open.take() {
        out.value(section, &open.name, &open.value, open.number);
    }
}

/// `NAME=value`, `export NAME=value`, `name: value`; a backslash at the end continues the line.
pub(super) fn parse_properties(text: &str, out: &mut Output<'_>) {
    let mut lines = numbered(text);
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        if is_comment(line) {
            continue;
        }
        let mut joined = String::new();
        let mut part = line;
        while let Some(head) = part.strip_suffix('\\') {
            joined.push_str(head);
            part = lines.next().map_or("", |(_, next)| next.trim());
        }
        joined.push_str(part);
        let assignment = joined.strip_prefix("export ").unwrap_or(&joined);
        let (name, value) = assignment.split_once(['=', ':']).unwrap_or((assignment, ""));
        out.value(TOP_GROUP, name.trim(), unquote(value.trim()), number);
    }
}

/// `name value`: everything behind the first word is the value. In some dialects a name begins a
/// section, which ends with the file or with the next one.
pub(super) fn parse_words(text: &str, out: &mut Output<'_>) {
    let mut in_section = false;
    for (number, line) in logical_lines(text, out.dialect.continued) {
        let line = line.trim();
        if is_comment(line) {
            continue;
        }
        let line = if out.dialect.comments_behind { without_comment(line) } else { line };
        let (name, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        if out.dialect.sections.iter().any(|section| section.eq_ignore_ascii_case(name)) {
            if in_section {
                out.leave();
            }
            out.enter(line);
            in_section = true;
            continue;
        }
        // postgres and others write `name = value` in the same form.
        let value = value.trim();
        let value = value.strip_prefix('=').map_or(value, str::trim_start);
        let (name, value) = match (value.is_empty(), line.split_once('=')) {
            (true, Some((name, value))) => (name, value),
            _ => (name, value),
        };
        out.value(&out.here(), name, unquote(value), number);
    }
}
