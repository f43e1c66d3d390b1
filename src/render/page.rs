//! The lines of the text formats, by construction: a [`Line`] begins with words of guru's, which are
//! literals in its source, with a name of the process, which is quoted unless it is ordinary, or with
//! spaces. There is no other way to begin one, and none to put a newline into it, so no text of the
//! process passes for a line of guru's.

use std::borrow::Cow;

use super::sanitize::line;
use super::{layout, name};
use crate::addr::Addr;

/// A line of output, without its newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    text: String,
    /// Whether several facts stand in it.
    has_facts: bool,
}

impl Line {
    fn new(text: String) -> Line {
        Line { text, has_facts: false }
    }

    /// A line that begins with words of guru's.
    pub fn words(words: &'static str) -> Line {
        Line::new(words.to_owned())
    }

    /// A line that begins with words that are guru's, as far as one sees: a few of small letters.
    pub fn plain(text: &str) -> Line {
        Line::new(name::plain(text))
    }

    /// A line that begins with a name of the process.
    pub fn name(text: &str) -> Line {
        Line::new(name::at_start(text))
    }

    /// A line that begins with a name of the process in quotes.
    pub fn quoted(text: &str) -> Line {
        Line::new(name::quoted(text))
    }

    /// A line that begins with an address.
    pub fn address(address: Addr) -> Line {
        Line::new(address.to_string())
    }

    /// A line of a text that is not guru's, behind so many spaces; at least one.
    pub fn below(indent: usize, text: &str) -> Line {
        Line::words("").then(text).indented(indent.max(1))
    }

    /// A line of a text of the process where it may stand as it is, under a heading of its own. What
    /// begins as guru's lines do is broken.
    pub fn of_its_own(text: &str) -> Line {
        let mut shown = line(text);
        if let Some(first) = shown.chars().next()
            && OURS.iter().any(|ours| shown.starts_with(ours))
        {
            shown.replace_range(..first.len_utf8(), &format!("\\x{:02x}", u32::from(first)));
        }
        Line::new(shown)
    }

    /// With more behind it, in which text of the process was made fit. It stays one line.
    pub fn then(mut self, more: impl AsRef<str>) -> Line {
        self.text.push_str(&without_newlines(more.as_ref()));
        self
    }

    /// With a further fact behind it, if that is not empty. No fact has in it what stands between
    /// them.
    pub fn fact(mut self, fact: impl AsRef<str>) -> Line {
        if fact.as_ref().is_empty() {
            return self;
        }
        if !self.has_facts {
            self.has_facts = true;
            self.text = without_between(self.text);
        }
        let fact = without_between(without_newlines(fact.as_ref()).into_owned());
        self.text.push_str(&format!(" {} {fact}", name::BETWEEN));
        self
    }

    /// Behind so many spaces.
    pub fn indented(self, spaces: usize) -> Line {
        Line { text: format!("{:spaces$}{}", "", self.text), ..self }
    }

    /// The line as it is printed.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn without_newlines(text: &str) -> Cow<'_, str> {
    if text.contains('\n') { text.replace('\n', "\\n").into() } else { text.into() }
}

fn without_between(text: String) -> String {
    match text.contains(name::BETWEEN) {
        true => text.replace(name::BETWEEN, "\\u{b7}"),
        false => text,
    }
}

/// How lines begin that guru writes and that no name begins: what a text of the process must not
/// begin with where it stands at the start of lines.
pub const OURS: &[&str] = &[
    "=",
    "-",
    "|",
    "(",
    "note: ",
    "guru: ",
    "partial: ",
    "drift: ",
    "tid ",
    "Process ",
    "object ",
    "file ",
    "command ",
    "taken ",
    "standard error:",
    "No Traceback!",
    "Native stack, ",
    "SECRETS ",
    "The process gave no report",
];

/// Lines of output, one below the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page(String);

impl Page {
    /// Adds a line.
    pub fn push(&mut self, line: Line) {
        self.0.push_str(&line.text);
        self.0.push('\n');
    }

    /// Adds an empty line.
    pub fn blank(&mut self) {
        self.0.push('\n');
    }

    /// Adds the bar over a thread.
    pub fn bar(&mut self, label: &str) {
        self.0.push_str(&layout::bar(label));
        self.blank();
    }

    /// Adds the lines of another page.
    pub fn append(&mut self, page: &Page) {
        self.0.push_str(&page.0);
    }

    /// Pages with an empty line between them, each of which ends in one newline.
    pub fn apart(pages: Vec<Page>) -> Page {
        let mut pages: Vec<String> = pages.into_iter().map(|page| page.0).collect();
        pages.iter_mut().for_each(end_in_one_newline);
        Page(pages.join("\n"))
    }

    /// Without empty lines at its end.
    pub fn without_blanks(mut self) -> Page {
        end_in_one_newline(&mut self.0);
        self
    }

    /// Whether there is no line in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All lines, each with its newline.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Line> for Page {
    fn from(line: Line) -> Page {
        let mut page = Page::default();
        page.push(line);
        page
    }
}

impl Extend<Line> for Page {
    fn extend<I: IntoIterator<Item = Line>>(&mut self, lines: I) {
        lines.into_iter().for_each(|line| self.push(line));
    }
}

impl FromIterator<Line> for Page {
    fn from_iter<I: IntoIterator<Item = Line>>(lines: I) -> Page {
        let mut page = Page::default();
        page.extend(lines);
        page
    }
}

/// `body` with exactly one newline at its end.
fn end_in_one_newline(body: &mut String) {
    body.truncate(body.trim_end_matches('\n').len());
    body.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        let line = Line::words("note: ").then("a\nnote: b");
        assert_eq!(line.as_str(), "note: a\\nnote: b");
        assert_eq!(Line::below(0, "x\ny").as_str(), " x\\ny");
        assert_eq!(Line::name("a\nb").as_str(), "\"a\\nb\"");
    }

    #[test]
    fn no_fact_is_two() {
        let line = Line::words("x").then(" · a").fact("").fact("b · c\n");
        assert_eq!(line.as_str(), "x \\u{b7} a · b \\u{b7} c\\n");
    }

    #[test]
    fn text_at_the_start_of_lines_begins_as_no_line_of_gurus() {
        for ours in OURS {
            assert!(Line::of_its_own(ours).as_str().starts_with("\\x"), "{ours}");
        }
        assert_eq!(Line::of_its_own("====  Threads").as_str(), "\\x3d===  Threads");
        for text in ["a = b", "noted: x", "  (x)", ""] {
            assert_eq!(Line::of_its_own(text).as_str(), text);
        }
    }
}
