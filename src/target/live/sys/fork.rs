//! A child process that shares nothing with guru any more.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The exit status of a child of [`fork`] that panicked.
pub const PANICKED: u8 = 101;

/// Runs `work` in a child process, whose exit status it returns; returns the child's id. Nothing of
/// this process is flushed, removed or run at the child's end.
///
/// Only the thread that calls this lives on in the child. Another one may have held a lock at that
/// moment, and nobody will ever release it there: `work` uses none of the standard library's (no
/// output, no environment, no threads). It may allocate: the C library keeps its heap usable.
pub fn fork(work: impl FnOnce() -> u8) -> io::Result<rustix::process::Pid> {
    // SAFETY: see above; the child never returns from here, and so neither do its callers there.
    let pid = unsafe { libc::fork() };
    match rustix::process::Pid::from_raw(pid) {
        _ if pid < 0 => Err(io::Error::last_os_error()),
        Some(pid) => Ok(pid),
        None => {
            let status = catch_unwind(AssertUnwindSafe(work)).unwrap_or(PANICKED);
            // SAFETY: ends the process, without anything that was prepared for the end of guru.
            unsafe { libc::_exit(status.into()) }
        }
    }
}

/// Closes every descriptor of this process, whoever owns it, but those that are given (of which none
/// is below 3). Standard input, output and error become the first of them, which must be one that
/// cannot be read or written (`O_PATH`).
///
/// For a child of [`fork`] only: nothing that it inherited may be used any more.
pub fn keep_only(kept: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut kept: Vec<RawFd> = kept.iter().map(|fd| fd.as_raw_fd()).collect();
    let Some(first) = kept.first().copied() else { return Ok(()) };
    for standard in 0..3 {
        // SAFETY: takes numbers only.
        if unsafe { libc::dup2(first, standard) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    kept.sort_unstable();
    let mut from = 3;
    for fd in kept {
        close_range(from, fd - 1)?;
        from = from.max(fd + 1);
    }
    close_range(from, RawFd::MAX)
}

/// Closes the descriptors with these numbers, the last included.
fn close_range(first: RawFd, last: RawFd) -> io::Result<()> {
    if first > last {
        return Ok(());
    }
    // SAFETY: takes numbers only; whoever owned these descriptors uses them no more, see above.
    match unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
