//! What is settled before anything is sent: how the process is asked for its report, and whether
//! that may be done at all. Pure: it decides over what was seen.
//!
//! A signal that nobody catches kills, so that without a handler nothing is ever sent, whatever the
//! user says. `--force` is for handlers of which it is not known, or known better, that they report.

use std::time::Duration;

use super::signal;
use crate::render::name;
use crate::runtime::{Handler, OwnReport, ReportWatcher, SignalHandler};
use crate::target::Tid;
use crate::target::signals::SignalState;
use crate::target::stderr::{PipeState, Stderr, StderrKind};
use crate::text::Text;

/// `SIGUSR1`: what oslo.reports up to 0.5 used, and up to 1.22 besides.
pub const USR1: i32 = 10;

/// `SIGUSR2`: what oslo.reports uses since 0.6.
pub const USR2: i32 = 12;

/// How long a report takes for each green thread: one of 3000 took 6.3 s.
const PER_GREEN_THREAD: Duration = Duration::from_micros(2100);

/// From how many green threads on the user is told what a report costs.
const MANY_GREEN_THREADS: usize = 500;

/// A pipe with so much room takes most reports.
const PLENTY: u64 = 64 << 10;

/// Signals of faults: who handles them ends the process when it has.
const FAULTS: &[i32] = &[4, 5, 6, 7, 8, 11, 31];

/// What was seen of the process.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// The process.
    pub pid: i32,
    /// What it does with signals.
    pub signals: SignalState,
    /// What it has set to be called on signals: `Err` says why that is not known.
    pub handlers: Result<&'a [SignalHandler], &'a str>,
    /// The files that it watches: `Err` says why these are not known.
    pub watchers: Result<&'a [ReportWatcher], &'a str>,
    /// The one that it is to watch by its configuration.
    pub configured: Option<&'a ReportWatcher>,
    /// The process that it was forked from and that watches a file.
    pub watched_by_parent: Option<i32>,
    /// Who traces it: `gdb (pid 99)`.
    pub tracer: Option<&'a str>,
    /// How many green threads it has.
    pub green_threads: usize,
    /// Whether it runs in uWSGI, whose own handlers Python knows nothing of.
    pub in_uwsgi: bool,
    /// Whether it is making a report at this moment.
    pub reporting: bool,
    /// Where its standard error leads.
    pub stderr: &'a Stderr,
    /// Why every write to it would fail.
    pub unwritable: Option<&'a str>,
}

/// What the user wants.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The signal; `None` leaves the choice to guru.
    pub signal: Option<i32>,
    /// Whether to go on where guru would rather not.
    pub force: bool,
    /// How long the user waits for the report.
    pub patience: Duration,
}

/// How the process is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// By this signal.
    Signal(i32),
    /// By writing the file that it watches.
    Touch(ReportWatcher),
}

/// What is going to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How the process is asked.
    pub request: Request,
    /// What comes of it, where that is known.
    pub report: Option<OwnReport>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

impl Plan {
    /// The thread that will write the report: Python runs handlers of signals in its main thread,
    /// which is the first one, also after a fork.
    pub fn writer(&self, pid: i32) -> Tid {
        match &self.request {
            Request::Signal(_) => pid,
            Request::Touch(watcher) => watcher.thread.unwrap_or(pid),
        }
    }
}

/// Why nothing is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it is.
    pub why: String,
    /// What the user can do.
    pub hint: Option<String>,
}

impl Refusal {
    fn new(why: impl Into<String>) -> Refusal {
        Refusal { why: why.into(), hint: None }
    }

    fn with_hint(mut self, hint: impl Into<String>) -> Refusal {
        self.hint = Some(hint.into());
        self
    }

    /// With the hint that the user may know better.
    fn unless_forced(self, known: &str) -> Refusal {
        self.with_hint(format!("--force, if you know {known}; or `guru report` from outside"))
    }
}

/// Decides what is done.
pub fn plan(seen: &Seen<'_>, wanted: &Wanted) -> Result<Plan, Refusal> {
    answering(seen)?;
    let (request, report) = match wanted.signal {
        Some(signal) => by_signal(seen, signal, wanted.force)?,
        None => choose(seen, wanted.force)?,
    };
    if let Request::Signal(signal) = request {
        deliverable(seen, signal, wanted.force)?;
    }
    let mut warnings = Vec::new();
    harmless(seen, report.as_ref(), wanted, &mut warnings)?;
    if matches!(request, Request::Signal(USR1 | USR2)) && seen.in_uwsgi {
        let text = "runs in uWSGI, which may have taken the signal for itself since: then no report \
                    comes";
        warnings.push(text.to_owned());
    }
    if let (Some(tracer), Request::Signal(_)) = (seen.tracer, &request) {
        warnings.push(format!("is traced by {tracer}, to which the signal goes first"));
    }
    if let Request::Touch(watcher) = &request {
        let file = name::name(watcher.file.raw());
        warnings.push(format!("is asked by {file}: so is every other process that watches it"));
        warnings.extend(slow(watcher, wanted.patience));
    }
    Ok(Plan { request, report, warnings })
}

