//! What guru looks at before it asks a process for its report: from outside, and without a stop.

use super::configured;
use crate::analysis::{Analysis, analyse};
use crate::asked::{Asked, Native, Stop};
use crate::assemble;
use crate::error::{Change, Error};
use crate::evidence::Evidence;
use crate::inspect;
use crate::part::Parts;
use crate::report::{Execution, ExecutionKind, ProcessSummary};
use crate::runtime::python::oslo_reports;
use crate::runtime::{ReportWatcher, SignalHandler};
use crate::stack::{Frame, StackEnd};
use crate::target::live::{LiveProcess, refusal};

/// How often it looks until it has read the handlers: a running process changes under its eyes.
const ATTEMPTS: usize = 3;

/// What was seen.
#[derive(Clone, Debug)]
pub struct Look {
    /// What is called on signals, or why that is not known.
    pub handlers: Result<Vec<SignalHandler>, String>,
    /// The files that it watches, or why these are not known.
    pub watchers: Result<Vec<ReportWatcher>, String>,
    /// The one that it is to watch by its configuration: as that lies in its memory or, where no
    /// memory could be read, in its files.
    pub configured: Option<ReportWatcher>,
    /// How many greenlets it has.
    pub green_threads: usize,
    /// Whether it runs in uWSGI.
    pub in_uwsgi: bool,
    /// Whether its main thread is making a report.
    pub reporting: bool,
    /// What the process is, as far as it could be looked at.
    pub process: Option<ProcessSummary>,
    /// The process that started it.
    pub parent: Option<i32>,
}

impl Look {
    /// Looks at a process. What guru may not look at is not known; that is no error.
    pub fn at(pid: i32, parts: &Parts) -> Result<Look, Error> {
        let mut look = Look::once(pid, parts)?;
        for _ in 1..ATTEMPTS {
            let has_runtime = look.process.as_ref().is_some_and(|one| !one.runtimes.is_empty());
            if look.handlers.is_ok() || !has_runtime {
                break;
            }
            look = Look::once(pid, parts)?;
        }
        Ok(look)
    }

    fn once(pid: i32, parts: &Parts) -> Result<Look, Error> {
        let asked = Asked { native: Native::None, ..Asked::default() };
        let parts = parts.clone();
        let options =
            inspect::Options { asked, parts, stop: Stop::None, ..inspect::Options::default() };
        match inspect::inspect(pid, options) {
            Ok(evidence) => Ok(Look::of(&evidence, &|| refused(pid))),
            Err(error @ (Error::NotPermitted { .. } | Error::Foreign { .. })) => {
                Ok(Look::without(error.to_string()))
            }
            Err(error) => Err(error),
        }
    }

    /// Nothing was seen, for this reason.
    fn without(why: String) -> Look {
        Look {
            handlers: Err(why.clone()),
            watchers: Err(why),
            configured: None,
            green_threads: 0,
            in_uwsgi: false,
            reporting: false,
            process: None,
            parent: None,
        }
    }

    /// What evidence tells; `refused` why the memory may not be read, if it may not.
    fn of(evidence: &Evidence, refused: &dyn Fn() -> Option<String>) -> Look {
        let analysis = analyse(evidence);
        let target = &evidence.snapshot.target.process;
        let runtime = analysis.runtimes.first();
        let unread = match runtime {
            Some((runtime, _)) => format!("the handlers of its {} could not be read", runtime.name),
            None => refused().unwrap_or_else(|| "it runs no Python that guru knows".to_owned()),
        };
        let mut threads = analysis.threads.iter();
        let main = threads.find(|thread| thread.tid == Some(target.pid));
        let green = analysis.green.as_ref().map_or(&[][..], Vec::as_slice).iter();
        Look {
            green_threads: green.filter(|one| one.kind == ExecutionKind::Greenlet).count(),
            reporting: main.is_some_and(is_reporting),
            configured: match runtime {
                Some(_) => configured::by_objects(&analysis),
                None => configured::by_files(&analysis),
            },
            in_uwsgi: analysis.settings.iter().any(|settings| settings.make == "uwsgi"),
            process: Some(assemble::process(&analysis)),
            parent: Some(target.ppid),
            watchers: match runtime {
                Some(_) if analysis.watchers.is_empty() && has_unread(&analysis) => {
                    Err("not every stack could be read".to_owned())
                }
                Some(_) => Ok(analysis.watchers),
                None => Err(unread.clone()),
            },
            handlers: analysis.handlers.ok_or(unread),
        }
    }
}

/// Whether a thread that watches may have been missed: one whose stack in Python ends early, or
/// that watches a file which could not be read.
fn has_unread(analysis: &Analysis<'_>) -> bool {
    let green = analysis.green.iter().flatten();
    analysis.threads.iter().chain(green).any(|thread| {
        let frames = &thread.stack.frames;
        matches!(thread.stack.end, StackEnd::Broken(_) | StackEnd::Limit(_))
            || frames.iter().any(is_watching)
    })
}

/// Whether a frame is that of the function that watches a file.
fn is_watching(frame: &Frame) -> bool {
    let (Some(function), Some(file)) = (&frame.function, &frame.file) else { return false };
    oslo_reports::is_watching(function.raw(), file.raw())
}

/// Why the memory of a process may not be read, if it may not.
fn refused(pid: i32) -> Option<String> {
    let (process, _) = LiveProcess::open(pid).ok()?;
    let refusal = match process.check_memory() {
        Err(Error::Changed { what: Change::Restless, .. }) => refusal::in_the_end(process.pid),
        Err(error) => error,
        Ok(()) => return None,
    };
    match refusal {
        Error::NotPermitted { cause, hint, .. } => {
            Some(format!("guru may not read its memory: {cause}; {hint}"))
        }
        _ => None,
    }
}

/// Whether a thread is making a report.
pub fn is_reporting(thread: &Execution) -> bool {
    thread.stack.frames.iter().any(is_making)
}

/// Whether a frame is that of the function that makes a report.
pub fn is_making(frame: &Frame) -> bool {
    let (Some(function), Some(file)) = (&frame.function, &frame.file) else { return false };
    oslo_reports::is_making(function.raw(), file.raw())
}
