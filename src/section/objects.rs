//! Objects of the process that were asked for by path.

use super::Section;
use crate::analysis::Analysis;
use crate::note::Note;
use crate::report::Block;

/// Objects that were asked for.
pub struct Objects;

impl Section for Objects {
    fn id(&self) -> &'static str {
        "objects"
    }

    fn title(&self) -> &'static str {
        "Objects"
    }

    fn is_wanted(&self, analysis: &Analysis<'_>) -> bool {
        !analysis.objects.is_empty()
    }

    fn build(&self, analysis: &Analysis<'_>, _: &mut Vec<Note>) -> Vec<Block> {
        vec![Block::Objects { objects: analysis.objects.clone() }]
    }
}
