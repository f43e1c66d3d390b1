//! Text that is not guru's, for eyes: where it comes from, how that went, and then its lines.

use super::options;
use crate::render::layout;
use crate::render::page::{Line, Page};
use crate::render::sanitize::line;
use crate::report::{CommandRun, ConfigFile};
use crate::text::Text;

/// The text of a file, or what a command wrote.
pub fn text(
    file: Option<&ConfigFile>,
    command: Option<&CommandRun>,
    text: &Text,
    left: u64,
) -> Page {
    let mut page: Page = file.map(options::file).into_iter().chain(command.map(run)).collect();
    let unread = file.is_some_and(|file| file.unread.is_some())
        || command.is_some_and(|command| command.failed.is_some());
    if unread {
        return page;
    }
    page.blank();
    lines(&mut page, text, left);
    if let Some(command) = command.filter(|command| !command.errors.is_empty()) {
        page.blank();
        page.push(Line::words("standard error:"));
        lines(&mut page, &command.errors, command.errors_left);
    }
    page
}

fn lines(page: &mut Page, text: &Text, left: u64) {
    if text.is_empty() && left == 0 {
        page.push(Line::words("(nothing)"));
    }
    layout::foreign(page, text.raw());
    if left > 0 {
        page.push(layout::left_out(left));
    }
}

/// A command and how it ended, on a line.
fn run(run: &CommandRun) -> Line {
    let mut facts: Vec<String> = Vec::new();
    facts.extend(run.status.map(|status| format!("exit status {status}")));
    facts.extend(run.signal.map(|signal| format!("ended by signal {signal}")));
    facts.extend(run.killed_after_ms.map(|ms| format!("killed after {} s", ms as f64 / 1000.0)));
    facts.extend(run.failed.as_ref().map(|why| line(why.raw())));
    let command = Line::words("command ").then(line(run.command.raw()));
    facts.into_iter().fold(command, Line::fact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_written_and_not_run_differ() {
        let ran = CommandRun { command: "x".into(), status: Some(0), ..CommandRun::default() };
        assert_eq!(
            text(None, Some(&ran), &"".into(), 0).as_str(),
            "command x · exit status 0\n\n(nothing)\n"
        );
        let why = Some("no time was left for it".into());
        let failed = CommandRun { command: "x".into(), failed: why, ..CommandRun::default() };
        let expected = "command x · no time was left for it\n";
        assert_eq!(text(None, Some(&failed), &"".into(), 0).as_str(), expected);
    }

    #[test]
    fn what_is_left_out_is_told_of_each_output() {
        let ran = CommandRun {
            command: "x".into(),
            killed_after_ms: Some(1500),
            errors: "e\n".into(),
            errors_left: 2,
            ..CommandRun::default()
        };
        let expected = "command x · killed after 1.5 s\n\n  o\n(1 more bytes are left out)\n\n\
                        standard error:\n  e\n(2 more bytes are left out)\n";
        assert_eq!(text(None, Some(&ran), &"o\n".into(), 1).as_str(), expected);
    }
}
