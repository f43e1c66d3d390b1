//! The process and its descendants.

use super::Section;
use crate::analysis::Analysis;
use crate::note::Note;
use crate::processes;
use crate::report::Block;

/// The process and its descendants.
pub struct Processes;

impl Section for Processes {
    fn id(&self) -> &'static str {
        "processes"
    }

    fn title(&self) -> &'static str {
        "Processes"
    }

    fn build(&self, analysis: &Analysis<'_>, notes: &mut Vec<Note>) -> Vec<Block> {
        let evidence = analysis.evidence;
        let (root, mut found) = processes::tree(&evidence.snapshot, &evidence.files);
        notes.append(&mut found);
        vec![Block::Processes { root }]
    }
}
