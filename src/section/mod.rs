//! The sections of the report.
//!
//! A section never fails: what is missing is a note, and "not looked for" is not "there is
//! none". It knows the analysis and the evidence, and no other section.

mod configuration;
mod green_threads;
mod objects;
mod own;
mod package;
mod processes;
mod registered;
mod threads;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::analysis::Analysis;
use crate::note::Note;
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
