//! Listening to the process, wherever it writes its report, until the report is whole.

use std::time::{Duration, Instant};

use super::capture::{Captured, State};
use super::hearing::Hearing;
use super::preflight::{Plan, Request};
use super::why::Tapped;
use crate::error::{Change, Error};
use crate::gmr;
use crate::render::name;
use crate::target::live::LiveProcess;
use crate::target::live::dump_dir::{DumpDir, Dumped};
use crate::target::live::handle::Handle;
use crate::target::live::refusal;
use crate::target::live::seize::Refused;
use crate::target::live::tail::{Follows, Tail};
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
    /// The report is longer than [`MAX_OWN_REPORT`](crate::target::MAX_OWN_REPORT): so much of it came.
    TooLong,
    /// The process says that it failed to make one.
    Failed,
    /// The time was over.
    TimedOut,
    /// Nobody could listen: what it writes is where its standard error leads.
    Unheard,
    /// The process, or the thread that was to write, ended before its report was whole.
    Ended,
}

/// What a moment of listening brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// The tap told something.
    Told,
    /// The tap told nothing, or there is none.
    Quiet,
    /// Nothing more can come from who writes.
    Over,
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
    /// Whether its standard error led elsewhere before a report came.
    pub moved: bool,
    /// The process whose report it is by its own words, if that is another one.
    pub of_other: Option<i32>,
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
    /// The id that the process itself sees, which its report has.
    inner: Option<i32>,
    /// What the user should know.
    pub warning: Option<String>,
}

impl Listener {
    /// Opens what there is to listen to.
    pub fn open(
        process: &LiveProcess,
        plan: &Plan,
        stderr: &Stderr,
        via: Via,
    ) -> Result<Listener, Error> {
        let pid = process.pid;
        let refused =
            |why, hint: Option<&str>| Error::Refused { pid, why, hint: hint.map(str::to_owned) };
        let report = plan.report.as_ref();
        let dumps = match report.and_then(|report| Some((report.log_dir.as_ref()?, report))) {
            Some((directory, report)) => {
                let dumps = DumpDir::watch(process, directory, report.service.as_ref());
                Some(dumps.map_err(|error| {
                    let directory = name::name(directory.raw());
                    refused(format!("is to write its report to {directory}: {error}"), None)
                })?)
            }
            None => None,
        };
        let is_file = matches!(stderr.kind, StderrKind::File { .. });
        let tail = match via {
            Via::Ptrace => Err("it is not wanted".to_owned()),
            _ if !is_file => Err("it is no file".to_owned()),
            _ => Tail::open(process).map_err(|error| error.to_string()),
        };
        if let (Via::File, Err(why), None) = (via, &tail, &dumps) {
            let what = super::sink::describe(stderr);
            let why = format!("cannot be listened to by a file ({why}): it writes to {what}");
            return Err(refused(why, Some("--via ptrace")));
        }
        let tail = tail.ok();
        let signal = match plan.request {
            Request::Signal(signal) => Some(signal),
            Request::Touch(_) => None,
        };
        let tapped_writes = tail.is_none() && via != Via::File;
        let watch = match (tapped_writes, signal) {
            (true, signal) => Some(Watch::Writes { signal, stderr: stderr.identity }),
            (false, Some(signal)) => Some(Watch::Guard { signal }),
            (false, None) => None,
        };
        let tap = |watch| Tap::seize(&process.tasks, plan.writer(pid), watch);
        let tap = match watch.map(tap).transpose() {
            Ok(tap) => Ok(tap),
            Err(Refused::Gone) => return Err(Error::Changed { pid, what: Change::Exited }),
            Err(Refused::NoHolder) => {
                return Err(refused("cannot be watched: guru could make no thread".into(), None));
            }
            Err(Refused::NotPermitted) => Err(refusal::reason(pid)),
            Err(Refused::NoThread | Refused::Stranger) => {
                let why =
                    "names, in its memory, none of its own threads as the one that will write it";
                Err(refused(why.to_owned(), None))
            }
        };
        let tap = if via == Via::Ptrace { Ok(tap?) } else { tap };
        let warning = tap.as_ref().err().map(|why| match tapped_writes {
            true => format!("what it writes cannot be read along: {why}"),
            false => format!("if it executes another program right now, it dies: {why}"),
        });
        Ok(Listener {
            pid,
            inner: process.inner_pid(),
            tapped_writes: tapped_writes && tap.is_ok(),
            tap: tap.ok().flatten(),
            tail,
            dumps,
            plain: report.is_none(),
            warning,
        })
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
        let mut has_ended = false;
        let end = loop {
            if deaf {
                break End::Unheard;
            }
            let now = Instant::now();
            let before = hearing.len();
            let moment = self.hear(&mut hearing, now)?;
            if moment == Moment::Over {
                break ended(&hearing);
            }
            // What others write to the same file all the time is no reason to wait.
            if hearing.len() != before {
                changed = Instant::now();
            }
            let quiet = changed.elapsed();
            match hearing.capture.state() {
                State::Complete => break End::Whole,
                State::Failed | State::Undumped => break End::Failed,
                State::Begun if hearing.capture.is_cut() => break End::TooLong,
                State::Begun if hearing.is_pending() => {}
                State::Begun
                    if !self.tapped_writes && quiet >= QUIET && hearing.capture.looks_whole() =>
                {
                    break End::Whole;
                }
                State::Begun if quiet >= LONG_QUIET && hearing.capture.has_all_sections() => {
                    break End::Silent;
                }
                State::Nothing if quiet >= LONG_QUIET && hearing.has_plain() => break End::Silent,
                State::Begun | State::Nothing => {}
            }
            // All that it wrote has been heard: it had ended before this moment began.
            if has_ended && moment == Moment::Quiet && hearing.len() == before {
                break ended(&hearing);
            }
            if now >= until {
                break End::TimedOut;
            }
            if looked.elapsed() >= LOOK {
                looked = now;
                has_ended = handle.has_ended();
            }
        };
        let tapped = self.tap.as_ref().map(|_| hearing.tapped());
        let moved = self.tail.as_ref().is_some_and(|tail| tail.follows() != Follows::Stderr);
        let file = hearing.file.take();
        let captured = hearing.finish();
        let of_other = self.other(&captured.bytes);
        Ok(Heard { end, captured, file, tapped, moved, of_other })
    }

