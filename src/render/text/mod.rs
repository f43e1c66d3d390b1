//! `--format text`, the default: the layout of a Guru Meditation Report, and what guru knows
//! more. It leaves out only the machinery of interpreters, and says so.

use std::io;

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
        let title = format!("{}\n{}", layout::title_bar(), self::title(report));
        out.write_all(layout::first_lines(report).as_bytes())?;
        section(out, "Guru Meditation", title)?;
        for section in &report.sections {
            out.write_all(b"\n")?;
            self::section(out, &section.title, body(section, frames))?;
        }
        if !report.notes.is_empty() {
            out.write_all(b"\n")?;
            section(out, "Notes", notes(&report.notes))?;
        }
        Ok(())
    }
}

/// One thread for eyes, outside a report.
pub fn thread(execution: &Execution) -> String {
    threads::thread(execution)
}

fn section(out: &mut dyn io::Write, title: &str, mut body: String) -> io::Result<()> {
    layout::end_in_one_newline(&mut body);
    write!(out, "{}\n{body}", layout::heading(title))
}

/// What the report is about, and what it cost the process.
fn title(report: &Report) -> String {
    let process = &report.process;
    let mut about = vec![format!("Process {} {}", process.pid, line(process.name.raw()))];
    about.extend(process.started.as_ref().map(|at| format!("started {}", line(at))));
    if !process.command.is_empty() {
        about.push(layout::command(&process.command));
    }

    let taken = &report.taken;
    let mut how = vec![format!("taken {}", line(&taken.at))];
    match taken.hold {
        Hold::Stopped => {
            how.push(match taken.paused_us {
                Some(us) => {
                    format!("paused {} (longest a running thread stood still)", milliseconds(us))
                }
                None => "paused nothing (no thread was running)".into(),
            });
            how.extend(taken.held_us.map(|us| format!("held {}", milliseconds(us))));
        }
        Hold::Watched => how.push("nothing was stopped".into()),
        Hold::Itself => how.push("the process reported on itself".into()),
    }

    let mut tools: Vec<String> = process
        .runtimes
        .iter()
        .map(|runtime| {
            let (name, version) = (line(&runtime.name), line(&runtime.version));
            format!("{name} {version} (layout: {})", line(&runtime.layout))
        })
        .collect();
    tools.push(format!("guru {}", line(&report.guru)));

    let mut out = String::new();
    for parts in [about, how, tools] {
        out.push_str(&format!("\n{}", parts.join(" · ")));
    }
    let missing = report.all_notes().filter(|note| note.weight == Weight::Missing).count();
    if missing > 0 {
        out.push_str(&format!("\npartial: {missing} of the notes below say what is missing"));
    }
    out
}

/// Microseconds as milliseconds: `0.08 ms`.
fn milliseconds(us: u64) -> String {
    format!("{} ms", us as f64 / 1000.0)
}

fn body(section: &SectionReport, frames: Frames) -> String {
    let blocks = section.blocks.iter();
    let mut parts: Vec<String> = blocks.map(|block| self::block(block, frames)).collect();
    if !section.notes.is_empty() {
        parts.push(notes(&section.notes));
    }
    for part in &mut parts {
        layout::end_in_one_newline(part);
    }
    parts.join("\n")
}

fn block(block: &Block, frames: Frames) -> String {
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
        Block::NotLookedFor { why } => format!("(not looked for: {})", line(why)),
    }
}

fn fields(fields: &[Field]) -> String {
    let mut out = String::new();
    for field in fields {
        let value = field.value.as_ref().map_or("(not known)", |value| value.raw());
        layout::field(&mut out, &field.name, value);
    }
    out
}

fn processes(root: &ProcessNode) -> String {
    let mut out = String::new();
    for (level, node) in layout::walk(root) {
        let process = layout::process(node, &node.state);
        out.push_str(&format!("{}{process}", layout::indent(level)));
        if !node.name.is_empty() {
            out.push_str(&format!("  {}", line(node.name.raw())));
        }
        if !node.command.is_empty() {
            out.push_str(&format!(" · {}", layout::command(&node.command)));
        }
        out.push('\n');
    }
    out
}

fn notes(notes: &[Note]) -> String {
    notes.iter().map(note).collect()
}

/// A note on a line of its own.
fn note(note: &Note) -> String {
    format!("note: {}: {}\n", line(note.about.raw()), line(note.message.raw()))
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
        report.taken.hold = Hold::Watched;
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
