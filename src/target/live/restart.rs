//! Which system calls may be started again when a stop has made them return EINTR.
//!
//! A stop makes 17 of 61 blocking system calls return EINTR, which no program expects out of the
//! blue. They are restarted by the kernel's own rule for `ERESTARTNOHAND`: a real signal whose
//! handler runs still ends the call with EINTR. A relative timeout then begins anew.

use procfs::process::Syscall;

use crate::target::Tid;
use crate::target::live::sys::{self, Stopped};
use crate::target::live::tasks::Tasks;

/// System calls that a stop does not change, wherever they wait and for how long: the kernel starts them
/// again itself, with the time that is left. All others end early or begin anew in some form: with a
/// timeout, with more bytes than fit, on a file system that another program serves.
const UNCHANGED: &[&str] =
    &["clock_nanosleep", "futex", "nanosleep", "pause", "poll", "rt_sigsuspend", "wait4", "waitid"];

/// Whether a stop changes nothing of a system call with this name.
pub fn is_unchanged(call: &str) -> bool {
    UNCHANGED.contains(&call)
}

/// System calls that return what they have done so far when they are stopped, which is less than was
/// asked for.
const CUT_SHORT: &[&str] = &[
    "close",
    "connect",
    "copy_file_range",
    "getrandom",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "recvmmsg",
    "sendfile",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "splice",
    "tee",
    "vmsplice",
    "write",
    "writev",
];

/// Whether a thread sleeps in a system call that a stop would cut short, by what the kernel tells now.
/// One that runs in it is not known.
pub fn would_be_cut_short(tasks: &Tasks, tid: Tid) -> bool {
    /// From the kernel's `include/linux/socket.h`.
    const MSG_WAITALL: u64 = 0x100;
    let Some(Syscall::Blocked { syscall_number, argument_registers, .. }) = tasks.call(tid) else {
        return false;
    };
    let name = u64::try_from(syscall_number).ok().and_then(|number| sys::HOST.syscall_name(number));
    match name {
        Some("recvfrom") => argument_registers[3] & MSG_WAITALL != 0,
        Some("recvmsg") => argument_registers[2] & MSG_WAITALL != 0,
        Some("io_uring_enter") => argument_registers[1] != 0,
        name => name.is_some_and(|name| CUT_SHORT.contains(&name)),
    }
}

/// Makes the system call of a stopped thread start again if it returned EINTR because of the stop.
///
/// Also on the way to a signal: if that has a handler, the kernel makes it EINTR again; if it is
/// ignored, it would not have ended the call without us.
pub fn repair(tasks: &Tasks, tid: Tid, stopped: &mut Stopped) {
    if stopped.interrupted_call().is_some_and(|call| is_restartable(tasks, tid, call)) {
        // Refused only if the thread was killed meanwhile.
        let _ = stopped.restart_call();
    }
}

/// System calls of x86-64 that return EINTR after a stop although no signal came, and that can
/// be started again. A call that is not on the list keeps its EINTR. (`connect` is not: started
/// again it may fail with EALREADY. `close` must never be.)
const RESTARTABLE: &[u64] = &[
    43,  // accept, with SO_RCVTIMEO
    44,  // sendto, with SO_SNDTIMEO
    45,  // recvfrom, with SO_RCVTIMEO
    46,  // sendmsg, with SO_SNDTIMEO
    47,  // recvmsg, with SO_RCVTIMEO
    65,  // semop
    128, // rt_sigtimedwait
    208, // io_getevents
    220, // semtimedop
    232, // epoll_wait
    281, // epoll_pwait
    288, // accept4, with SO_RCVTIMEO
    299, // recvmmsg, with SO_RCVTIMEO
    307, // sendmmsg, with SO_SNDTIMEO
    333, // io_pgetevents
    441, // epoll_pwait2
];

/// read, write, readv, writev, preadv2, pwritev2: they return EINTR on sockets with a timeout only.
const RESTARTABLE_ON_SOCKETS: &[u64] = &[0, 1, 19, 20, 327, 328];

/// `io_uring_enter`: can be started again if it submitted nothing.
const IO_URING_ENTER: u64 = 426;

/// Whether a call, by its number and first two arguments, may be started again.
fn is_restartable(tasks: &Tasks, tid: Tid, (number, arguments): (u64, [u64; 2])) -> bool {
    if number == IO_URING_ENTER {
        let submitted = arguments[1];
        return submitted == 0;
    }
    if RESTARTABLE_ON_SOCKETS.contains(&number) {
        // The kernel takes the lower half of the register.
        let link = tasks.descriptor(tid, arguments[0] & 0xffff_ffff);
        return link.is_some_and(|link| link.starts_with(b"socket:"));
    }
    RESTARTABLE.contains(&number)
}
