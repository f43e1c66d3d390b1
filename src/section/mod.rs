//! The sections of the report.
//!
//! A section never fails: what is missing is a note, and "not looked for" is not "there is
//! none". It knows the analysis and the evidence, and no other section.
//!
//! # A section of a program that embeds guru
//! A program can add sections of its own make to the built-in ones. They appear in every format.
//!
//! ```
//! use guru::analysis::Analysis;
//! use guru::inspect::{Options, inspect};
//! use guru::note::Note;
//! use guru::render::{Frames, Renderer as _, text::Plain};
//! use guru::report::{Block, Field};
//! use guru::section::{SECTIONS, Section};
//!
//! /// How many threads there are, and how many of them sleep.
//! struct Load;
//!
//! impl Section for Load {
//!     fn id(&self) -> &str {
//!         "load"
//!     }
//!
//!     fn title(&self) -> &str {
//!         "Load"
//!     }
//!
//!     fn build(&self, analysis: &Analysis<'_>, _: &mut Vec<Note>) -> Vec<Block> {
//!         let threads = &analysis.threads;
//!         let sleep = threads.iter().filter(|thread| thread.state.as_deref() == Some("sleeping"));
//!         let threads = Field::new("threads", threads.len().to_string());
//!         let asleep = Field::new("asleep", sleep.count().to_string());
//!         vec![Block::Fields { fields: vec![threads, asleep] }]
//!     }
//! }
//!
//! let mut process = std::process::Command::new("sleep").arg("1000").spawn()?;
//! let evidence = inspect(process.id().cast_signed(), Options::default());
//! process.kill()?;
//! process.wait()?;
//!
//! // The evidence is all that a report needs.
//! let load: &dyn Section = &Load;
//! let report = guru::assemble::report(&evidence?, &[SECTIONS, &[load]].concat());
//! let mut text = Vec::new();
//! Plain.render(&report, Frames::Merged, &mut text)?;
//! assert!(String::from_utf8(text)?.contains("\nthreads = 1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Sections of the caller's make that need no code (a file, a command, an object) are asked for in
//! [`Asked::sections`](crate::asked::Asked::sections).

mod configuration;
mod green_threads;
mod objects;
mod own;
mod package;
mod processes;
mod registered;
mod state;
mod threads;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use configuration::oslo_files;

use crate::analysis::Analysis;
use crate::note::Note;
use crate::part::Kind;
use crate::report::{Block, SectionReport};

/// A section of the report.
pub trait Section: Sync {
    /// A stable name: `threads`.
    fn id(&self) -> &str;
    /// The heading: `Threads`.
    fn title(&self) -> &str;
    /// Whether the report has it. Only one that has to be asked for may be absent.
    fn is_wanted(&self, _: &Analysis<'_>) -> bool {
        true
    }
    /// What there is to show.
    fn build(&self, analysis: &Analysis<'_>, notes: &mut Vec<Note>) -> Vec<Block>;
}

/// The built-in sections, in the order of a Guru Meditation Report.
pub const SECTIONS: &[&dyn Section] = &[
    &package::Package,
    &threads::Threads,
    &green_threads::GreenThreads,
    &processes::Processes,
    &configuration::Configuration,
    &registered::Registered,
    &objects::Objects,
];

/// Builds the sections of one's own that were asked for, in their order.
pub fn build_own(analysis: &Analysis<'_>) -> Vec<SectionReport> {
    let own = own::sections(analysis);
    let sections: Vec<&dyn Section> = own.iter().map(|section| section as &dyn Section).collect();
    build(&sections, analysis)
}

/// Builds sections. One that panics loses itself, not the report.
pub fn build(sections: &[&dyn Section], analysis: &Analysis<'_>) -> Vec<SectionReport> {
    sections
        .iter()
        .filter(|section| section.is_wanted(analysis))
        .map(|section| {
            let mut notes = Vec::new();
            let Some(_part) = analysis.evidence.parts.begin(Kind::Section, section.id()) else {
                notes
                    .push(Note::missing(section.id(), "left out: the notes of the report say why"));
                let (id, title) = (section.id().to_owned(), section.title().to_owned());
                return SectionReport { id, title, blocks: Vec::new(), notes };
            };
            let built = catch_unwind(AssertUnwindSafe(|| section.build(analysis, &mut notes)));
            let blocks = built.unwrap_or_else(|_| {
                let text = "guru failed to build this section: please report it as a defect";
                notes.push(Note::missing(section.id(), text));
                Vec::new()
            });
            let (id, title) = (section.id().to_owned(), section.title().to_owned());
            SectionReport { id, title, blocks, notes }
        })
        .collect()
}
