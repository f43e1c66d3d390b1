//! `guru trigger`: a process that has a Guru Meditation Report is made to print it, without harm,
//! and what it prints is brought to the user, wherever it goes.
//!
//! ```text
//! look (no stop) ──> preflight ──> ears in place ──> signal, or a file touched ──> capture ──> whole?
//! ```
//!
//! What may be done is settled over plain data ([`preflight`]); so is where a report begins and ends
//! ([`capture`]), and, where none comes, why not ([`why`]).

mod answer;
pub mod capture;
mod configured;
mod hearing;
mod listen;
pub mod look;
pub mod preflight;
pub mod signal;
pub mod sink;
pub mod why;

use std::time::{Duration, Instant};

pub use self::answer::Answer;
use self::listen::Listener;
pub use self::listen::{End, Heard, Via};
use self::look::Look;
pub use self::preflight::Wanted;
use self::preflight::{Plan, Request, Seen};
use self::sink::Place;
use crate::error::{Change, Error};
use crate::evidence::files::Files;
use crate::mask::mask_argv;
use crate::package::container::Container;
use crate::part::{Kind, Parts};
use crate::report::{self, ProcessSummary};
use crate::target::live::handle::Handle;
use crate::target::live::open::LiveOpener;
use crate::target::live::touch::TouchError;
use crate::target::live::turn::Turn;
use crate::target::live::{self, LiveProcess, facts, refusal, signals, touch, unwritable};
use crate::target::signals::SignalState;
use crate::target::stderr::Stderr;
use crate::target::{TargetFacts, cgroup};
use crate::text::Text;

/// What the user wants.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How the process is asked, and how long it may take.
    pub wanted: Wanted,
    /// How its report is read.
    pub via: Via,
}

/// How often a process may execute another program while it is opened.
const MAX_PROGRAMS: usize = 5;

/// How many ancestors of a worker may be its master.
const MAX_ANCESTORS: usize = 4;

/// How long a signal may be blocked before it counts: code that must not be interrupted blocks
/// signals for moments.
const MOMENT: Duration = Duration::from_millis(50);

/// Asks a process for its report. `warn` is told what the user should know before it happens.
///
/// # Errors
/// The process is not asked, and why; or it ended meanwhile. That no report came is none: see
/// [`Heard::end`].
pub fn trigger(
    id: i32,
    options: &Options,
    warn: &mut dyn FnMut(&str),
    parts: &Parts,
) -> Result<Answer, Error> {
    let (process, handle) = open(id)?;
    let pid = process.pid;
    let _turn = match Turn::take(pid) {
        Ok(Some(turn)) => Some(turn),
        Ok(None) => {
            let hint = Some("wait until that has ended".to_owned());
            return Err(refused(pid, "is being asked by another guru at this moment", hint));
        }
        // Whether there is another cannot be known; the kernel will say what else is refused.
        Err(_) => None,
    };
    let look = Look::at(pid, parts)?;
    let known = process.facts(parts)?;
    let stderr = live::stderr::stderr(&process);
    let before = state(&process)?;
    let plan = settle(&process, before, &look, &stderr, &options.wanted, parts)?;
    for warning in &plan.warnings {
        warn(warning);
    }
    let listener = Listener::open(&process, &plan, &stderr, options.via)?;
    if let Some(warning) = &listener.warning {
        warn(warning);
    }
    process.check_unchanged()?;
    let until = Instant::now() + options.wanted.patience;
    let since = jiff::Timestamp::now().as_second();
    parts.commit();
    let listening = parts.begin(Kind::Listening, "");
    ask(&process, &handle, &plan.request)?;
    let heard = listener.listen(&handle, until)?;
    drop(listening);
    let elsewhere = match heard.end {
        End::Unheard => elsewhere(&process, &known, &stderr, since),
        _ => None,
    };
    let process = look.process.unwrap_or_else(|| summary(known));
    let at = report::timestamp(since).unwrap_or_default();
    Ok(Answer { process, stderr, elsewhere, plan, before, heard, at })
}

fn refused(pid: i32, why: impl Into<String>, hint: Option<String>) -> Error {
    Error::Refused { pid, why: why.into(), hint }
}

fn state(process: &LiveProcess) -> Result<SignalState, Error> {
    let changed = Error::Changed { pid: process.pid, what: Change::Exited };
    signals::of(&process.tasks).ok_or(changed)
}