/// Why the report may come late.
fn slow(watcher: &ReportWatcher, patience: Duration) -> Option<String> {
    let interval = watcher.interval.unwrap_or_default();
    if interval >= patience.as_secs_f64() {
        return Some(format!("looks at its file every {interval} s only: use a longer --timeout"));
    }
    let text = "a green thread looks at the file: it does only when the others give way";
    watcher.green.then(|| text.to_owned())
}

/// Whether it can answer at all.
fn answering(seen: &Seen<'_>) -> Result<(), Refusal> {
    match seen.signals.state {
        'T' => Err(Refusal::new("is stopped: it cannot answer")
            .with_hint(format!("let it go on first: kill -CONT {}", seen.pid))),
        't' => Err(Refusal::new(format!(
            "is held by its tracer, {}: it cannot answer",
            seen.tracer.unwrap_or("which has just gone")
        ))),
        'Z' | 'X' => Err(Refusal::new(
            "has lost its first thread, which is the one that would write the report",
        )),
        _ if seen.reporting => Err(Refusal::new("is making a report at this moment")
            .with_hint("wait for it; reports that are asked for meanwhile nest")),
        _ => Ok(()),
    }
}

/// The way that the process is asked, where the user leaves it to guru.
fn choose(seen: &Seen<'_>, force: bool) -> Result<(Request, Option<OwnReport>), Refusal> {
    if let Ok(handlers) = seen.handlers {
        let report = |handler: &SignalHandler| match &handler.handler {
            Handler::Report(report) if seen.signals.caught.contains(handler.signal) => {
                Some((handler.signal, report.clone()))
            }
            _ => None,
        };
        let reports: Vec<(i32, OwnReport)> = handlers.iter().filter_map(report).collect();
        let by = |signal| reports.iter().find(|(known, _)| *known == signal);
        if let Some((signal, report)) = by(USR2).or(by(USR1)).or(reports.first()) {
            return Ok((Request::Signal(*signal), Some(report.clone())));
        }
    }
    let by = |watcher: &ReportWatcher| {
        Ok((Request::Touch(watcher.clone()), Some(watcher.report.clone())))
    };
    match (seen.watchers, seen.configured) {
        (Ok([watcher, ..]), _) => return by(watcher),
        (Ok([]), Some(configured)) => return Err(unwatched(seen, &configured.file)),
        (Err(_), Some(configured)) if force => return by(configured),
        (Err(why), Some(configured)) => {
            let file = name::name(configured.file.raw());
            return Err(Refusal::new(format!(
                "is to watch {file} by its configuration, but whether any thread does is not \
                 known: {why}"
            ))
            .unless_forced("that one does"));
        }
        (_, None) => {}
    }
    match [USR2, USR1].into_iter().find(|signal| seen.signals.caught.contains(*signal)) {
        Some(signal) => by_signal(seen, signal, force),
        None => Err(Refusal::new(format!(
            "has no Guru Meditation Report: it catches neither SIGUSR2 nor SIGUSR1, and either {}",
            signal::default_action(USR2)
        ))
        .with_hint("`guru report` needs nothing of the process")),
    }
}

/// The way by a signal that was chosen.
fn by_signal(
    seen: &Seen<'_>,
    number: i32,
    force: bool,
) -> Result<(Request, Option<OwnReport>), Refusal> {
    let name = signal::name(number);
    if FAULTS.contains(&number) {
        return Err(Refusal::new(format!(
            "is not sent {name}: it tells of a fault, and whoever handles it ends the process"
        )));
    }
    if seen.signals.ignored.contains(number) {
        return Err(Refusal::new(format!("ignores {name}: nothing would come of it")));
    }
    if !seen.signals.caught.contains(number) {
        let why = format!("does not catch {name}; sending it {}", signal::default_action(number));
        return Err(Refusal::new(why).with_hint("`guru report` needs nothing of the process"));
    }
    let handler = match seen.handlers {
        Ok(handlers) => handlers.iter().find(|handler| handler.signal == number),
        Err(_) => None,
    };
    let request = Request::Signal(number);
    if let Some(SignalHandler { handler: Handler::Report(report), .. }) = handler {
        return Ok((request, Some(report.clone())));
    }
    if force {
        return Ok((request, None));
    }
    Err(match (handler.map(|handler| &handler.handler), seen.handlers) {
        (Some(Handler::Function { name: function, file, line: at }), _) => {
            let place = match (file, at) {
                (Some(file), Some(number)) => format!(" ({}:{number})", name::name(file.raw())),
                _ => String::new(),
            };
            let function = name::name(function.raw());
            Refusal::new(format!(
                "handles {name} by {function}{place}, which is no Guru Meditation Report"
            ))
            .unless_forced("what that does")
        }
        (_, Ok(_)) => Refusal::new(format!(
            "handles {name} in native code (as uWSGI and faulthandler do), not by a Guru \
             Meditation Report"
        ))
        .unless_forced("what that does"),
        (_, Err(why)) => Refusal::new(format!(
            "catches {name}, but whether for a Guru Meditation Report is not known: {why}"
        ))
        .unless_forced("that it is one"),
    })
}

