//! What a process does with signals, read from `/proc`.

use std::fs::File;
use std::io::Read as _;

use crate::target::Tid;
use crate::target::live::tasks::Tasks;
use crate::target::signals::{SignalSet, SignalState};

/// The most that is read of a `status`, in bytes. It has 1.5 KiB, and a line of up to 65536 groups.
const MAX_STATUS: u64 = 1 << 20;

/// What a process does with signals now; `None` if it is gone.
pub fn state(pid: i32) -> Option<SignalState> {
    let first = Status::read(pid, pid)?;
    let tids = Tasks::open(pid)?.list();
    // A thread that has ended has given its signals up: its fields are zero.
    let rest = tids.iter().filter(|tid| **tid != pid).filter_map(|tid| Status::read(pid, *tid));
    let rest: Vec<Status> = rest.filter(Status::lives).collect();
    let living = if first.lives() { Some(&first) } else { rest.first() }?;
    let all = rest.iter().chain(first.lives().then_some(&first));
    Some(SignalState {
        caught: living.set(b"SigCgt"),
        ignored: living.set(b"SigIgn"),
        blocked_by_first: first.set(b"SigBlk"),
        blocked_by_all: SignalSet(all.fold(!0, |both, status| both & status.set(b"SigBlk").0)),
        pending: SignalSet(first.set(b"SigPnd").0 | living.set(b"ShdPnd").0),
        state: first.state()?,
        threads: tids.len(),
    })
}

/// Whether a thread has a handler for a signal now; `false` if it is gone.
pub fn catches(pid: i32, tid: Tid, signal: i32) -> bool {
    Status::read(pid, tid).is_some_and(|status| status.set(b"SigCgt").contains(signal))
}

/// Whether a signal was sent to a thread or its process and taken by nobody yet.
pub fn is_pending(pid: i32, tid: Tid, signal: i32) -> bool {
    let pending = |status: Status| status.set(b"SigPnd").0 | status.set(b"ShdPnd").0;
    Status::read(pid, tid).is_some_and(|status| SignalSet(pending(status)).contains(signal))
}

/// Whether a thread is about to get a signal: one is pending that it does not block.
pub fn comes(pid: i32, tid: Tid) -> bool {
    Status::read(pid, tid).is_some_and(|status| {
        let pending = status.set(b"SigPnd").0 | status.set(b"ShdPnd").0;
        pending & !status.set(b"SigBlk").0 != 0
    })
}

/// The `status` of a thread, as text.
struct Status(Vec<u8>);

impl Status {
    fn read(pid: i32, tid: Tid) -> Option<Status> {
        let mut text = Vec::with_capacity(2048);
        let file = File::open(format!("/proc/{pid}/task/{tid}/status")).ok()?;
        file.take(MAX_STATUS).read_to_end(&mut text).ok()?;
        Some(Status(text))
    }

    /// What follows the name of a field. The kernel escapes line ends in the name of a thread: no
    /// line is another's.
    fn field(&self, name: &[u8]) -> Option<&str> {
        let mut lines = self.0.split(|byte| *byte == b'\n');
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(b":"))?;
        Some(std::str::from_utf8(value).ok()?.trim())
    }

    fn set(&self, name: &[u8]) -> SignalSet {
        let bits = self.field(name).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        SignalSet(bits.unwrap_or_default())
    }

    fn state(&self) -> Option<char> {
        self.field(b"State")?.chars().next()
    }

    fn lives(&self) -> bool {
        !matches!(self.state(), None | Some('Z' | 'X'))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = b"Name:\tSigCgt:\\nSigCgt:\nState:\tS (sleeping)\nSigCgt:\t0000000000000800\n";
        let status = Status(text.to_vec());
        assert!(status.set(b"SigCgt").contains(libc::SIGUSR2));
        assert_eq!(status.set(b"SigIgn"), SignalSet::default());
        assert_eq!(status.field(b"Sig"), None);
        assert!(status.lives());
    }

    #[test]
    fn the_state_of_a_process_is_read() {
        let pid = std::process::id().cast_signed();
        let state = state(pid).unwrap();
        // The runtime of Rust ignores it.
        assert!(state.ignored.contains(libc::SIGPIPE));
        assert!(state.threads >= 1);
        assert!(!catches(pid, pid, libc::SIGUSR2) && !is_pending(pid, pid, libc::SIGUSR2));
        assert!(super::state(i32::MAX).is_none());
    }
}
