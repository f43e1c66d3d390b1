//! The pieces of a Guru Meditation Report that `text` and `gmr` share, as oslo.reports 3.9.0
//! lays them out (`oslo_reports/views/text`). What a piece holds is the renderers' affair.

use super::name::{self, name};
use super::page::{Line, Page};
use super::sanitize::{line, lines};
use crate::asked::own::TAKEN;
use crate::data::Data;
use crate::report::{ConfigObject, Field, ProcessNode, Report, SectionReport};
use crate::repr;
use crate::text::Text;

/// The width of a report.
const WIDTH: usize = 72;

/// The deepest indentation of a process in a tree, in levels.
const MAX_INDENT: usize = 16;

/// The first line of a report whose secrets were not masked.
const SECRETS_ARE_SHOWN: &str = "SECRETS ARE SHOWN IN THIS REPORT (--show-secrets)";

/// The title of the whole report.
pub const TITLE: &str = "Guru Meditation";

/// The title of the notes on the report as a whole.
pub const NOTES: &str = "Notes";

/// What stands above everything else: each a line of its own.
pub fn first_lines(report: &Report) -> Page {
    let mut lines = Page::default();
    if report.secrets_shown {
        lines.push(Line::words(SECRETS_ARE_SHOWN));
    }
    if let Some(why) = &report.no_own_report {
        let words = Line::words("The process gave no report of its own: ");
        lines.push(words.then(line(why.raw())));
    }
    lines
}

/// The three lines over a section, without a newline at the end.
pub fn heading(title: &str) -> String {
    let rule = "=".repeat(WIDTH);
    format!("{rule}\n===={:^64}====\n{rule}", line(title))
}

/// The three lines over a section of a report. The title of one that the process has registered is
/// its own choice: where it is one of guru's, or does not look like a title, it is quoted.
pub fn heading_of(section: &SectionReport) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || " -_.,:/()&".contains(c);
    let title = &section.title;
    let is_foreign = section.id == REGISTERED;
    let is_ordinary =
        title.chars().all(is_plain) && line(title) == *title && !TAKEN.contains(&title.trim());
    match is_foreign && !is_ordinary {
        true => heading(&name::quoted(title)),
        false => heading(title),
    }
}

/// The id of a section that the process itself has registered for its report.
const REGISTERED: &str = "registered";

/// What stands under the heading of the whole report.
pub fn title_bar() -> String {
    "|".repeat(WIDTH)
}

/// The bar over a thread, without a newline at the end.
pub fn bar(label: &str) -> String {
    format!("------{:^60}------", format!(" {label} "))
}

/// The columns of an option's name in its group.
pub const OPTION_INDENT: usize = 2;

/// A field: its value behind its name, or, if it has several lines, below it. `none` stands for a
/// value that is not known.
pub fn field(page: &mut Page, field: &Field, none: &str) {
    let value = field.value.as_ref().map_or(none, |value| value.raw());
    // What guru adds is called by words, what the process has by a name.
    let called = match field.in_gmr {
        true => Line::name(&field.name),
        false => Line::plain(&field.name),
    };
    match lines(value).as_slice() {
        [single] => page.push(called.then(" = ").then(single)),
        several => {
            page.push(called.then(" = "));
            page.extend(several.iter().map(|line| Line::below(2, line)));
        }
    }
}

/// What stands for the options of a file of no known format: its lines.
pub fn lines_of_file(page: &mut Page, value: &Data) {
    let mut push = |text: &Data| page.push(Line::below(OPTION_INDENT, &line(&repr::str(text))));
    match value {
        Data::List(lines) => lines.iter().for_each(push),
        single => push(single),
    }
}

/// Text that is not guru's: each of its lines indented, so that none passes for one of a report. A
/// tab takes it to the next column of eight, as on a terminal.
pub fn foreign(page: &mut Page, text: &str) {
    for text in text.lines() {
        let text = if text.contains('\t') { &without_tabs(text) } else { text };
        page.push(Line::below(OPTION_INDENT, &line(text)));
    }
}

/// The line that stands for the end of a text.
pub fn left_out(bytes: u64) -> Line {
    Line::words("(").then(format!("{bytes} more bytes are left out)"))
}

fn without_tabs(text: &str) -> String {
    const TAB: usize = 8;
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    for character in text.chars() {
        let (character, width) = match character {
            '\t' => (' ', TAB - column % TAB),
            other => (other, 1),
        };
        out.extend(std::iter::repeat_n(character, width));
        column += width;
    }
    out
}

