//! `--format text`, the default: the layout of a Guru Meditation Report, and what guru knows
//! more. It leaves out only the machinery of interpreters, and says so.

use std::io;

use super::name::{BETWEEN, name, quoted};
use super::page::{Line, Page};
use super::sanitize::line;
use super::{Frames, Renderer, layout};
use crate::note::{Note, Weight};
use crate::report::{Block, Execution, Field, Hold, ProcessNode, Report, SectionReport};

mod drift;
mod foreign;
mod objects;
mod options;
mod threads;
mod value;

/// The format `text`.
#[derive(Debug)]
pub struct Plain;

impl Renderer for Plain {
    fn name(&self) -> &'static str {
        "text"
    }

    fn render(&self, report: &Report, frames: Frames, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(layout::first_lines(report).as_str().as_bytes())?;
        writeln!(out, "{}\n{}\n", layout::heading(layout::TITLE), layout::title_bar())?;
        out.write_all(title(report).as_str().as_bytes())?;
        for section in &report.sections {
            let body = body(section, frames);
            write!(out, "\n{}\n{}", layout::heading_of(section), body.as_str())?;
        }
        if !report.notes.is_empty() {
            let notes = notes(&report.notes);
            write!(out, "\n{}\n{}", layout::heading(layout::NOTES), notes.as_str())?;
        }
        Ok(())
    }
}

/// One thread for eyes, outside a report.
pub fn thread(execution: &Execution) -> String {
    threads::thread(execution).as_str().to_owned()
}

/// What the report is about, and what it cost the process.
fn title(report: &Report) -> Page {
    let process = &report.process;
    let mut about = Line::words("Process ").then(process.pid.to_string());
    about = about.then(" ").then(name(process.name.raw()));
    if let Some(at) = &process.started {
        about = about.fact(format!("started {}", line(at)));
    }
    about = about.fact(layout::command(&process.command));

    let taken = &report.taken;
    let mut how = Line::words("taken ").then(line(&taken.at));
    match taken.hold {
        Hold::All | Hold::Running => {
            how = how.fact(match taken.paused_us {
                Some(us) => {
                    format!("paused {} (longest a running thread stood still)", milliseconds(us))
                }
                None => "paused nothing (no thread was running)".to_owned(),
            });
            how = how.fact(match (taken.hold, taken.held_us) {
                (Hold::All, Some(us)) => format!("held {}", milliseconds(us)),
                _ => "threads that slept were not stopped".to_owned(),
            });
        }
        Hold::None => how = how.fact("nothing was stopped"),
        Hold::Itself => how = how.fact("the process reported on itself"),
    }

    let mut page: Page = [about, how, tools(report)].into_iter().collect();
    let missing = report.all_notes().filter(|note| note.weight == Weight::Missing).count();
    if missing > 0 {
        let text = format!("{missing} of the notes below say what is missing");
        page.push(Line::words("partial: ").then(text));
    }
    page
}

/// What was read by which means.
fn tools(report: &Report) -> Line {
    let guru = format!("guru {}", line(&report.guru));
    let mut lines = report.process.runtimes.iter().map(|runtime| {
        let (version, layout) = (name(&runtime.version), line(&runtime.layout));
        Line::name(&runtime.name).then(format!(" {version} (layout: {layout})"))
    });
    match lines.next() {
        Some(first) => lines.fold(first, |line, more| line.fact(more.as_str())).fact(guru),
        None => Line::words("").then(guru),
    }
}

/// Microseconds as milliseconds: `0.08 ms`.
fn milliseconds(us: u64) -> String {
    format!("{} ms", us as f64 / 1000.0)
}

fn body(section: &SectionReport, frames: Frames) -> Page {
    let blocks = section.blocks.iter();
    let mut parts: Vec<Page> = blocks.map(|block| self::block(block, frames)).collect();
    if !section.notes.is_empty() {
        parts.push(notes(&section.notes));
    }
    Page::apart(parts).without_blanks()
}

fn block(block: &Block, frames: Frames) -> Page {
    match block {
        Block::Fields { fields } => self::fields(fields),
        Block::Executions { executions } => threads::executions(executions, frames),
        Block::Processes { root } => processes(root),
        Block::Options { object, files, groups, drift } => {
            options::options(object.as_ref(), files, groups, drift)
        }
        Block::Objects { objects } => objects::objects(objects),
        Block::Text { file, command, text, left } => {
            foreign::text(file.as_ref(), command.as_ref(), text, *left)
        }
        Block::NotLookedFor { why } => {
            Line::words("(not looked for: ").then(line(why)).then(")").into()
        }
    }
}

fn fields(fields: &[Field]) -> Page {
    let mut page = Page::default();
    fields.iter().for_each(|field| layout::field(&mut page, field, "(not known)"));
    page
}

fn processes(root: &ProcessNode) -> Page {
    let process = |(level, node): (usize, &ProcessNode)| {
        let mut process = layout::process(node, level, &node.state);
        if !node.name.is_empty() {
            process = process.then("  ").then(name(node.name.raw()));
        }
        match node.command.is_empty() {
            true => process,
            false => process.fact(layout::command(&node.command)),
        }
    };
    layout::walk(root).into_iter().map(process).collect()
}

fn notes(notes: &[Note]) -> Page {
    notes.iter().map(note).collect()
}

/// A note on a line of its own.
fn note(note: &Note) -> Line {
    let about = about(note.about.raw());
    Line::words("note: ").then(format!("{about}: {}", line(note.message.raw())))
}

/// What a note is about: words of guru's, or a path. It ends at the first colon and space.
fn about(about: &str) -> String {
    let is_plain = !about.is_empty()
        && !about.contains(": ")
        && !about.contains(BETWEEN)
        && !about.starts_with('"')
        && !about.ends_with([':', ' '])
        && line(about) == about;
    if is_plain { about.to_owned() } else { quoted(about) }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{self, rendered};
    use super::*;

    #[test]
    fn the_whole_report_reads_well() {
        assert_eq!(rendered(&Plain, &sample::report()), include_str!("sample.txt"));
    }

    #[test]
    fn a_report_without_notes_and_stop_says_so() {
        let mut report = sample::report();
        report.notes.clear();
        report.sections.truncate(1);
        report.taken.hold = Hold::None;
        let text = rendered(&Plain, &report);
        assert!(text.contains("taken 2026-11-22T16:25:19Z · nothing was stopped\n"));
        assert!(!text.contains("partial") && !text.contains("Notes"));
        assert!(text.ends_with("build id = 0123\n"));
    }

    #[test]
    fn not_known_and_none_and_not_looked_for_differ() {
        let mut report = sample::report();
        sample::threads(&mut report).clear();
        let text = rendered(&Plain, &report);
        assert!(text.contains("product = (not known)\n"));
        assert!(text.contains("\n(none)\n"));
        assert!(text.contains("\n(not looked for: not yet)\n"));
    }
}
