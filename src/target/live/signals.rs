//! What a process does with signals, read from `/proc`.

use crate::target::Tid;
use crate::target::live::proc::Status;
use crate::target::live::tasks::Tasks;
use crate::target::signals::{SignalSet, SignalState};

/// What a process does with signals now; `None` if it is gone.
pub fn state(pid: i32) -> Option<SignalState> {
    of(&Tasks::open(pid)?)
}

/// What the process of these threads does with signals now; `None` if it is gone.
pub fn of(tasks: &Tasks) -> Option<SignalState> {
    let pid = tasks.pid;
    let first = tasks.status(pid)?;
    let tids = tasks.list();
    // A thread that has ended has given its signals up: its fields are zero.
    let rest = tids.iter().filter(|tid| **tid != pid).filter_map(|tid| tasks.status(*tid));
    let rest: Vec<Status> = rest.filter(Status::lives).collect();
    let living = if first.lives() { Some(&first) } else { rest.first() }?;
    let all = rest.iter().chain(first.lives().then_some(&first));
    Some(SignalState {
        caught: living.signals("SigCgt"),
        ignored: living.signals("SigIgn"),
        blocked_by_first: first.signals("SigBlk"),
        blocked_by_all: SignalSet(all.fold(!0, |both, status| both & status.signals("SigBlk").0)),
        pending: SignalSet(first.signals("SigPnd").0 | living.signals("ShdPnd").0),
        state: first.state()?,
        threads: tids.len(),
    })
}

/// Whether a thread has a handler for a signal now; `false` if it is gone.
pub fn catches(tasks: &Tasks, tid: Tid, signal: i32) -> bool {
    tasks.status(tid).is_some_and(|status| status.signals("SigCgt").contains(signal))
}

/// Whether a signal was sent to a thread or its process and taken by nobody yet.
pub fn is_pending(tasks: &Tasks, tid: Tid, signal: i32) -> bool {
    let pending = |status: Status| status.signals("SigPnd").0 | status.signals("ShdPnd").0;
    tasks.status(tid).is_some_and(|status| SignalSet(pending(status)).contains(signal))
}

/// Whether a thread is about to get a signal: one is pending that it does not block.
pub fn comes(tasks: &Tasks, tid: Tid) -> bool {
    tasks.status(tid).is_some_and(|status| {
        let pending = status.signals("SigPnd").0 | status.signals("ShdPnd").0;
        pending & !status.signals("SigBlk").0 != 0
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_state_of_a_process_is_read() {
        let pid = std::process::id().cast_signed();
        let state = state(pid).unwrap();
        // The runtime of Rust ignores it.
        assert!(state.ignored.contains(libc::SIGPIPE));
        assert!(state.threads >= 1);
        let tasks = Tasks::open(pid).unwrap();
        assert!(!catches(&tasks, pid, libc::SIGUSR2) && !is_pending(&tasks, pid, libc::SIGUSR2));
        assert!(super::state(i32::MAX).is_none());
    }
}
