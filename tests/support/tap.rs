//! One thread that is watched, as the tests of the tap see it.

use super::{DEADLINE, await_some, thread_states};
use guru::target::live::seize::Refused;
use guru::target::live::tap::{Seen, Tap, Watch};
use guru::target::live::tasks::Tasks;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::Instant;

/// The signal that is watched for.
pub const USR2: i32 = Signal::SIGUSR2 as i32;

/// It is watched, and nothing else.
pub const GUARD: Watch = Watch::Guard { signal: USR2 };

/// Device and inode of a descriptor of a process.
pub fn identity(pid: i32, fd: i32) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let stat = std::fs::metadata(format!("/proc/{pid}/fd/{fd}")).ok()?;
    Some((stat.dev(), stat.ino()))
}

/// It is watched, and what is written to standard error.
pub fn writes(pid: i32) -> Watch {
    Watch::Writes { signal: Some(USR2), stderr: identity(pid, 2) }
}

/// Send it a signal.
pub fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// What is seen next.
pub fn next(tap: &Tap) -> Seen {
    tap.next(Instant::now() + DEADLINE).unwrap_or_else(|| panic!("nothing more is seen"))
}

/// Nobody traces it any more, and it stands in no stop, before long: the kernel sets free what a system
/// thread traced when that has ended, which is a moment after it can be joined.
pub fn assert_free(pid: i32) {
    await_some("it is free", || {
        let threads = thread_states(pid);
        let free = |state, tracer| !matches!(state, 'T' | 't') && tracer == 0;
        threads.values().all(|thread| free(thread.state, thread.tracer)).then_some(())
    });
}

/// Watch the first thread of a process.
pub fn seize(pid: i32, watch: Watch) -> Result<Tap, Refused> {
    Tap::seize(&Tasks::open(pid).ok_or(Refused::Gone)?, pid, watch)
}
