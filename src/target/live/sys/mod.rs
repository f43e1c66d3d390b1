//! The only unsafe code of guru, and the only code that knows the processor it runs on.
#![expect(unsafe_code, reason = "system calls that no safe library offers whole")]

mod bpf;
mod class;
mod fork;
mod ptrace;
mod registers;
mod types;

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use crate::arch::Arch;

pub use bpf::{link_task_iterator, load_task_iterator, open_task_iterator};
pub use class::{Class, class, set_class};
pub use fork::{PANICKED, fork, keep_only};
pub use ptrace::{Call, Event, Until, call, detach, go_on, listen, poll, reap};
pub use registers::Stopped;
pub use types::KernelTypes;

/// The architecture that guru runs on: the only one whose processes it can stop.
#[cfg(target_arch = "x86_64")]
pub const HOST: Arch = Arch::X86_64;
/// The architecture that guru runs on: the only one whose processes it can stop.
#[cfg(target_arch = "aarch64")]
pub const HOST: Arch = Arch::Aarch64;

/// Sends a signal to the process of a pidfd.
///
/// Signals go by number: neither nix nor rustix name those of real time.
pub fn send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the kernel reads no siginfo_t from a null pointer.
    let done = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, no_info, 0u32)
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// How the clock of `/proc/PID/stat` ticks, in ticks per second.
pub fn clock_ticks() -> u64 {
    // SAFETY: sysconf reads a number.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).unwrap_or(100).max(1)
}
