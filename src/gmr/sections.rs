//! Takes a report apart at its titles.

use super::heading::{self, STANDARD, WIDTH};

/// The most sections; what follows belongs to the last.
const MAX_SECTIONS: usize = 4096;

/// How the sections are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// For eyes.
    Text,
    /// A line of JSON each.
    Json,
}

/// A report in its parts.
#[derive(Debug)]
pub(super) struct Split<'a> {
    /// Its own title, where it has one.
    pub title: Option<&'a str>,
    /// How its sections are written.
    pub view: View,
    /// The titles, each with the text below it.
    pub sections: Vec<(&'a str, &'a str)>,
}

/// The parts of a report; `None` if it does not begin as one.
pub(super) fn split(text: &str) -> Option<Split<'_>> {
    with_headings(text).or_else(|| bare(text))
}

/// A title in its rules.
struct Heading<'a> {
    start: usize,
    title: &'a str,
    /// Where the text below it begins.
    body: usize,
}

/// The text view: each title between two rules. The first is that of the report itself.
fn with_headings(text: &str) -> Option<Split<'_>> {
    let mut headings = headings(text);
    let first = headings.next().filter(|heading| heading.start == 0)?;
    let bar = text.get(first.body..)?.lines().next()?;
    if !heading::is_bar(bar.as_bytes()) {
        return None;
    }
    let mut sections = Vec::new();
    let (mut title, mut body) = (first.title, first.body + WIDTH);
    for heading in headings.take(MAX_SECTIONS) {
        // One newline joins sections.
        let end = heading.start.saturating_sub(1).max(body);
        sections.push((title, text.get(body..end).unwrap_or_default()));
        (title, body) = (heading.title, heading.body);
    }
    sections.push((title, text.get(body..).unwrap_or_default()));
    // Below the report's own title stands the bar, as a rule, and nothing else.
    if sections.first().is_some_and(|(_, body)| body.trim_matches('\n').is_empty()) {
        sections.remove(0);
    }
    Some(Split { title: Some(first.title), view: View::Text, sections })
}

fn headings(text: &str) -> impl Iterator<Item = Heading<'_>> {
    let mut at = 0;
    // Where the last two lines began, and whether they were a rule and a title.
    let (mut rule, mut titled) = (None, None);
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let is_rule = heading::is_rule(line.as_bytes());
        if let Some((start, title)) = std::mem::take(&mut titled).filter(|_| is_rule) {
            rule = None;
            return Some(Heading { start, title, body: at });
        }
        let title = heading::title(line.as_bytes()).and_then(|t| std::str::from_utf8(t).ok());
        titled = std::mem::take(&mut rule).zip(title);
        rule = is_rule.then_some(start);
        None
    })
}

/// A report without headings: each title on a line of its own. In the views for machines a line of
/// JSON follows each.
fn bare(text: &str) -> Option<Split<'_>> {
    let mut lines = text.split_inclusive('\n').peekable();
    let is_json = |line: &str| line.starts_with('{');
    if lines.peek().is_none_or(|line| *line != "Package\n") {
        return None;
    }
    let view = match text.lines().nth(1) {
        Some(line) if is_json(line) => View::Json,
        _ => View::Text,
    };
    let mut sections: Vec<(&str, &str)> = Vec::new();
    let (mut at, mut body) = (0, 0);
    while let Some(line) = lines.next() {
        let start = at;
        at += line.len();
        let title = line.strip_suffix('\n').unwrap_or(line);
        let followed = view == View::Json && lines.peek().is_some_and(|next| is_json(next));
        let is_title = STANDARD.contains(&title) || (followed && !is_json(line));
        if !is_title || sections.len() == MAX_SECTIONS {
            continue;
        }
        if let Some((_, text_of_last)) = sections.last_mut() {
            *text_of_last = text.get(body..start.saturating_sub(1).max(body)).unwrap_or_default();
        }
        body = at;
        sections.push((title, text.get(body..).unwrap_or_default()));
    }
    Some(Split { title: None, view, sections })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn heading(title: &str) -> String {
        let rule = "=".repeat(WIDTH);
        format!("{rule}\n===={title:^64}====\n{rule}")
    }

    #[test]
    fn sections_are_what_stands_between_headings() {
        let bar = "|".repeat(WIDTH);
        let (title, empty, last) = (heading("X"), heading("Threads"), heading("Own"));
        let text = format!("{title}\n{bar}\n\n\n{empty}\n\n{last}\na\n\nb");
        let split = split(&text).unwrap();
        assert_eq!(split.title, Some("X"));
        assert_eq!(split.sections, [("Threads", ""), ("Own", "a\n\nb")]);
    }

    #[test]
    fn rules_without_a_title_are_text() {
        let rule = "=".repeat(WIDTH);
        let (title, bar) = (heading("X"), "|".repeat(WIDTH));
        let text = format!("{title}\n{bar}\n\n\n{}\n{rule}\n{rule}\n{rule}\n x", heading("Own"));
        let body = format!("{rule}\n{rule}\n{rule}\n x");
        assert_eq!(split(&text).unwrap().sections, [("Own", body.as_str())]);
        assert!(split(&format!("{title}\nno bar")).is_none());
    }

    #[test]
    fn a_report_for_machines_has_a_line_for_each_section() {
        let text = "Package\n{}\nThreads\n{\"a\": 1}\nOwn\n{}\nFree\ntext";
        let split = split(text).unwrap();
        assert_eq!((split.title, split.view), (None, View::Json));
        let expected = [("Package", "{}"), ("Threads", "{\"a\": 1}"), ("Own", "{}\nFree\ntext")];
        assert_eq!(split.sections, expected);
        assert!(super::split("Packages\n{}").is_none());
    }
}
