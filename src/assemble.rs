//! From evidence to the report: analysed once, shown in sections.

use crate::analysis::{Analysis, analyse};
use crate::evidence::Evidence;
use crate::evidence::room::MAX_KEPT;
use crate::note::Note;
use crate::report::{Hold, ProcessSummary, Report, SCHEMA, Taken, timestamp};
use crate::section::{self, Section};

/// Makes a report of evidence, with these sections and behind them those of one's own that were
/// asked for.
pub fn report(evidence: &Evidence, sections: &[&dyn Section]) -> Report {
    let analysis = analyse(evidence);
    let mut sections = section::build(sections, &analysis);
    sections.extend(section::build_own(&analysis));
    let process = process(&analysis);
    let mut notes = analysis.notes;
    notes.extend(evidence.parts.notes());
    if evidence.files.is_spent() {
        let what =
            format!("no more than {MAX_KEPT} bytes of them are kept: what needs more is missing");
        notes.push(Note::missing("files", what));
    }
    Report {
        schema: SCHEMA,
        guru: env!("CARGO_PKG_VERSION").to_owned(),
        process,
        taken: taken(evidence),
        secrets_shown: evidence.snapshot.asked.secrets.are_shown(),
        no_own_report: None,
        sections,
        notes,
    }
}

/// What a report says of the process that it is about.
pub fn process(analysis: &Analysis<'_>) -> ProcessSummary {
    let target = &analysis.evidence.snapshot.target;
    ProcessSummary {
        pid: target.process.pid,
        name: target.process.name.clone(),
        executable: target.executable.clone(),
        command: target.process.command.clone(),
        started: target.process.started.and_then(timestamp),
        runtimes: analysis.runtimes.iter().map(|(summary, _)| summary.clone()).collect(),
    }
}

fn taken(evidence: &Evidence) -> Taken {
    let held = evidence.snapshot.hold;
    let stopped = matches!(held.hold, Hold::All | Hold::Running);
    Taken {
        at: timestamp(held.at).unwrap_or_default(),
        hold: held.hold,
        paused_us: held.paused_us.filter(|_| stopped),
        held_us: stopped.then_some(held.held_us),
    }
}