/// How the process is asked.
fn settle(
    process: &LiveProcess,
    signals: SignalState,
    look: &Look,
    stderr: &Stderr,
    wanted: &Wanted,
    parts: &Parts,
) -> Result<Plan, Error> {
    let pid = process.pid;
    let watched_by_parent = watching_ancestor(look, parts);
    let tracer = refusal::tracer(pid).map(facts::who);
    let unwritable = unwritable::unwritable(process);
    let decide = |signals| {
        let seen = Seen {
            pid,
            signals,
            handlers: look.handlers.as_deref().map_err(String::as_str),
            watchers: look.watchers.as_deref().map_err(String::as_str),
            configured: look.configured.as_ref(),
            watched_by_parent,
            tracer: tracer.as_deref(),
            green_threads: look.green_threads,
            in_uwsgi: look.in_uwsgi,
            reporting: look.reporting,
            stderr,
            unwritable,
        };
        preflight::plan(&seen, wanted)
    };
    decide(signals).or_else(|_| {
        std::thread::sleep(MOMENT);
        decide(state(process)?).map_err(|refusal| refused(pid, refusal.why, refusal.hint))
    })
}

/// Asks it.
fn ask(process: &LiveProcess, handle: &Handle, request: &Request) -> Result<(), Error> {
    let pid = process.pid;
    match request {
        Request::Signal(signal) => {
            // The last look before it is sent; the ears take it away should it still be in vain.
            if !state(process)?.caught.contains(*signal) {
                let name = signal::name(*signal);
                return Err(refused(pid, format!("does not catch {name} any more"), None));
            }
            handle.send(*signal)
        }
        Request::Touch(watcher) => {
            let file = crate::render::name::name(watcher.file.raw());
            touch::touch(process, &watcher.file).map_err(|error| {
                let is_others = matches!(error, TouchError::NotForTarget | TouchError::Ahead);
                let hint = is_others.then(|| {
                    format!("look whether that is the right file, then, as its owner: touch {file}")
                });
                refused(pid, format!("watches {file}: {error}"), hint)
            })
        }
    }
}

/// Takes hold of the process. One that was just started may still be about to execute its program.
fn open(id: i32) -> Result<(LiveProcess, Handle), Error> {
    if id == std::process::id().cast_signed() {
        return Err(Error::Senseless { id, why: "is guru itself".to_owned() });
    }
    let mut attempts = 1..MAX_PROGRAMS;
    loop {
        let (process, by_thread) = LiveProcess::open(id)?;
        let pid = process.pid;
        if by_thread {
            return Err(Error::Senseless { id, why: format!("is a thread of {pid}: give that") });
        }
        match Handle::open(&process) {
            Err(Error::Changed { what: Change::Executed, .. }) if attempts.next().is_some() => {}
            done => return Ok((process, done?)),
        }
    }
}

/// The process that this one was forked from, at whatever distance, if it watches the file that
/// this one should.
fn watching_ancestor(look: &Look, parts: &Parts) -> Option<i32> {
    let unwatched = look.watchers.as_ref().is_ok_and(Vec::is_empty);
    let file = &look.configured.as_ref().filter(|_| unwatched)?.file;
    let mut parent = look.parent;
    for _ in 0..MAX_ANCESTORS {
        let pid = parent.filter(|pid| *pid > 1)?;
        let seen = Look::at(pid, parts).ok()?;
        if seen.watchers.iter().flatten().any(|watcher| watcher.file == *file) {
            return Some(pid);
        }
        parent = seen.parent;
    }
    None
}

/// How to read what the process wrote just now.
fn elsewhere(
    process: &LiveProcess,
    facts: &TargetFacts,
    stderr: &Stderr,
    since: i64,
) -> Option<String> {
    let files = Files::live(Box::new(LiveOpener::new(process.living, Vec::new())));
    let container = Container::of(facts, &files);
    let unit = facts.cgroup.as_ref().and_then(|text| cgroup::unit(text.raw()));
    let place =
        Place { pid: process.pid, unit: unit.as_ref(), container: container.as_ref(), since };
    sink::how_to_read(stderr, &place)
}

/// What is known of a process that guru may not look into.
fn summary(facts: TargetFacts) -> ProcessSummary {
    let command: Vec<String> =
        facts.process.command.iter().map(|word| word.raw().to_owned()).collect();
    ProcessSummary {
        pid: facts.process.pid,
        name: facts.process.name,
        executable: facts.executable,
        command: mask_argv(&command).into_iter().map(Text::from).collect(),
        started: facts.process.started.and_then(report::timestamp),
        runtimes: Vec::new(),
    }
}