    /// The process whose report it is, if that is another one.
    fn other(&self, report: &[u8]) -> Option<i32> {
        let told = gmr::process_of(report)?;
        self.inner.is_some_and(|inner| inner != told).then_some(told)
    }

    /// Hears what there is, for a moment.
    fn hear(&mut self, hearing: &mut Hearing, now: Instant) -> Result<Moment, Error> {
        let pid = self.pid;
        let unread = |error: std::io::Error| Error::NotPermitted {
            pid,
            cause: format!("what it writes cannot be read: {error}"),
            hint: String::new(),
        };
        let patience = match (self.tapped_writes, &self.dumps) {
            (false, _) => Duration::ZERO,
            (true, None) => LOOK,
            (true, Some(_)) => STEP,
        };
        // One at a time: what the last one told may be the end of the report.
        let seen = self.tap.as_ref().and_then(|tap| tap.next(now + patience));
        let moment = if seen.is_some() { Moment::Told } else { Moment::Quiet };
        if let Some(seen) = seen {
            hearing.see(seen)?;
        }
        if hearing.is_over() {
            return Ok(Moment::Over);
        }
        if let Some(dumps) = &mut self.dumps {
            let alone = self.tail.is_none() && !self.tapped_writes;
            let wait = if alone { LOOK } else { STEP };
            match dumps.next(Instant::now() + wait) {
                // Workers of one service write into one directory, by the same names.
                Ok(Some(Dumped { name, bytes: Ok(bytes) })) if self.other(&bytes).is_none() => {
                    hearing.dumped(name.raw().to_owned(), &bytes);
                }
                Ok(_) => {}
                // The directory is gone: the process says so on its standard error.
                Err(_) => self.dumps = None,
            }
        }
        if let Some(tail) = &mut self.tail {
            let wait = if self.dumps.is_some() { Duration::ZERO } else { QUIET };
            let bytes = tail.wait(Instant::now() + wait).map_err(unread)?;
            hearing.append(&bytes);
        }
        Ok(moment)
    }
}

/// Why listening ends when the process has ended, or the thread that was to write: nobody needs to
/// wait whether more follows what looks whole.
fn ended(hearing: &Hearing) -> End {
    if hearing.capture.looks_whole() { End::Whole } else { End::Ended }
}
