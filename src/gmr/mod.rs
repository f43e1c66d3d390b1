//! The report that a process made of itself (oslo.reports), read into guru's own model: the text
//! view and the one of JSON.
//!
//! What cannot be read becomes a block of text, with a note: nothing is lost. Secrets are masked,
//! unless the user wants to see them: oslo.reports itself replaces only the values of options that
//! are declared secret.
//!
//! Layouts: `views/text/*.py`, `views/json/generic.py` and the models of oslo.reports 0.1.0 to
//! 3.9.0, which agree.

mod configuration;
mod context;
mod fields;
pub mod heading;
mod json;
mod keyvalue;
mod processes;
mod sections;
#[cfg(test)]
mod tests;
mod threads;

use thiserror::Error;

use self::context::Context;
pub use self::processes::process_of;
use self::sections::View;
use crate::mask::Secrets;
use crate::note::Note;
use crate::report::{Block, ExecutionKind, ProcessSummary, Report, SCHEMA, SectionReport, Taken};
use crate::text::Text;

/// The most bytes of a report that are read: 3000 green threads make one of 2.6 MB, and what is made
/// of it takes several times as much. What follows is counted in a note.
pub const MAX_READ: usize = 12 << 20;

/// What the text report of oslo.reports calls itself.
const TITLE: &str = "Guru Meditation";

/// The most bytes that are shown of what is no report.
const MAX_UNREAD: usize = 256 << 10;

/// Why bytes are no report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unread {
    /// Neither a header is in it, nor does it begin as a report without one.
    #[error("it does not begin as a Guru Meditation Report does")]
    NoReport,
}

/// What an in-process report says.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// Its sections, in their order.
    pub sections: Vec<SectionReport>,
    /// What was odd about the report as a whole.
    pub notes: Vec<Note>,
    /// Whether secrets were masked in it.
    pub secrets: Secrets,
}

/// Reads a report, from its first line on. It may lack the last newline, as files of `log_dir` do.
///
/// Of the text view values are texts and lists are sorted, as it has them; the view of JSON tells
/// types and the order.
///
/// # Errors
/// If it does not begin as a report.
pub fn parse(bytes: &[u8], secrets: Secrets) -> Result<Parsed, Unread> {
    let mut notes = Vec::new();
    let (read, left) = bytes.split_at_checked(MAX_READ).unwrap_or((bytes, &[]));
    if !left.is_empty() {
        let text = format!("it is too long: its last {} bytes are not read", left.len());
        notes.push(Note::missing("report", text));
    }
    let text = Text::from_bytes(read);
    let text = text.raw();
    let split = sections::split(text.strip_suffix('\n').unwrap_or(text)).ok_or(Unread::NoReport)?;
    let mut context = Context::new(secrets);
    let title = split.title.filter(|title| *title != TITLE);
    if let Some(title) = title {
        let text = format!("it calls itself {}", secrets.mask_text(title));
        notes.push(Note::remark("report", text));
    }
    let mut seen = [false; heading::STANDARD.len()];
    let read = |(title, body): (&str, &str)| {
        let nth = heading::STANDARD.iter().position(|standard| *standard == title);
        let seen = nth.and_then(|nth| seen.get_mut(nth));
        // A further section of that title is one of the service's own, whatever it is called.
        let standard = seen.is_some_and(|seen| !std::mem::replace(seen, true));
        section(&mut context, title, body, standard, split.view)
    };
    let sections = split.sections.into_iter().map(read).collect();
    Ok(Parsed { sections, notes, secrets })
}

/// What is no report, as text: masked and escaped as any other of unknown form, and a note why it is
/// there.
pub fn unread(bytes: &[u8], why: Unread, secrets: Secrets) -> Parsed {
    let text = Text::from_bytes(bytes);
    let block = Context::new(secrets).block_of(text.raw(), MAX_UNREAD);
    let mut notes = vec![Note::missing("report", format!("it cannot be read: {why}"))];
    if let Block::Text { left, .. } = &block
        && *left > 0
    {
        let text = format!("its last {left} bytes are left out: --format raw prints them");
        notes.push(Note::missing("report", text));
    }
    let section = SectionReport {
        id: "written".to_owned(),
        title: "What The Process Wrote".to_owned(),
        blocks: vec![block],
        notes: Vec::new(),
    };
    Parsed { sections: vec![section], notes, secrets }
}

/// A report of guru's model of what a process says of itself. `process` is what is known of it
/// from outside: its name and command line stand beside the process, too, where the report has
/// none.
pub fn report(parsed: Parsed, process: ProcessSummary, taken: Taken) -> Report {
    let Parsed { mut sections, notes, secrets } = parsed;
    for block in sections.iter_mut().flat_map(|section| &mut section.blocks) {
        if let Block::Processes { root } = block {
            if root.name.is_empty() {
                root.name = process.name.clone();
            }
            if root.command.is_empty() {
                root.command = process.command.clone();
            }
        }
    }
    Report {
        schema: SCHEMA,
        guru: env!("CARGO_PKG_VERSION").to_owned(),
        process,
        taken,
        secrets_shown: secrets.are_shown(),
        no_own_report: None,
        sections,
        notes,
    }
}

/// A section; of a standard one what does not fit stands behind the rest as text.
fn section(
    context: &mut Context,
    title: &str,
    body: &str,
    standard: bool,
    view: View,
) -> SectionReport {
    let mut blocks = Vec::new();
    let mut notes = Vec::new();
    let id = if standard { id(title) } else { "registered" };
    let rest = match (id, view) {
        ("registered", View::Json) => fields::registered_json(context, body, &mut blocks),
        ("registered", View::Text) => fields::registered(context, body, &mut blocks),
        (_, View::Json) => json::standard(context, id, body, &mut blocks),
        ("package", View::Text) => fields::package(context, body, &mut blocks),
        ("threads", View::Text) => {
            threads::threads(context, body, ExecutionKind::Thread, &mut blocks)
        }
        ("green_threads", View::Text) => {
            threads::threads(context, body, ExecutionKind::Greenlet, &mut blocks)
        }
        ("processes", View::Text) => processes::processes(context, body, &mut blocks),
        (_, View::Text) => configuration::configuration(context, body, &mut blocks),
    };
    if !rest.is_empty() {
        if id != "registered" {
            let text = "not all of it could be read: the rest stands below as it is";
            notes.push(Note::missing(title, text));
        }
        let block = context.block(&rest);
        if let Block::Text { left, .. } = &block
            && *left > 0
        {
            notes.push(Note::missing(title, format!("its last {left} bytes are left out")));
        }
        blocks.push(block);
    }
    let title = context.secrets.mask_text(title).into_owned();
    SectionReport { id: id.to_owned(), title, blocks, notes }
}

/// The stable name of a standard section: guru's own.
fn id(title: &str) -> &'static str {
    match title {
        "Package" => "package",
        "Threads" => "threads",
        "Green Threads" => "green_threads",
        "Processes" => "processes",
        _ => "configuration",
    }
}
