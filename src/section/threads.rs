//! Every thread, with what it waits in and its stack.

use super::Section;
use crate::analysis::Analysis;
use crate::note::Note;
use crate::report::Block;

/// Every thread, with what it waits in and its stack.
pub struct Threads;

impl Section for Threads {
    fn id(&self) -> &'static str {
        "threads"
    }

    fn title(&self) -> &'static str {
        "Threads"
    }

    fn build(&self, analysis: &Analysis<'_>, _: &mut Vec<Note>) -> Vec<Block> {
        vec![Block::Executions { executions: analysis.threads.clone() }]
    }
}
