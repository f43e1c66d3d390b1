//! The signals by which a user ends guru, kept back while a command runs: it is not in guru's
//! process group, and would be left behind.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// While this lives they stay pending, and show in a descriptor; when it is dropped they do what
/// they do.
pub struct Interrupts {
    arrived: SignalFd,
    before: SigSet,
}

impl Interrupts {
    /// Keeps them back, in this thread.
    pub fn keep_back() -> io::Result<Interrupts> {
        let signals: SigSet =
            [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
        let arrived = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC)?;
        let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Interrupts { arrived, before })
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
