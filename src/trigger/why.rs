//! Why a process that was asked for its own report gave none, or none yet, as far as that can be
//! seen from outside.
//!
//! CPython runs a handler of a signal in its main thread only, and only between its own
//! instructions: the signal itself does no more than set a flag. So what keeps a report back is
//! something before the flag (masks, stops), the main thread that does not come to look at it, or
//! the report itself, which takes its time. Causes are tried in that order, and what none of them
//! explains ends with what the main thread does, and no guess.

mod interpreter;
mod process;
#[cfg(test)]
mod tests;
mod thread;
mod under_way;
mod watcher;

use crate::analysis::Analysis;
use crate::render::text;
use crate::report::Execution;
use crate::runtime::{RegisteredSection, ReportWatcher};
use crate::stack::{Omitted, Stack};
use crate::target::Tid;
use crate::target::signals::SignalState;
use crate::target::stderr::Stderr;
use crate::text::Text;

/// The most frames of a stack that are shown beside a reason.
const MAX_FRAMES: usize = 12;

/// How the process was asked.
#[derive(Clone, Copy, Debug)]
pub enum Sent<'a> {
    /// By this signal.
    Signal(i32),
    /// By a file that it watches.
    File {
        /// Who watches it, as was seen before it was touched.
        watcher: &'a ReportWatcher,
        /// Whether the file is still there.
        exists: bool,
    },
}

/// What the tap saw of the thread that was to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tapped {
    /// Whether the signal was delivered to it.
    pub delivered: bool,
    /// A write that has not returned: the descriptor, and how many bytes it is to write.
    pub blocked_write: Option<(i32, u64)>,
}

/// How the process was asked, and what the kernel says of it.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// How it was asked.
    pub sent: Sent<'a>,
    /// What it did with signals before.
    pub before: SignalState,
    /// And what it does now.
    pub now: SignalState,
    /// Who traces it, but for guru itself: id and name.
    pub tracer: Option<(i32, &'a Text)>,
    /// What the tap saw, if there was one.
    pub tapped: Option<Tapped>,
    /// Where its standard error leads, as it is now.
    pub stderr: &'a Stderr,
}

/// What was seen of the process when the time was over.
#[derive(Clone, Debug)]
pub struct Picture<'a> {
    /// Its id, which is that of its first thread.
    pub pid: Tid,
    /// Its threads.
    pub threads: &'a [Execution],
    /// Its green threads.
    pub green: &'a [Execution],
    /// The paths of the files that hold the machine code of the interpreters; none where no
    /// interpreter was found.
    pub interpreters: Vec<&'a Text>,
    /// Whether the lock of the interpreter was read: then a thread of which nothing is said neither
    /// holds it nor waits for it.
    pub knows_gil: bool,
    /// The sections that the program has registered for its report.
    pub registered: &'a [RegisteredSection],
}

impl<'a> From<&'a Analysis<'_>> for Picture<'a> {
    fn from(analysis: &'a Analysis<'_>) -> Picture<'a> {
        Picture {
            pid: analysis.evidence.snapshot.target.process.pid,
            threads: &analysis.threads,
            green: analysis.green.as_deref().unwrap_or_default(),
            interpreters: analysis.runtimes.iter().filter_map(|(_, path)| path.as_ref()).collect(),
            knows_gil: analysis.knows_gil,
            registered: &analysis.registered,
        }
    }
}

impl Picture<'_> {
    /// The first thread, which is the main thread of Python: that runs the handlers.
    fn main(&self) -> Option<&Execution> {
        self.thread(self.pid)
    }

    fn thread(&self, tid: Tid) -> Option<&Execution> {
        self.threads.iter().find(|thread| thread.tid == Some(tid))
    }
}

/// Why there is no report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Why {
    /// The reason, on one line that is fit to be printed.
    pub reason: String,
    /// The threads that it is about, the first of them first, with the innermost frames of their
    /// stacks.
    pub threads: Vec<Execution>,
}

impl Why {
    fn new(reason: impl Into<String>) -> Why {
        Why { reason: reason.into(), threads: Vec::new() }
    }

    /// With the stack of a thread.
    fn with(mut self, thread: &Execution) -> Why {
        self.threads.push(Execution {
            stack: shortened(&thread.stack),
            native_stack: thread.native_stack.as_ref().map(shortened),
            ..thread.clone()
        });
        self
    }

    /// The stacks, as the format for eyes shows them; empty where the reason is about no thread.
    pub fn stacks(&self) -> String {
        let shown: Vec<String> = self.threads.iter().map(text::thread).collect();
        shown.join("\n")
    }
}

/// The innermost frames, without the machinery of the interpreter.
fn shortened(stack: &Stack) -> Stack {
    let shown = stack.frames.iter().filter(|frame| !frame.internal);
    let mut frames: Vec<_> = shown.cloned().collect();
    let more = frames.len().saturating_sub(MAX_FRAMES);
    let inner = frames.split_off(more);
    let before = stack.omitted.map_or(0, |gap| gap.frames);
    let left = Some(more + before).filter(|frames| *frames > 0);
    let omitted = left.map(|frames| Omitted { after: 0, frames });
    Stack { frames: inner, omitted, end: stack.end.clone() }
}

/// Finds one cause; nothing if it is not what keeps the report back.
type Cause = fn(&Attempt<'_>, &Picture<'_>) -> Option<Why>;

/// The causes, those first that make all that follow unimportant.
const CAUSES: &[Cause] = &[
    process::ended,
    process::frozen,
    process::traced,
    process::stopped,
    process::unhandled,
    watcher::file_is_gone,
    watcher::has_ended,
    process::blocked_everywhere,
    under_way::written,
    under_way::made,
    process::pending,
    watcher::gets_no_turn,
    watcher::looks_seldom,
    interpreter::not_there,
    interpreter::waits_for_lock,
    interpreter::no_frames,
    process::not_woken,
    interpreter::in_native_code,
];

/// Why the process gave no report. The picture is taken when the time is over.
pub fn why(attempt: &Attempt<'_>, picture: &Picture<'_>) -> Why {
    let found = CAUSES.iter().find_map(|cause| cause(attempt, picture));
    found.unwrap_or_else(|| interpreter::what_it_does(attempt, picture))
}