/// The lines over a group of options: an empty one, and its name.
pub fn group(page: &mut Page, name: &str) {
    page.blank();
    page.push(Line::name(name).then(": "));
}

/// The name of a group of a file as a report shows it: `DEFAULT` has lower case letters. Objects
/// name their groups themselves.
pub fn group_name<'a>(name: &'a str, object: Option<&ConfigObject>) -> &'a str {
    if name == "DEFAULT" && object.is_none() { "default" } else { name }
}

/// The line of a process, `levels` below the root.
pub fn process(node: &ProcessNode, levels: usize, state: &str) -> Line {
    let user = match &node.user {
        Some(user) => name(user.raw()),
        // As psutil answers for a user that no database knows.
        None => node.uid.to_string(),
    };
    let (pid, ppid, uid, state) = (node.pid, node.ppid, node.uid, name::plain(state));
    let line = Line::words("Process ")
        .then(format!("{pid} (under {ppid}) [ run by: {user} ({uid}), state: {state} ]"));
    line.indented(4 * levels.min(MAX_INDENT))
}

/// The processes of a tree, parents first, each with its level under `root`. A loop, not a
/// recursion: how deep a tree is, is the processes' choice.
pub fn walk(root: &ProcessNode) -> Vec<(usize, &ProcessNode)> {
    let mut open = vec![(0, root)];
    let mut walked = Vec::new();
    while let Some((level, node)) = open.pop() {
        walked.push((level, node));
        open.extend(node.children.iter().rev().map(|child| (level + 1, child)));
    }
    walked
}

/// A command line on one line, quoted so that one argument can be told from two.
pub fn command(arguments: &[Text]) -> String {
    let quoted: Vec<String> = arguments.iter().map(|argument| quote(argument.raw())).collect();
    line(&quoted.join(" "))
}

fn quote(argument: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !matches!(c, '\'' | '"' | name::BETWEEN);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_centred_as_python_centres_them() {
        assert_eq!(
            heading("Package").lines().nth(1),
            Some("====                            Package                             ====")
        );
        assert_eq!(
            bar("Thread #140053835671232"),
            "------                  Thread #140053835671232                   ------"
        );
    }

    #[test]
    fn a_field_of_several_lines_is_indented_below_its_name() {
        let mut page = Page::default();
        for (name, value, in_gmr) in [
            ("note", Some("two\nlines"), true),
            ("-x", Some("one"), true),
            ("build id", None, false),
            ("build id", Some("1"), true),
            ("note: x", None, false),
        ] {
            let value = value.map(Text::from);
            field(&mut page, &Field { name: name.into(), value, in_gmr }, "None");
        }
        assert_eq!(
            page.as_str(),
            "note = \n  two\n  lines\n\"-x\" = one\nbuild id = None\n\"build id\" = 1\n\"note: x\" = \
             None\n"
        );
    }

    #[test]
    fn a_title_of_the_process_is_none_of_gurus() {
        let title = |id: &str, title: &str| {
            let (id, title) = (id.to_owned(), title.to_owned());
            let section = SectionReport { id, title, blocks: Vec::new(), notes: Vec::new() };
            let heading = heading_of(&section);
            let title = heading.lines().nth(1).unwrap_or_default().trim_matches('=').trim();
            title.to_owned()
        };
        assert_eq!(title("threads", "Threads"), "Threads");
        assert_eq!(title("registered", "Mini Extra"), "Mini Extra");
        assert_eq!(title("registered", " Threads "), "\" Threads \"");
        assert_eq!(title("registered", "\u{3164}"), "\"\\u{3164}\"");
    }

    #[test]
    fn the_lines_of_a_file_keep_their_order_and_indentation() {
        let mut page = Page::default();
        lines_of_file(&mut page, &Data::List(vec![Data::text("b:"), Data::text("  - a")]));
        assert_eq!(page.as_str(), "  b:\n    - a\n");
    }

    #[test]
    fn foreign_text_is_indented_and_its_tabs_are_spaces() {
        let mut page = Page::default();
        foreign(&mut page, "====\na\tb\n\n12345678\tc\x1b[2J\r\n");
        let expected = "  ====\n  a       b\n  \n  12345678        c\\x1b[2J\n";
        assert_eq!(page.as_str(), expected);
    }

    #[test]
    fn arguments_with_spaces_are_quoted() {
        let arguments: Vec<Text> =
            ["sh", "-c", "echo it's", "", "a\nb"].into_iter().map(Text::from).collect();
        assert_eq!(command(&arguments), "sh -c 'echo it'\\''s' '' 'a\\nb'");
    }
}
