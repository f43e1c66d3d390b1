//! Green threads. They are not looked for yet, and the section says so.

use super::Section;
use crate::analysis::Analysis;
use crate::note::Note;
use crate::report::Block;

/// Green threads.
pub struct GreenThreads;

impl Section for GreenThreads {
    fn id(&self) -> &'static str {
        "green_threads"
    }

    fn title(&self) -> &'static str {
        "Green Threads"
    }

    fn build(&self, analysis: &Analysis<'_>, _: &mut Vec<Note>) -> Vec<Block> {
        let why = match analysis.runtimes.first() {
            Some(_) => "this version of guru reads the threads of the interpreter only",
            None => "no runtime that could have them was recognized",
        };
        vec![Block::NotLookedFor { why: why.to_owned() }]
    }
}
