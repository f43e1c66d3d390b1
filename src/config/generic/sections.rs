//! Directives in sections, as Apache writes them: `Name value` and `<Section argument> … </Section>`.

use super::{Output, is_comment, logical_lines, unquote};

/// Adds the directives of a text, each to the group of its section (`VirtualHost *:80/Directory /srv`).
pub(super) fn parse(text: &str, out: &mut Output<'_>) {
    for (number, line) in logical_lines(text, out.dialect.continued) {
        let line = line.trim();
        if is_comment(line) {
            continue;
        }
        if line.starts_with("</") {
            out.leave();
        } else if let Some(section) = line.strip_prefix('<') {
            out.enter(section.trim_end_matches('>').trim());
        } else {
            let (name, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            out.value(&out.here(), name, unquote(value.trim()), number);
        }
    }
}
