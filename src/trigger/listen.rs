//! Listening to the process, wherever it writes its report, until the report is whole.

use std::time::{Duration, Instant};

use super::capture::{Captured, State};
use super::hearing::Hearing;
use super::preflight::{Plan, Request};
use super::why::Tapped;
use crate::error::{Change, Error};
use crate::target::files::FileError;
use crate::target::live::LiveProcess;
use crate::target::live::dump_dir::DumpDir;
use crate::target::live::handle::Handle;
use crate::target::live::refusal;
use crate::target::live::stop::Refused;
use crate::target::live::tail::Tail;
use crate::target::live::tap::{Tap, Watch};
use crate::target::stderr::{Stderr, StderrKind};

/// How its report is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// As a file where it is written to one, else with ptrace.
    #[default]
    Auto,
    /// As a file.
    File,
    /// With ptrace.
    Ptrace,
}

/// How long a file must be quiet behind what looks like a whole report. Its last newline is a write
/// of its own, which comes microseconds later.
const QUIET: Duration = Duration::from_millis(15);

/// How long it must be quiet behind a report whose end cannot be told by its sections; and, before
/// Python 3.9, whose last newline is written with the next text only.
const LONG_QUIET: Duration = Duration::from_secs(1);

/// How often it is looked whether the process still lives.
const LOOK: Duration = Duration::from_millis(20);

/// How often a file and a directory are looked at, if both are.
const STEP: Duration = Duration::from_millis(1);

/// Why listening ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The report is whole.
    Whole,
    /// The report has come to an end, by its silence alone: it lacks a section that every report
    /// has, or its last newline.
    Silent,
    /// The process says that it failed to make one.
    Failed,
    /// The time was over.
    TimedOut,
    /// Nobody could listen: what it writes is where its standard error leads.
    Unheard,
}

/// What was heard.
#[derive(Debug)]
pub struct Heard {
    /// Why it ended.
    pub end: End,
    /// What came of the report.
    pub captured: Captured,
    /// The file that the process wrote it into, where it makes a new one.
    pub file: Option<String>,
    /// What the tap saw, if there was one.
    pub tapped: Option<Tapped>,
    /// When the request was made; the report's bytes were there `took` later.
    pub took: Duration,
}

/// Ears at the process, in place before it is asked.
pub struct Listener {
    pid: i32,
    tap: Option<Tap>,
    tail: Option<Tail>,
    dumps: Option<DumpDir>,
    /// Whether the tap shows what is written.
    tapped_writes: bool,
    /// Whether the handler is not known to report: then whatever it writes is the answer.
    plain: bool,
}

impl Listener {
    /// Opens what there is to listen to. `unheard` says why nothing is, where the user did not
    /// insist.
    pub fn open(
        process: &LiveProcess,
        plan: &Plan,
        stderr: &Stderr,
        via: Via,
        unheard: &mut Option<String>,
    ) -> Result<Listener, Error> {
        let pid = process.pid;
        let cannot = |cause: String| Error::NotPermitted { pid, cause, hint: String::new() };
        let report = plan.report.as_ref();
        let dumps = match report.and_then(|report| Some((report.log_dir.as_ref()?, report))) {
            Some((directory, report)) => Some(
                DumpDir::watch(process, directory, report.service.as_ref())
                    .map_err(|error| cannot(format!("{}: {error}", directory.raw())))?,
            ),
            None => None,
        };
        let is_file = matches!(stderr.kind, StderrKind::File { .. });
        let tail = match via {
            Via::Ptrace => None,
            _ if !is_file => None,
            _ => Tail::open(process).ok(),
        };
        if via == Via::File && tail.is_none() && dumps.is_none() {
            let what = super::sink::describe(stderr);
            let why = format!("writes its report to {what}: there is no file to read");
            let hint = Some("--via ptrace".to_owned());
            return Err(Error::Refused { pid, why, hint });
        }
        let signal = match plan.request {
            Request::Signal(signal) => Some(signal),
            Request::Touch(_) => None,
        };
        let tapped_writes = tail.is_none() && dumps.is_none() || via == Via::Ptrace;
        let watch = match (tapped_writes, signal) {
            (true, signal) => Some(Watch::Writes { signal, stderr: stderr.identity }),
            (false, Some(signal)) => Some(Watch::Guard { signal }),
            (false, None) => None,
        };
        let tap = match watch.map(|watch| Tap::seize(pid, plan.writer(pid), watch)).transpose() {
            Ok(tap) => tap,
            Err(Refused::Gone) => return Err(Error::Changed { pid, what: Change::Exited }),
            Err(Refused::NotPermitted) if via == Via::Ptrace => return Err(refusal::reason(pid)),
            Err(Refused::NotPermitted) => {
                if tapped_writes {
                    *unheard = Some(refusal::reason(pid).to_string());
                }
                None
            }
        };
        let tapped_writes = tapped_writes && tap.is_some();
        Ok(Listener { pid, tap, tail, dumps, tapped_writes, plain: report.is_none() })
    }

