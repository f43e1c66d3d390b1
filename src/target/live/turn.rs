//! One at a time: who triggers a report of a process holds a lock on it meanwhile.
//!
//! Signals that come while a report is written nest: each writes a report of its own into the
//! middle of the other. So a second guru must know of the first. The lock is an advisory one,
//! flock(2), on the process's `environ` in `/proc`: only who may inspect the process can open that, so
//! no other user can hold the lock to keep guru away, and nothing that the process or anybody else does
//! is held up by it. Such a file keeps its inode as long as somebody has it open, so that two who open
//! it meet at the same lock, unless they see the process through two mounts of `/proc` (from two
//! pid namespaces): these have inodes of their own. The kernel gives the lock back when guru ends,
//! however it ends.

use std::fs::File;
use std::io;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;

/// The lock, held until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _lock: File,
}

impl Turn {
    /// Takes the turn; `None` if somebody else has it.
    ///
    /// # Errors
    /// If the file can not be opened or locked: whether there is somebody else is not known then, and
    /// it is no reason not to go on.
    pub fn take(pid: i32) -> io::Result<Option<Turn>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::open(format!("/proc/{pid}/environ"), flags, Mode::empty())?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Turn { _lock: file.into() })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn only_one_has_the_turn_and_gives_it_back() {
        let pid = std::os::unix::process::parent_id().cast_signed();
        let first = Turn::take(pid).unwrap();
        assert!(first.is_some());
        assert!(Turn::take(pid).unwrap().is_none());
        // Of another process it is another one.
        assert!(Turn::take(std::process::id().cast_signed()).unwrap().is_some());
        drop(first);
        assert!(Turn::take(pid).unwrap().is_some());
    }

    #[test]
    fn a_process_that_is_not_there_has_no_turn() {
        assert!(Turn::take(i32::MAX).is_err());
    }
}
