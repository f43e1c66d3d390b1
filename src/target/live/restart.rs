//! What a stop does to a system call, and which calls may be started again after it.
//!
//! A stop makes 17 of 61 blocking system calls return EINTR, which no program expects out of the
//! blue. They are restarted by the kernel's own rule for `ERESTARTNOHAND`: a real signal whose
//! handler runs still ends the call with EINTR. A relative timeout then begins anew: only threads that
//! were running a moment ago are stopped in such a call, so it has only just begun.

use procfs::process::Syscall;

use crate::target::Tid;
use crate::target::live::sys::{self, Stopped};
use crate::target::live::tasks::Tasks;

use Effect::{Anew, Short, ShortWith, Unchanged};
use Restart::{Always, Never, OnSocket, Without};

/// What a stop does to a system call in which a thread sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Nothing, wherever it waits and for how long: the kernel starts it again with the time that is left.
    Unchanged,
    /// It begins anew, with its whole timeout, or ends with EINTR.
    Anew,
    /// It returns what it has done so far, which is less than was asked for.
    Short,
    /// The same, if this argument has one of these bits; else it begins anew.
    ShortWith(usize, u64),
}

/// Whether a system call that returned EINTR because of a stop may be started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restart {
    /// It never returns EINTR for a stop, or has done something by then.
    Never,
    /// Nothing has been done when it returns EINTR.
    Always,
    /// If one of these arguments is a socket, which has a timeout then. Elsewhere (a device, a file
    /// system that another program serves) nobody knows what was done.
    OnSocket(&'static [usize]),
    /// If this argument is zero.
    Without(usize),
}

/// `MSG_WAITALL` of the kernel's `include/linux/socket.h`.
const WAITALL: u64 = 0x100;

/// The system calls that are known, by their names. `close` is never started again: its descriptor is gone.
/// A `connect` that is goes on where it was, with TCP and UNIX sockets (`tests/kindness.rs`).
const CALLS: &[(&str, Effect, Restart)] = &[
    ("accept", Anew, Always),
    ("accept4", Anew, Always),
    ("clock_nanosleep", Unchanged, Never),
    ("close", Short, Never),
    ("connect", Short, Always),
    ("copy_file_range", Short, Never),
    ("epoll_pwait", Anew, Always),
    ("epoll_pwait2", Anew, Always),
    ("epoll_wait", Anew, Always),
    ("futex", Unchanged, Never),
    ("getrandom", Short, Never),
    ("io_getevents", Anew, Always),
    ("io_pgetevents", Anew, Always),
    // With something to submit: it has been, and how much is what the call returns.
    ("io_uring_enter", ShortWith(1, u64::MAX), Without(1)),
    ("nanosleep", Unchanged, Never),
    ("pause", Unchanged, Never),
    ("poll", Unchanged, Never),
    // EINTR only where the kernel cannot write the time that is left: to a constant.
    ("ppoll", Anew, Always),
    ("preadv2", Anew, OnSocket(&[0])),
    ("pselect6", Anew, Always),
    ("pwrite64", Short, Never),
    ("pwritev", Short, Never),
    ("pwritev2", Short, OnSocket(&[0])),
    ("read", Anew, OnSocket(&[0])),
    ("readv", Anew, OnSocket(&[0])),
    ("recvfrom", ShortWith(3, WAITALL), Always),
    ("recvmmsg", Short, Always),
    ("recvmsg", ShortWith(2, WAITALL), Always),
    ("rt_sigsuspend", Unchanged, Never),
    ("rt_sigtimedwait", Anew, Always),
    ("select", Anew, Always),
    ("semop", Anew, Always),
    ("semtimedop", Anew, Always),
    ("sendfile", Short, OnSocket(&[0])),
    ("sendmmsg", Short, Always),
    ("sendmsg", Short, Always),
    ("sendto", Short, Always),
    ("splice", Short, OnSocket(&[0, 2])),
    ("tee", Short, Never),
    ("vmsplice", Short, Never),
    ("wait4", Unchanged, Never),
    ("waitid", Unchanged, Never),
    ("write", Short, OnSocket(&[0])),
    ("writev", Short, OnSocket(&[0])),
];

/// What is known of a system call. One that is not listed may change in any way, and is not started again.
fn known(name: &str) -> (Effect, Restart) {
    let call = CALLS.iter().find(|(known, ..)| *known == name);
    call.map_or((Anew, Never), |(_, effect, restart)| (*effect, *restart))
}

/// Whether a stop changes nothing of a system call with this name.
pub fn is_unchanged(call: &str) -> bool {
    known(call).0 == Unchanged
}

/// Whether a thread sleeps in a system call that a stop would cut short, by what the kernel tells now.
/// One that runs in it is not known.
pub fn would_be_cut_short(tasks: &Tasks, tid: Tid) -> bool {
    let Some(Syscall::Blocked { syscall_number, argument_registers, .. }) = tasks.call(tid) else {
        return false;
    };
    let name = u64::try_from(syscall_number).ok().and_then(|number| sys::HOST.syscall_name(number));
    match name.map(|name| known(name).0) {
        Some(Short) => true,
        Some(ShortWith(argument, bits)) => argument_registers[argument] & bits != 0,
        Some(Unchanged | Anew) | None => false,
    }
}

/// Makes the system call of a stopped thread start again if it returned EINTR because of the stop.
///
/// Also on the way to a signal: if that has a handler, the kernel makes it EINTR again; if it is
/// ignored, it would not have ended the call without us.
pub fn repair(tasks: &Tasks, tid: Tid, stopped: &mut Stopped) {
    let Some((number, arguments)) = stopped.interrupted_call() else { return };
    // The kernel takes the lower half of the register.
    let descriptor = |argument: &usize| tasks.descriptor(tid, arguments[*argument] & 0xffff_ffff);
    let is_socket = |link: Vec<u8>| link.starts_with(b"socket:");
    let may_restart = match sys::HOST.syscall_name(number).map(|name| known(name).1) {
        Some(Always) => true,
        Some(OnSocket(sockets)) => sockets.iter().filter_map(descriptor).any(is_socket),
        Some(Without(argument)) => arguments[argument] == 0,
        Some(Never) | None => false,
    };
    if may_restart {
        // Refused only if the thread was killed meanwhile.
        let _ = stopped.restart_call();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calls_that_are_known_exist_and_are_listed_once_in_order() {
        assert!(CALLS.is_sorted_by(|(one, ..), (other, ..)| one < other));
        let is_a_call =
            |name: &str| (0..600).any(|number| sys::HOST.syscall_name(number) == Some(name));
        let unknown: Vec<_> = CALLS.iter().filter(|(name, ..)| !is_a_call(name)).collect();
        // The newer architectures have only the general forms of these.
        let older = ["epoll_wait", "pause", "poll", "select"];
        assert!(unknown.iter().all(|(name, ..)| older.contains(name)), "{unknown:?}");
    }

    #[test]
    fn what_a_call_has_done_is_not_done_again() {
        for (name, effect, restart) in CALLS {
            let arguments: &[usize] = match restart {
                Never | Always => &[],
                OnSocket(arguments) => arguments,
                Without(argument) => std::slice::from_ref(argument),
            };
            assert!(arguments.iter().all(|argument| *argument < 6), "{name}");
            assert!(*effect != Unchanged || *restart == Never, "{name}");
        }
        assert_eq!(known("close").1, Never);
        assert_eq!(known("no such call"), (Anew, Never));
    }
}
