//! The pieces of a Guru Meditation Report that `text` and `gmr` share, as oslo.reports 3.9.0
//! lays them out (`oslo_reports/views/text`). What a piece holds is the renderers' affair.

use super::sanitize::{at_line_start, line, lines};
use crate::data::Data;
use crate::report::ProcessNode;
use crate::text::Text;

/// The width of a report.
const WIDTH: usize = 72;

/// The deepest indentation of a process in a tree, in levels.
const MAX_INDENT: usize = 16;

/// The first line of a report whose secrets were not masked.
pub const SECRETS_ARE_SHOWN: &str = "SECRETS ARE SHOWN IN THIS REPORT (--show-secrets)";

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

/// How an entry of the key and value view is written.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// How deep its name is indented, in columns.
    pub indent: usize,
    /// What follows the name when its value has several lines.
    pub before_lines: &'static str,
}

/// The style of the fields of Package.
pub const FIELD: Style = Style { indent: 0, before_lines: " = " };

/// The style of the options of a group.
pub const OPTION: Style = Style { indent: 2, before_lines: ": " };

/// A name and its value: one value as `name = value`, or with its lines below the name; none or
/// several as a list below it. `remark` follows on the first line.
pub fn entry(out: &mut String, style: Style, name: &str, values: &[&str], remark: &str) {
    let name = if style.indent == 0 { at_line_start(name) } else { line(name) };
    push_indented(out, style.indent, &name);
    let [value] = values else {
        out.push_str(&format!(" = {remark}\n"));
        for value in values {
            list_item(out, style.indent + 2, value);
        }
        return;
    };
    match lines(value).as_slice() {
        [single] => out.push_str(&format!(" = {single}{remark}\n")),
        several => {
            out.push_str(&format!("{}{remark}\n", style.before_lines));
            push_lines(out, style.indent + 2, several);
        }
    }
}

/// The values of an option: one, or those of a list.
pub fn values(data: &Data) -> Vec<String> {
    let text = |data: &Data| match data {
        Data::None => "None".to_owned(),
        Data::Bool(true) => "True".to_owned(),
        Data::Bool(false) => "False".to_owned(),
        Data::Int(value) => value.to_string(),
        Data::Float(value) => value.to_string(),
        Data::Text(text) | Data::Object(text) => text.raw().to_owned(),
        Data::List(_) | Data::Map(_) => String::new(),
    };
    match data {
        Data::List(items) => items.iter().map(text).collect(),
        Data::Map(items) => {
            items.iter().map(|(key, value)| format!("{} = {}", key.raw(), text(value))).collect()
        }
        single => vec![text(single)],
    }
}

/// What stands for the options of a file of no known format: its lines.
pub fn lines_of_file(out: &mut String, lines: &[&str]) {
    let lines: Vec<String> = lines.iter().map(|text| line(text)).collect();
    push_lines(out, OPTION.indent, &lines);
}

/// An item of a list. One of several lines goes two columns deeper, as oslo.reports has it.
fn list_item(out: &mut String, indent: usize, value: &str) {
    match lines(value).as_slice() {
        single @ [_] => push_lines(out, indent, single),
        several => push_lines(out, indent + 2, several),
    }
}

fn push_lines(out: &mut String, indent: usize, lines: &[String]) {
    for line in lines {
        push_indented(out, indent, line);
        out.push('\n');
    }
}

fn push_indented(out: &mut String, indent: usize, text: &str) {
    out.push_str(&format!("{:indent$}{text}", ""));
}

/// The lines over a group of options: an empty one, and its name.
pub fn group(out: &mut String, name: &str) {
    out.push_str(&format!("\n{}: \n", at_line_start(group_name(name))));
}

/// The name of a group as a report shows it: `DEFAULT` has lower case letters.
pub fn group_name(name: &str) -> &str {
    if name == "DEFAULT" { "default" } else { name }
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
    fn values_of_several_lines_are_indented_below_their_name() {
        let mut out = String::new();
        entry(&mut out, OPTION, "multiline", &["line one\nline two"], "");
        entry(&mut out, FIELD, "note", &["two\nlines"], "");
        entry(&mut out, OPTION, "hosts", &["a", "b\nc"], "");
        entry(&mut out, OPTION, "none", &[], "");
        assert_eq!(
            out,
            "  multiline: \n    line one\n    line two\nnote = \n  two\n  lines\n  \
             hosts = \n    a\n      b\n      c\n  none = \n"
        );
    }

    #[test]
    fn the_lines_of_a_file_keep_their_order_and_indentation() {
        let mut out = String::new();
        lines_of_file(&mut out, &["b:", "  - a"]);
        assert_eq!(out, "  b:\n    - a\n");
    }

    #[test]
    fn arguments_with_spaces_are_quoted() {
        let arguments: Vec<Text> =
            ["sh", "-c", "echo it's", "", "a\nb"].into_iter().map(Text::from).collect();
        assert_eq!(command(&arguments), "sh -c 'echo it'\\''s' '' 'a\\nb'");
    }
}
