//! Green threads: greenlets and the tasks of asyncio.

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
        if let Some(green) = &analysis.green {
            return vec![Block::Executions { executions: green.clone() }];
        }
        let why = "no runtime that could have them was recognized";
        vec![Block::NotLookedFor { why: why.to_owned() }]
    }
}
