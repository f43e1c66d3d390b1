//! Listening to the process, wherever it writes its report, until the report is whole.

use std::time::{Duration, Instant};

use super::capture::{Capture, Captured, State};
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
use crate::target::live::tap::{Seen, Tap, Watch};
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

/// The most bytes that are kept of what a handler writes that is not known to report.
const MAX_PLAIN: usize = 16 << 20;

/// How often it is looked whether the process still lives.
const LOOK: Duration = Duration::from_millis(20);

/// How often a file and a directory are looked at, if both are.
const STEP: Duration = Duration::from_millis(1);

/// Why listening ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The report is whole.
    Whole,
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
        let mut capture = Capture::default();
        if let Some(tail) = &self.tail {
            capture.learn(&tail.earlier());
        }
        let mut hearing = Hearing {
            pid: self.pid,
            capture,
            plain: self.plain.then(Vec::new),
            pending: None,
            delivered: false,
            file: None,
        };
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
            let capture = &hearing.capture;
            match capture.state() {
                State::Complete => break End::Whole,
                State::Failed | State::Undumped => break End::Failed,
                State::Begun if hearing.pending.is_some() => {}
                State::Begun if !self.tapped_writes && quiet >= QUIET && capture.looks_whole() => {
                    break End::Whole;
                }
                State::Begun if quiet >= LONG_QUIET => break End::Whole,
                State::Nothing if quiet >= LONG_QUIET && hearing.has_plain() => break End::Whole,
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
        let tapped = self.tap.as_ref().map(|_| Tapped {
            delivered: hearing.delivered,
            blocked_write: hearing.pending.as_ref().map(|(fd, bytes)| (*fd, bytes.len() as u64)),
        });
        // Whoever stands in a write goes on with it: what it is about to write is its report.
        if let Some((_, bytes)) = hearing.pending.take() {
            hearing.keep(&bytes);
            hearing.capture.write(&bytes);
        }
        let mut captured = hearing.capture.finish();
        if let (State::Nothing, Some(plain)) = (captured.state, hearing.plain) {
            captured.bytes = plain;
        }
        Ok(Heard { end, captured, file: hearing.file, tapped, took: changed - begun })
    }

    /// Hears what there is, for a moment.
    fn hear(&mut self, hearing: &mut Hearing, now: Instant) -> Result<(), Error> {
        let mut came = false;
        let pid = self.pid;
        let unread = |error: std::io::Error| Error::NotPermitted {
            pid,
            cause: format!("what it writes cannot be read: {error}"),
            hint: String::new(),
        };
        let patience = if self.tapped_writes { LOOK } else { Duration::ZERO };
        while let Some(seen) = self.tap.as_ref().and_then(|tap| tap.next(now + patience)) {
            came |= hearing.see(seen)?;
            if hearing.capture.state() != State::Begun && came {
                break;
            }
        }
        if let Some(dumps) = &mut self.dumps {
            let wait = if self.tail.is_some() { STEP } else { LOOK };
            let lost = |error: FileError| unread(std::io::Error::other(error.to_string()));
            if let Some(dumped) = dumps.next(Instant::now() + wait).map_err(lost)? {
                hearing.capture.append(&dumped.bytes.map_err(lost)?);
                hearing.capture.closed();
                hearing.file = Some(dumped.name.raw().to_owned());
                return Ok(());
            }
        }
        if let Some(tail) = &mut self.tail {
            let wait = if self.dumps.is_some() { Duration::ZERO } else { QUIET };
            let bytes = tail.wait(Instant::now() + wait).map_err(unread)?;
            hearing.keep(&bytes);
            hearing.capture.append(&bytes);
        }
        Ok(())
    }
}

/// What was heard so far.
struct Hearing {
    pid: i32,
    capture: Capture,
    /// All that was written, where any of it counts; at most [`MAX_PLAIN`] bytes.
    plain: Option<Vec<u8>>,
    /// A write that has not returned: the descriptor and the bytes.
    pending: Option<(i32, Vec<u8>)>,
    delivered: bool,
    file: Option<String>,
}

impl Hearing {
    /// How much there is of what is listened for.
    fn len(&self) -> usize {
        self.capture.report_len() + self.plain.as_ref().map_or(0, Vec::len)
    }

    fn has_plain(&self) -> bool {
        self.plain.as_ref().is_some_and(|plain| !plain.is_empty())
    }

    /// Keeps what was written, where any of it counts.
    fn keep(&mut self, bytes: &[u8]) {
        if let Some(plain) = &mut self.plain {
            let room = MAX_PLAIN.saturating_sub(plain.len());
            plain.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
    }

    /// Takes what the tap saw. Whether it is something of the report.
    fn see(&mut self, seen: Seen) -> Result<bool, Error> {
        match seen {
            Seen::Delivered | Seen::TakenByOther => self.delivered = true,
            Seen::HeldBack => {
                let why = "lost its handler just before the signal came (it executes another \
                           program): the signal was held back, and has done nothing";
                return Err(Error::Refused { pid: self.pid, why: why.to_owned(), hint: None });
            }
            Seen::Writing { fd, bytes } => self.pending = Some((fd, bytes)),
            Seen::Wrote(result) => {
                let (Some((_, bytes)), Ok(count)) = (self.pending.take(), result) else {
                    return Ok(false);
                };
                let count = usize::try_from(count).unwrap_or(usize::MAX).min(bytes.len());
                let written = bytes.get(..count).unwrap_or_default();
                self.keep(written);
                self.capture.write_partly(written, bytes.len());
                return Ok(true);
            }
            Seen::TooMuch => {}
            Seen::Ended => return Err(Error::Changed { pid: self.pid, what: Change::Exited }),
        }
        Ok(false)
    }
}
