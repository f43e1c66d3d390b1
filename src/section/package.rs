//! What runs: product, vendor, version, and where it comes from.

use super::Section;
use crate::analysis::Analysis;
use crate::note::Note;
use crate::package::{Interpreter, package};
use crate::report::Block;

/// What runs.
pub struct Package;

impl Section for Package {
    fn id(&self) -> &'static str {
        "package"
    }

    fn title(&self) -> &'static str {
        "Package"
    }

    fn build(&self, analysis: &Analysis<'_>, notes: &mut Vec<Note>) -> Vec<Block> {
        let evidence = analysis.evidence;
        let interpreter = analysis.runtimes.iter().find_map(|(summary, path)| {
            let loaded = &analysis.loaded;
            Some(Interpreter { version: &summary.version, path: path.as_ref()?, loaded })
        });
        let (fields, mut found) =
            package(&evidence.snapshot, &evidence.files, &analysis.modules, interpreter);
        notes.append(&mut found);
        vec![Block::Fields { fields }]
    }
}