/// A configured file that nobody here watches.
fn unwatched(seen: &Seen<'_>, file: &Text) -> Refusal {
    let file = name::name(file.raw());
    match seen.watched_by_parent {
        Some(parent) => Refusal::new(format!(
            "is a worker: {file} is watched by its master, process {parent}, which can report on \
             itself only"
        ))
        .with_hint(format!(
            "guru trigger {parent} for the master, guru report {} for this",
            seen.pid
        )),
        None => Refusal::new(format!(
            "should watch {file}, but no thread does: the watcher ends for good when the file is \
             gone once"
        ))
        .with_hint("create the file and restart the service; until then use `guru report`"),
    }
}

/// Whether the signal would arrive.
fn deliverable(seen: &Seen<'_>, signal: i32, force: bool) -> Result<(), Refusal> {
    let name = signal::name(signal);
    if seen.signals.pending.contains(signal) {
        return Err(Refusal::new(format!("has a {name} pending that it has not taken yet"))
            .with_hint("`guru report` shows what it does instead"));
    }
    if seen.signals.blocked_by_all.contains(signal) && !force {
        return Err(Refusal::new(format!(
            "blocks {name} in every thread: it would stay pending, and a report come at some later \
             time"
        ))
        .with_hint("`guru report` needs nothing of the process"));
    }
    Ok(())
}

/// Why its standard error would not take a report without harm.
fn obstacle(seen: &Seen<'_>) -> Option<Refusal> {
    match seen.stderr.kind {
        StderrKind::Pipe { state: Some(PipeState { abandoned: true, .. }), .. } => {
            let why = "writes its report to a pipe that nobody reads any more: that would end the \
                       process";
            Some(Refusal::new(why).unless_forced("that it survives"))
        }
        StderrKind::Pipe { state: Some(PipeState { full: true, .. }), .. } => {
            let why = "has a full pipe for its standard error: it would stand still until somebody \
                       reads";
            let hint = "`guru report` needs nothing of the process; --force waits with it";
            Some(Refusal::new(why).with_hint(hint))
        }
        StderrKind::Closed => {
            let why = "has closed its standard error: what it would report there goes nowhere, or, \
                       from Python, to its standard output at some later time";
            Some(Refusal::new(why).with_hint("`guru report` needs nothing of the process"))
        }
        _ => seen.unwritable.map(|why| {
            Refusal::new(format!(
                "has a standard error that {why}: a report that cannot be written ends the process"
            ))
            .with_hint("`guru report` needs nothing of the process")
        }),
    }
}

/// Whether the report would do harm.
fn harmless(
    seen: &Seen<'_>,
    report: Option<&OwnReport>,
    wanted: &Wanted,
    warnings: &mut Vec<String>,
) -> Result<(), Refusal> {
    if report.is_none_or(|report| report.log_dir.is_none()) {
        if let Some(refusal) = obstacle(seen).filter(|_| !wanted.force) {
            return Err(refusal);
        }
        if let StderrKind::Pipe { state: Some(pipe), .. } = seen.stderr.kind
            && pipe.unread > 0
            && pipe.room().1 < PLENTY
        {
            warnings.push(format!(
                "writes to a pipe with {} unread bytes, which has room for {}: a longer report \
                 stands still until somebody reads",
                pipe.unread,
                pipe.room().1
            ));
        }
    }
    if seen.green_threads >= MANY_GREEN_THREADS {
        let count = seen.green_threads;
        let stall = PER_GREEN_THREAD.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        let text = format!(
            "has {count} green threads: a report of its own makes it stand still for some {:.1} s",
            stall.as_secs_f64()
        );
        if stall > wanted.patience && !wanted.force {
            let hint = "`guru report` takes milliseconds; or --force with a longer --timeout";
            return Err(Refusal::new(text).with_hint(hint));
        }
        warnings.push(text);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