    /// Listens until the report is whole, or until then.
    pub fn listen(mut self, handle: &Handle, until: Instant) -> Result<Heard, Error> {
        let begun = Instant::now();
        if let Some(tap) = &self.tap {
            tap.sent();
        }
        let earlier = self.tail.as_ref().map(Tail::earlier).unwrap_or_default();
        let mut hearing = Hearing::new(self.pid, self.plain, &earlier);
        let deaf = self.tail.is_none() && self.dumps.is_none() && !self.tapped_writes;
        let mut changed = begun;
        let mut looked = begun;
        let end = loop {
            if deaf {
                break End::Unheard;
            }
            let now = Instant::now();
            let before = hearing.len();
            self.hear(&mut hearing, now)?;
            // What others write to the same file all the time is no reason to wait.
            if hearing.len() != before {
                changed = Instant::now();
            }
            let quiet = changed.elapsed();
            match hearing.capture.state() {
                State::Complete => break End::Whole,
                State::Failed | State::Undumped => break End::Failed,
                State::Begun if hearing.is_pending() => {}
                State::Begun
                    if !self.tapped_writes && quiet >= QUIET && hearing.capture.looks_whole() =>
                {
                    break End::Whole;
                }
                State::Begun if quiet >= LONG_QUIET => break End::Silent,
                State::Nothing if quiet >= LONG_QUIET && hearing.has_plain() => break End::Silent,
                State::Begun | State::Nothing => {}
            }
            if now >= until {
                break End::TimedOut;
            }
            if looked.elapsed() >= LOOK {
                looked = now;
                if handle.has_ended() {
                    return Err(Error::Changed { pid: self.pid, what: Change::Exited });
                }
            }
        };
        let tapped = self.tap.as_ref().map(|_| hearing.tapped());
        let file = hearing.file.take();
        Ok(Heard { end, captured: hearing.finish(), file, tapped, took: changed - begun })
    }

    /// Hears what there is, for a moment.
    fn hear(&mut self, hearing: &mut Hearing, now: Instant) -> Result<(), Error> {
        let pid = self.pid;
        let unread = |error: std::io::Error| Error::NotPermitted {
            pid,
            cause: format!("what it writes cannot be read: {error}"),
            hint: String::new(),
        };
        let patience = if self.tapped_writes { LOOK } else { Duration::ZERO };
        // One at a time: what the last one told may be the end of the report.
        if let Some(seen) = self.tap.as_ref().and_then(|tap| tap.next(now + patience)) {
            hearing.see(seen)?;
        }
        if let Some(dumps) = &mut self.dumps {
            let wait = if self.tail.is_some() { STEP } else { LOOK };
            let lost = |error: FileError| unread(std::io::Error::other(error.to_string()));
            if let Some(dumped) = dumps.next(Instant::now() + wait).map_err(lost)? {
                let name = dumped.name.raw().to_owned();
                hearing.dumped(name, &dumped.bytes.map_err(lost)?);
                return Ok(());
            }
        }
        if let Some(tail) = &mut self.tail {
            let wait = if self.dumps.is_some() { Duration::ZERO } else { QUIET };
            let bytes = tail.wait(Instant::now() + wait).map_err(unread)?;
            hearing.append(&bytes);
        }
        Ok(())
    }
}
