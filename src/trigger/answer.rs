//! What came of the request, in words, and as a report of guru's own model.

use super::capture::{Captured, State};
use super::listen::Heard;
use super::preflight::{Plan, Request};
use super::why::{self, Attempt, Sent, Why};
use super::{signal, sink};
use crate::analysis::analyse;
use crate::evidence::Evidence;
use crate::gmr;
use crate::mask::Secrets;
use crate::note::Note;
use crate::render::sanitize::line;
use crate::report::{Hold, ProcessSummary, Report, Taken};
use crate::target::files::FileError;
use crate::target::live::{self, LiveProcess, facts, refusal, signals};
use crate::target::signals::SignalState;
use crate::target::stderr::Stderr;
use crate::text::Text;

/// What came of it.
#[derive(Debug)]
pub struct Answer {
    /// What the process is.
    pub process: ProcessSummary,
    /// Where its standard error leads.
    pub stderr: Stderr,
    /// How to read there what it wrote, where guru could not: a command.
    pub elsewhere: Option<String>,
    /// How it was asked.
    pub plan: Plan,
    /// What it did with signals before.
    pub before: SignalState,
    /// What was heard.
    pub heard: Heard,
    /// When it was asked (RFC 3339).
    pub at: String,
}

impl Answer {
    /// Why the process could not make its report, by its own words. An exception may quote a secret.
    pub fn failure(&self, secrets: Secrets) -> String {
        let Captured { state, bytes, .. } = &self.heard.captured;
        let text = Text::from_bytes(bytes);
        let lines: Vec<&str> = text.raw().lines().filter(|line| !line.is_empty()).collect();
        // The last line of the traceback stands above the one that says that it failed.
        let said = match (state, lines.as_slice()) {
            (State::Failed, [.., said, _]) | (_, [.., said]) => said,
            _ => "",
        };
        let said = line(&secrets.mask_text(said));
        match state {
            State::Undumped => format!("made its report, and could not write it: {said}"),
            _ => format!("could not make its report: {said}"),
        }
    }

    /// Where its report went, as guru could not read it along.
    pub fn where_it_went(&self) -> String {
        let by = match &self.plan.request {
            Request::Signal(number) => format!("was sent {}", signal::name(*number)),
            Request::Touch(_) => "was asked by its file".to_owned(),
        };
        let to = sink::describe(&self.stderr);
        match &self.elsewhere {
            Some(command) => format!("{by}; its report goes to {to}: {command}"),
            None => format!("{by}; its report goes to {to}"),
        }
    }

    /// The report, in guru's own model. What cannot be read into it stands there as text and makes
    /// it partial: then the second value says why.
    pub fn report(&self, secrets: Secrets) -> (Report, Option<gmr::Unread>) {
        let Captured { bytes, left, .. } = &self.heard.captured;
        let taken =
            Taken { at: self.at.clone(), hold: Hold::Itself, paused_us: None, held_us: None };
        let (mut parsed, unread) = match gmr::parse(bytes, secrets) {
            Ok(parsed) => (parsed, None),
            Err(why) => (gmr::unread(bytes, why, secrets), Some(why)),
        };
        if *left > 0 {
            let text = format!("its last {left} bytes were too many to keep");
            parsed.notes.push(Note::missing("report", text));
        }
        (gmr::report(parsed, self.process.clone(), taken), unread)
    }

    /// Why no report came, by what the process does now.
    pub fn why(&self, evidence: &Evidence) -> Why {
        let pid = self.process.pid;
        let tracer = refusal::tracer(pid).map(|tracer| (tracer, facts::name(tracer).into()));
        let sent = match &self.plan.request {
            Request::Signal(signal) => Sent::Signal(*signal),
            Request::Touch(watcher) => {
                let found = evidence.files.in_root(watcher.file.raw());
                Sent::File { watcher, exists: !matches!(found, Err(FileError::Absent)) }
            }
        };
        // A pipe may be full by now.
        let stderr = LiveProcess::open(pid).ok().map(|(process, _)| live::stderr::stderr(&process));
        let attempt = Attempt {
            sent,
            before: self.before,
            now: signals::state(pid).unwrap_or_default(),
            tracer: tracer.as_ref().map(|(pid, name)| (*pid, name)),
            tapped: self.heard.tapped,
            stderr: stderr.as_ref().unwrap_or(&self.stderr),
        };
        why::why(&attempt, &(&analyse(evidence)).into())
    }
}
