//! The sections that the process has registered for a report of its own. What they would show is
//! not known: only the process itself can make it.

use super::Section;
use crate::analysis::Analysis;
use crate::note::Note;
use crate::report::{Block, Field};

/// Registered sections.
pub struct Registered;

impl Section for Registered {
    fn id(&self) -> &'static str {
        "registered_sections"
    }

    fn title(&self) -> &'static str {
        "Registered Sections"
    }

    fn is_wanted(&self, analysis: &Analysis<'_>) -> bool {
        !analysis.registered.is_empty()
    }

    fn build(&self, analysis: &Analysis<'_>, notes: &mut Vec<Note>) -> Vec<Block> {
        let secrets = analysis.evidence.snapshot.asked.secrets;
        let fields = analysis.registered.iter().map(|section| {
            let title = secrets.mask_text(section.title.raw());
            Field::new(&*title, section.generator.clone())
        });
        // `guru trigger` is announced by the design, and no command yet.
        let text = "only the process itself makes them, in a report of its own (on SIGUSR2, as a \
                    rule); `guru trigger`, in a later version, asks for it without risk";
        notes.push(Note::remark("registered sections", text));
        vec![Block::Fields { fields: fields.collect() }]
    }
}
