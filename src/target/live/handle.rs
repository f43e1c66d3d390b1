//! A process that signals can be sent to, whatever becomes of its id.

use std::os::fd::{AsFd as _, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags};

use crate::error::{Change, Error};
use crate::target::live::{LiveProcess, sys};

/// A process by its pidfd: it stays the same process when its id is given to another.
#[derive(Debug)]
pub struct Handle {
    pid: i32,
    pidfd: OwnedFd,
}

impl Handle {
    /// Takes hold of the process that was opened. It is looked at after the pidfd was made: if it
    /// is unchanged then, the pidfd is its own.
    ///
    /// # Errors
    /// It ended or executed another program, or the kernel makes no pidfd (it does since 5.3).
    pub fn open(process: &LiveProcess) -> Result<Handle, Error> {
        let pid = process.pid;
        let changed = Error::Changed { pid, what: Change::Exited };
        let Some(raw) = Pid::from_raw(pid) else { return Err(changed) };
        let pidfd = match rustix::process::pidfd_open(raw, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(rustix::io::Errno::SRCH) => return Err(changed),
            Err(error) => return Err(refused(pid, format!("pidfd_open: {error}"), "")),
        };
        process.check_unchanged()?;
        Ok(Handle { pid, pidfd })
    }

    /// Sends it a signal, by number: 1 to 64.
    ///
    /// # Errors
    /// It has ended, the kernel does not permit it, or there is no such signal.
    pub fn send(&self, signal: i32) -> Result<(), Error> {
        // 0 sends nothing, and what else is out of range is a mistake.
        if !(1..=64).contains(&signal) {
            return Err(refused(self.pid, format!("there is no signal {signal}"), ""));
        }
        sys::send_signal(self.pidfd.as_fd(), signal).map_err(|error| match error.raw_os_error() {
            Some(libc::ESRCH) => Error::Changed { pid: self.pid, what: Change::Exited },
            Some(libc::EPERM) => refused(
                self.pid,
                "sending it a signal needs the same user or CAP_KILL".into(),
                "run guru as root, or as the user of the process",
            ),
            _ => refused(self.pid, format!("sending it a signal: {error}"), ""),
        })
    }

    /// Whether all its threads have ended, collected by its parent or not.
    pub fn has_ended(&self) -> bool {
        let mut polled = [PollFd::new(&self.pidfd, PollFlags::IN)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        rustix::event::poll(&mut polled, Some(&at_once)).is_ok_and(|ready| ready > 0)
    }
}

fn refused(pid: i32, cause: String, hint: &str) -> Error {
    Error::NotPermitted { pid, cause, hint: hint.into() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_gets_a_signal_and_has_ended_then() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let (process, _) = LiveProcess::open(child.id().cast_signed()).unwrap();
        let handle = Handle::open(&process).unwrap();
        for none in [0, -1, 65, i32::MAX, i32::MIN] {
            assert!(matches!(handle.send(none), Err(Error::NotPermitted { .. })), "{none}");
        }
        assert!(!handle.has_ended());
        // A signal of real time, which has no name in nix or rustix.
        handle.send(40).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(40));
        assert!(handle.has_ended());
        assert!(matches!(handle.send(40), Err(Error::Changed { .. })));
        assert!(matches!(Handle::open(&process), Err(Error::Changed { .. })));
    }
}
