//! The report that the process can make of itself: how it is asked for, and the sections that the
//! program has registered for it. What they would show is not known: only the process itself can make
//! it.

use super::Section;
use crate::analysis::Analysis;
use crate::mask::Secrets;
use crate::note::Note;
use crate::report::{Block, Field};
use crate::runtime::{Handler, OwnReport};
use crate::target::signals;

/// There are sections, and nothing that would make the process print them.
const NO_WAY: &str = "only the process itself makes them, and no signal and no file makes it do so";

/// The table of handlers was not found.
const UNKNOWN_WAY: &str =
    "only the process itself makes them, on a signal as a rule: which was not found";

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
        !analysis.registered.is_empty() || !answers(analysis, Secrets::Masked).is_empty()
    }

    fn build(&self, analysis: &Analysis<'_>, notes: &mut Vec<Note>) -> Vec<Block> {
        let secrets = analysis.evidence.snapshot.asked.secrets;
        let registered = analysis.registered.iter().map(|section| {
            let title = secrets.mask_text(section.title.raw());
            Field::new(&*title, section.generator.clone())
        });
        let answers = answers(analysis, secrets);
        let pid = analysis.evidence.snapshot.target.process.pid;
        let text = match (answers.is_empty(), &analysis.handlers) {
            (false, _) => {
                format!("`guru trigger {pid}` makes the process print a report of its own")
            }
            (true, Some(_)) => NO_WAY.to_owned(),
            (true, None) => UNKNOWN_WAY.to_owned(),
        };
        notes.push(Note::remark("registered sections", text));
        let answers = answers.into_iter().map(|answer| Field::new("answers", answer)).collect();
        let blocks = [answers, registered.collect::<Vec<Field>>()].into_iter();
        let blocks = blocks.filter(|fields| !fields.is_empty());
        blocks.map(|fields| Block::Fields { fields }).collect()
    }
}

/// What the process makes a report of its own for: signals, and files that it watches.
fn answers(analysis: &Analysis<'_>, secrets: Secrets) -> Vec<String> {
    let report = |report: &OwnReport| match &report.log_dir {
        None => report.class.raw().to_owned(),
        Some(log_dir) => format!("{} into {}", report.class.raw(), log_dir.raw()),
    };
    let handlers = analysis.handlers.iter().flatten();
    let signals = handlers.filter_map(|known| match &known.handler {
        Handler::Report(own) => Some(format!("{} ({})", signals::name(known.signal), report(own))),
        Handler::Function { .. } | Handler::Native => None,
    });
    let watched = analysis.watchers.iter();
    let files = watched
        .map(|watcher| format!("writes to {} ({})", watcher.file.raw(), report(&watcher.report)));
    signals.chain(files).map(|answer| secrets.mask_text(&answer).into_owned()).collect()
}
