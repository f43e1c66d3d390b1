//! Names and values in braces, one a line: HCL (`storage "consul" {`, `port = 1`) and Logstash
//! (`beats {`, `port => 1`).

use super::{Output, is_comment, numbered, unquote, without_comment};

/// Adds the values of a text, each to the group of its block (`listener "tcp"`).
pub(super) fn parse(text: &str, out: &mut Output<'_>) {
    let mut lines = numbered(text);
    while let Some((number, line)) = lines.next() {
        let mut line = without_comment(line.trim());
        while let Some(rest) = line.strip_prefix('}') {
            out.leave();
            line = rest.trim_start_matches(',').trim_start();
        }
        if is_comment(line) {
            continue;
        }
        if let Some(header) = line.strip_suffix('{') {
            out.enter(header.trim_end().trim_end_matches(['=', '>']).trim_end());
            continue;
        }
        // `beats { port => 5044 }`, but not `tags = { a = 1 }`.
        let inner = line.strip_suffix('}').and_then(|line| line.split_once('{'));
        if let Some((header, inner)) = inner.filter(|(header, _)| !header.contains('=')) {
            out.enter(header.trim_end());
            if !inner.trim().is_empty() {
                add(out, inner.trim(), number);
            }
            out.leave();
            continue;
        }
        let mut whole = line.to_owned();
        let mut more = || lines.next().map(|(_, next)| next);
        if let Some((_, tag)) = line.rsplit_once("<<").filter(|(_, tag)| is_tag(tag)) {
            whole.truncate(line.len() - tag.len() - 2);
            let tag = tag.trim_start_matches('-');
            while let Some(next) = more().filter(|next| next.trim() != tag) {
                whole.push_str(next);
                whole.push('\n');
            }
        }
        while is_open(&whole)
            && let Some(next) = more()
        {
            whole.push(' ');
            whole.push_str(without_comment(next.trim()));
        }
        add(out, &whole, number);
    }
}

/// Whether this is what ends a text of several lines: `EOF`, `-EOT`.
fn is_tag(tag: &str) -> bool {
    let tag = tag.strip_prefix('-').unwrap_or(tag);
    !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a list is begun and does not end.
fn is_open(statement: &str) -> bool {
    let value = statement.split_once('=').map_or("", |(_, value)| value);
    let value = value.trim_start_matches('>').trim();
    value.starts_with('[') && !value.trim_end_matches(',').ends_with(']')
}

/// Adds a statement to the block that is open.
fn add(out: &mut Output<'_>, statement: &str, line: u32) {
    let end = statement.find(|c: char| c.is_whitespace() || c == '=');
    let (name, rest) =
        statement.split_at_checked(end.unwrap_or(statement.len())).unwrap_or((statement, ""));
    let rest = rest.trim_start();
    let value = rest.strip_prefix("=>").or_else(|| rest.strip_prefix('=')).unwrap_or(rest).trim();
    out.value(&out.here(), unquote(name), unquote(value), line);
}
