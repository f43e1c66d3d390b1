//! Secrets of several lines that a tag ends: `password = <<EOF`, as shells and HCL have them.

use std::borrow::Cow;
use std::collections::HashMap;

use super::line::{masked, uncommented};

/// How many lines one may have: a chain of certificates has less.
const MAX_LINES: usize = 500;

/// The longest tag, in bytes.
const MAX_TAG: usize = 64;

/// Where each line begins that may be a tag; of those that are the same, the last one.
pub(super) struct Tags(HashMap<String, usize>);

impl Tags {
    pub fn of(text: &str) -> Tags {
        let mut tags = HashMap::new();
        let mut at = 0;
        // Most texts have none, and need not be passed over for them.
        let lines = text.contains("<<").then(|| text.split_inclusive(['\n', '\r']));
        for line in lines.into_iter().flatten() {
            let tag = uncommented(line).trim_end();
            if is_tag(tag) {
                tags.insert(tag.to_owned(), at);
            }
            at += line.len();
        }
        Tags(tags)
    }

    /// Whether the tag of a text that begins at the end of a value stands alone on a line behind `at`:
    /// else that is no such text.
    pub fn ends(&self, heredoc: &Heredoc, at: usize) -> bool {
        self.0.get(&heredoc.tag).is_some_and(|last| *last >= at)
    }
}

/// One that has begun.
pub(super) struct Heredoc {
    tag: String,
    is_comment: bool,
    lines: usize,
}

impl Heredoc {
    /// The one whose mark a value ends in, and where that begins: HCL's `<<-EOT`, a shell's
    /// `$(cat <<'EOF'`.
    pub fn begun(value: &str, is_comment: bool) -> Option<(usize, Heredoc)> {
        let (before, tag) = value.rsplit_once("<<")?;
        let tag = tag.strip_prefix(['-', '~']).unwrap_or(tag).trim().trim_matches(['"', '\'']);
        let heredoc = Heredoc { tag: tag.to_owned(), is_comment, lines: 0 };
        is_tag(tag).then_some((before.len(), heredoc))
    }

    /// A line of it, masked, and what of it is still to come.
    pub fn line(self, line: &str) -> (Cow<'_, str>, Option<Heredoc>) {
        let content = if self.is_comment { uncommented(line) } else { line.trim_start() };
        if content.trim_end() == self.tag {
            return (line.into(), None);
        }
        let shown = match content.is_empty() {
            true => line.into(),
            false => masked(line, line.len() - content.len()),
        };
        let more = self.lines < MAX_LINES;
        (shown, more.then(|| Heredoc { lines: self.lines + 1, ..self }))
    }
}

fn is_tag(tag: &str) -> bool {
    let in_tag = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    !tag.is_empty() && tag.len() <= MAX_TAG && tag.bytes().all(in_tag)
}
