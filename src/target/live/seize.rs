//! Taking hold of a thread: the only place that does.
//!
//! A number is all that ptrace takes, and whoever has it is traced: a thread of another process, if
//! the number came from somebody's memory, or was given to another meanwhile. So a thread is looked up
//! in the process's own directory of threads, which is held open, before it is seized and again
//! after. A thread that is seized keeps its number until it is let go, even dead: what was found the
//! second time is what was seized.
//!
//! Who is a stranger the second time got the number in the microseconds between. It was seized and
//! not stopped, and runs on. The kernel lets a thread go without a stop in one way only: when the
//! system thread that seized it ends. To stop it first, as PTRACE_DETACH needs, could end a system
//! call of a process that nobody asked for. So the caller ends its system thread soon, and until then
//! hands on a signal that the stranger stops for ([`let_go`]).

use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::unistd::Pid;

use crate::target::Tid;
use crate::target::live::sys::{self, Event};
use crate::target::live::tasks::Tasks;

/// Why a thread is not held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The kernel says EPERM.
    NotPermitted,
    /// There are no threads any more.
    Gone,
    /// There are, but the one that was asked for is none of them.
    NoThread,
    /// It was one, and its number another's when it was seized: that one is seized until the system
    /// thread that did so ends.
    Stranger,
    /// There could be no thread of guru's to hold any.
    NoHolder,
}

/// Threads that were taken hold of, for another system thread to see which of them end.
///
/// A thread that executes another program waits until all others of its process are gone, and until then
/// the kernel lets nobody be seized there. One that was seized is gone when its end was noted by who
/// traces it: who waits to seize the next one does not do so, and neither ever ends (measured: for
/// as long as the tracer lived, in 23 of 60 tries). Another system thread of the tracer can.
#[derive(Debug, Default)]
pub struct Seized(Mutex<Vec<Tid>>);

impl Seized {
    /// Adds a thread.
    pub fn add(&self, tid: Tid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tid);
    }

    /// Takes note of the ends of those that have ended, but for the first thread of the process, whose
    /// end is that of the process.
    pub fn reap(&self, first: Tid) {
        let threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        threads.iter().filter(|tid| **tid != first).for_each(|tid| sys::reap(*tid));
    }
}

/// Takes hold of a thread of this process, without stopping it. It belongs to the system thread that
/// calls this.
///
/// # Errors
/// The kernel refuses, or it is no thread of the process.
pub fn seize(tasks: &Tasks, tid: Tid, options: ptrace::Options) -> Result<(), Refused> {
    checked(tasks, tid, || ptrace::seize(Pid::from_raw(tid), options))
}

/// Does what seizes a thread by its number alone.
fn checked(
    tasks: &Tasks,
    tid: Tid,
    seize: impl FnOnce() -> nix::Result<()>,
) -> Result<(), Refused> {
    let none = || if tasks.list().is_empty() { Refused::Gone } else { Refused::NoThread };
    if !tasks.has(tid) {
        return Err(none());
    }
    match seize() {
        Ok(()) if tasks.has(tid) => Ok(()),
        Ok(()) => Err(Refused::Stranger),
        Err(Errno::ESRCH) => Err(none()),
        Err(_) => Err(Refused::NotPermitted),
    }
}

/// Lets go of who was seized and is a stranger, if it stands in a stop that it came to by itself: with
/// the signal that it was about to get. Otherwise nothing is done.
pub fn let_go(stranger: Tid) {
    match sys::poll(stranger) {
        Ok(Event::Signal(signal)) => {
            let _ = sys::detach(stranger, signal);
        }
        Ok(Event::Interrupted | Event::GroupStop | Event::Call) => {
            let _ = sys::detach(stranger, 0);
        }
        Ok(Event::None | Event::Gone) | Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::process::{Child, Command};

    use super::*;

    /// Runs in a system thread of its own, whose end lets go.
    fn seized(tasks: &Tasks, tid: Tid) -> Result<(), Refused> {
        std::thread::scope(|scope| {
            scope.spawn(|| seize(tasks, tid, ptrace::Options::empty())).join().unwrap()
        })
    }

    fn sleeper() -> (Child, Tid, Tasks) {
        let child = Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = child.id().cast_signed();
        (child, pid, Tasks::open(pid).unwrap())
    }

    #[test]
    fn nobody_but_a_thread_of_the_process_is_seized() {
        let (mut child, pid, tasks) = sleeper();
        let (mut other, stranger, theirs) = sleeper();
        let own = std::process::id().cast_signed();
        let guru = rustix::thread::gettid().as_raw_nonzero().get();
        for tid in [stranger, own, guru, 1, 0, -1, -stranger, i32::MIN, i32::MAX] {
            assert_eq!(seized(&tasks, tid), Err(Refused::NoThread), "{tid}");
        }
        assert_eq!(theirs.status(stranger).unwrap().tracer(), None);
        // That the right one can be seized at all: who may not trace has shown nothing above.
        assert_eq!(seized(&tasks, pid), Ok(()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(seized(&tasks, pid), Err(Refused::Gone));
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn who_has_the_number_by_the_time_it_is_seized_is_a_stranger() {
        let (mut child, pid, tasks) = sleeper();
        let given_away = || {
            child.kill().unwrap();
            child.wait().unwrap();
            Ok(())
        };
        assert_eq!(checked(&tasks, pid, given_away), Err(Refused::Stranger));
    }
}
