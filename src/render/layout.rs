//! The pieces of a Guru Meditation Report that `text` and `gmr` share, as oslo.reports 3.9.0
//! lays them out (`oslo_reports/views/text`). What a piece holds is the renderers' affair.

use super::sanitize::{at_line_start, line, lines};
use crate::data::Data;
use crate::report::{ConfigObject, ProcessNode, Report};
use crate::repr;
use crate::text::Text;

/// The width of a report.
const WIDTH: usize = 72;

/// The deepest indentation of a process in a tree, in levels.
const MAX_INDENT: usize = 16;

/// The first line of a report whose secrets were not masked.
const SECRETS_ARE_SHOWN: &str = "SECRETS ARE SHOWN IN THIS REPORT (--show-secrets)";

/// What stands above everything else: each a line of its own.
pub fn first_lines(report: &Report) -> String {
    let mut lines = String::new();
    if report.secrets_shown {
        lines.push_str(&format!("{SECRETS_ARE_SHOWN}\n"));
    }
    if let Some(why) = &report.no_own_report {
        let why = line(why.raw());
        lines.push_str(&format!("The process gave no report of its own: {why}\n"));
    }
    lines
}

/// The three lines over a section, without a newline at the end.
pub fn heading(title: &str) -> String {
    let rule = "=".repeat(WIDTH);
    format!("{rule}\n===={:^64}====\n{rule}", line(title))
}

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

/// A field of Package: its value behind its name, or, if it has several lines, below it.
pub fn field(out: &mut String, name: &str, value: &str) {
    out.push_str(&at_line_start(name));
    match lines(value).as_slice() {
        [single] => out.push_str(&format!(" = {single}\n")),
        several => {
            out.push_str(" = \n");
            push_lines(out, 2, several);
        }
    }
}

/// What stands for the options of a file of no known format: its lines.
pub fn lines_of_file(out: &mut String, value: &Data) {
    let lines: Vec<String> = match value {
        Data::List(lines) => lines.iter().map(|text| line(&repr::str(text))).collect(),
        single => vec![line(&repr::str(single))],
    };
    push_lines(out, OPTION_INDENT, &lines);
}

/// Text that is not guru's: each of its lines indented, so that none passes for one of a report. A
/// tab takes it to the next column of eight, as on a terminal.
pub fn foreign(out: &mut String, text: &str) {
    for text in text.lines() {
        let text = if text.contains('\t') { &without_tabs(text) } else { text };
        push_indented(out, OPTION_INDENT, &line(text));
        out.push('\n');
    }
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

fn push_lines(out: &mut String, indent: usize, lines: &[String]) {
    for line in lines {
        push_indented(out, indent, line);
        out.push('\n');
    }
}

/// A text behind so many spaces.
pub fn push_indented(out: &mut String, indent: usize, text: &str) {
    out.push_str(&format!("{:indent$}{text}", ""));
}

/// The lines over a group of options: an empty one, and its name.
pub fn group(out: &mut String, name: &str) {
    out.push_str(&format!("\n{}: \n", at_line_start(name)));
}

/// The name of a group of a file as a report shows it: `DEFAULT` has lower case letters. Objects
/// name their groups themselves.
pub fn group_name<'a>(name: &'a str, object: Option<&ConfigObject>) -> &'a str {
    if name == "DEFAULT" && object.is_none() { "default" } else { name }
}

/// The line of a process, without a newline at the end.
pub fn process(node: &ProcessNode, state: &str) -> String {
    let user = match &node.user {
        Some(user) => line(user.raw()),
        // As psutil answers for a user that no database knows.
        None => node.uid.to_string(),
    };
    format!(
        "Process {} (under {}) [ run by: {user} ({}), state: {} ]",
        node.pid,
        node.ppid,
        node.uid,
        line(state)
    )
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

/// The spaces before a process that lies `levels` below the root.
pub fn indent(levels: usize) -> String {
    " ".repeat(4 * levels.min(MAX_INDENT))
}

/// A command line on one line, quoted so that one argument can be told from two.
pub fn command(arguments: &[Text]) -> String {
    let quoted: Vec<String> = arguments.iter().map(|argument| quote(argument.raw())).collect();
    line(&quoted.join(" "))
}

fn quote(argument: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !matches!(c, '\'' | '"');
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', "'\\''"))
}

/// `body` with exactly one newline at its end.
pub fn end_in_one_newline(body: &mut String) {
    body.truncate(body.trim_end_matches('\n').len());
    body.push('\n');
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
        let mut out = String::new();
        field(&mut out, "note", "two\nlines");
        field(&mut out, "-x", "one");
        assert_eq!(out, "note = \n  two\n  lines\n\\x2dx = one\n");
    }

    #[test]
    fn the_lines_of_a_file_keep_their_order_and_indentation() {
        let mut out = String::new();
        lines_of_file(&mut out, &Data::List(vec![Data::text("b:"), Data::text("  - a")]));
        assert_eq!(out, "  b:\n    - a\n");
    }

    #[test]
    fn foreign_text_is_indented_and_its_tabs_are_spaces() {
        let mut out = String::new();
        foreign(&mut out, "====\na\tb\n\n12345678\tc\x1b[2J\r\n");
        let expected = "  ====\n  a       b\n  \n  12345678        c\\x1b[2J\n";
        assert_eq!(out, expected);
    }

    #[test]
    fn arguments_with_spaces_are_quoted() {
        let arguments: Vec<Text> =
            ["sh", "-c", "echo it's", "", "a\nb"].into_iter().map(Text::from).collect();
        assert_eq!(command(&arguments), "sh -c 'echo it'\\''s' '' 'a\\nb'");
    }
}
