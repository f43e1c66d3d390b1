//! The signals by which a user ends guru, kept back while it has something to bring to an end
//! itself: a worker, or a command that is not in guru's process group and would be left behind.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// While this lives they stay pending, and show in a descriptor; when it is dropped they do what
/// they do.
pub struct Interrupts {
    arrived: SignalFd,
    before: SigSet,
}

impl Interrupts {
    /// Keeps them back, in this thread.
    pub fn keep_back() -> io::Result<Interrupts> {
        let signals: SigSet = SIGNALS.into_iter().collect();
        let arrived =
            SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Interrupts { arrived, before })
    }

    /// Takes one that has arrived, by its number. It has
    /// no effect any more.
    pub fn take(&self) -> Option<i32> {
        let arrived = self.arrived.read_signal().ok()??;
        i32::try_from(arrived.ssi_signo).ok()
    }

    /// Whether a signal is one of these, by its number.
    pub fn are(signal: i32) -> bool {
        SIGNALS.into_iter().any(|known| known as i32 == signal)
    }

    /// Readable when one has arrived.
    pub fn arrived(&self) -> BorrowedFd<'_> {
        self.arrived.as_fd()
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        // It fails for an unknown way of setting a mask only.
        let _ = self.before.thread_set_mask();
    }
}
