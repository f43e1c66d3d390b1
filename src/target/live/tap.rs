//! Watching one thread of a process: where its next signal is delivered, and what it writes then.
//!
//! The thread is seized, and never interrupted where a signal comes of its own accord. A system
//! thread of guru holds it, and when that one ends, the kernel lets the thread run on wherever it
//! is, without a stop: so a thread that computes, or is blocked in a `write`, is let go unharmed.
//!
//! What stops on the way goes on as it would have: other signals are handed over, a group stop
//! lasts until SIGCONT, system calls that a stop has ended start again ([`super::restart`]). Two
//! differences are left: a signal that the process *ignores* wakes a thread that is traced, so that
//! a `write` of which a part is done may return that part; and a relative timeout starts again. Who
//! executes a setuid program while it is watched, by a guru without CAP_SYS_PTRACE, does not get
//! its rights.

mod watcher;
mod writes;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::target::Tid;
use crate::target::live::seize::Refused;
use crate::target::live::tasks::Tasks;

/// How long the kernel may take to let the thread go when the thread that held it has ended. It
/// takes microseconds.
const RELEASE_DEADLINE: Duration = Duration::from_millis(200);

/// What a thread is watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// This signal, so that it kills nothing: on its way to a process that has no handler any more
    /// it is taken away.
    Guard {
        /// Its number, 1 to 64.
        signal: i32,
    },
    /// What the thread writes.
    Writes {
        /// From when on: since it gets this signal, which is guarded as well; at once if `None`.
        signal: Option<i32>,
        /// Device and inode of what its standard error is. What is written elsewhere is told
        /// only if it begins as a Guru Meditation Report does.
        stderr: Option<(u64, u64)>,
    },
}

impl Watch {
    fn signal(self) -> Option<i32> {
        match self {
            Watch::Guard { signal } => Some(signal),
            Watch::Writes { signal, .. } => signal,
        }
    }
}

/// What was seen of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The signal came, and the thread runs its handler. It is watched no longer, unless for what
    /// it writes.
    Delivered,
    /// The signal came, and had no handler: it was taken away. The thread is watched no longer.
    HeldBack,
    /// Another thread of the process took the signal. The thread is watched no longer, unless for
    /// what it writes: it was stopped for an instant then, and is watched from now on.
    TakenByOther,
    /// It begins to write.
    Writing {
        /// The descriptor.
        fd: i32,
        /// What it wants to write. Where they are fewer than it wrote then, the rest was too much
        /// or not readable.
        bytes: Vec<u8>,
    },
    /// It has written what the last `Writing` told: so many bytes, or none, with this error number.
    /// After EINTR (4) it may write the same again: a handler ran in between.
    Wrote(Result<u64, i32>),
    /// It wrote more than is kept here. It is watched no longer.
    TooMuch,
    /// It ended, or another thread executed another program. Nothing more will come.
    Ended,
}

/// A thread that is watched. Dropping it lets the thread go; it is free then.
#[derive(Debug)]
pub struct Tap {
    tasks: Tasks,
    tid: Tid,
    orders: Arc<Orders>,
    seen: Receiver<Seen>,
    watcher: Option<JoinHandle<()>>,
}

/// What the watcher is told.
#[derive(Debug, Default)]
struct Orders {
    /// The signal was sent.
    sent: AtomicBool,
    /// It shall let the thread go.
    end: AtomicBool,
}

impl Tap {
    /// Takes hold of a thread of a process without stopping it. When this returns, no signal and, where there
    /// is no signal to wait for, soon no write passes unseen.
    ///
    /// # Errors
    /// The kernel refuses ([`super::refusal`] tells why), or the process has no such thread.
    pub fn seize(tasks: &Tasks, tid: Tid, watch: Watch) -> Result<Tap, Refused> {
        let orders = Arc::new(Orders::default());
        // Bounded by what the watcher sends: see its budget.
        let (sender, seen) = std::sync::mpsc::channel();
        let (seized, is_seized) = sync_channel(1);
        let (theirs, of) = (Arc::clone(&orders), tasks.clone());
        let run = move || {
            let begun = watcher::Watcher::seize(of, tid, watch, theirs, sender);
            let refused = begun.as_ref().err().copied();
            let _ = seized.send(refused);
            if let Ok(watcher) = begun {
                watcher.run();
            }
        };
        let watcher = std::thread::Builder::new().name("guru-tap".into()).spawn(run);
        let Ok(watcher) = watcher else { return Err(Refused::NotPermitted) };
        let refused = match is_seized.recv() {
            Ok(None) => {
                let tasks = tasks.clone();
                return Ok(Tap { tasks, tid, orders, seen, watcher: Some(watcher) });
            }
            Ok(Some(refused)) => refused,
            Err(_) => Refused::Gone,
        };
        // Its end lets go whoever it may have seized instead.
        let _ = watcher.join();
        Err(refused)
    }

    /// Says that the signal has been sent: from now on, if it is no longer pending and did not come
    /// to this thread, another thread took it.
    pub fn sent(&self) {
        self.orders.sent.store(true, Ordering::Release);
    }

    /// What is seen next; `None` if nothing is until then, or nothing will ever be.
    pub fn next(&self, until: Instant) -> Option<Seen> {
        self.seen.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.orders.end.store(true, Ordering::Release);
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
        // A system thread counts as ended a moment before the kernel lets go what it held.
        let deadline = Instant::now() + RELEASE_DEADLINE;
        let own = std::process::id().cast_signed();
        let is_held =
            || self.tasks.status(self.tid).is_some_and(|status| status.tracer() == Some(own));
        while is_held() && Instant::now() < deadline {
            std::thread::yield_now();
        }
    }
}
