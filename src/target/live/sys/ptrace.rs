//! Threads that are traced: what became of them, and how they go on.
//!
//! nix is right for most of ptrace, but its `Signal` has no real-time signals: `waitpid` fails
//! with EINVAL on such a stop and consumes it, and `detach` cannot hand one back. 282 of 20,000
//! real-time signals were lost that way in a measurement.

use std::io;

use crate::target::Tid;

/// `AUDIT_ARCH_X86_64` of the kernel's `include/uapi/linux/audit.h`.
#[cfg(target_arch = "x86_64")]
const AUDIT_ARCH: u64 = 0xc000_003e;
/// `AUDIT_ARCH_AARCH64` of the kernel's `include/uapi/linux/audit.h`.
#[cfg(target_arch = "aarch64")]
const AUDIT_ARCH: u64 = 0xc000_00b7;

/// What became of a traced thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing yet.
    None,
    /// It stopped because it was asked to, or because SIGCONT ended a group stop: it is on its way
    /// to no signal.
    Interrupted,
    /// It stands still with all threads of its process because of SIGSTOP or its like, which it has
    /// taken already.
    GroupStop,
    /// It stopped at the beginning or the end of a system call.
    Call,
    /// It stopped on its way to a signal, which must be handed back.
    Signal(i32),
    /// It is gone.
    Gone,
}

/// `PTRACE_EVENT_STOP`, in the second byte of the status that `waitid` gives.
const EVENT_STOP: i32 = 128;

/// What `PTRACE_O_TRACESYSGOOD` makes of the status at a system call.
const CALL_STOP: i32 = libc::SIGTRAP | 0x80;

/// What became of a traced thread, without waiting.
///
/// The answer is not consumed (`WNOWAIT`): a signal that stopped the thread stays with it until it
/// is let go, even if guru is killed before that. Measured with a tracer killed in between: the
/// handler ran in 0 of 1 tries after `waitpid`, in 1 of 1 after this.
pub fn poll(tid: Tid) -> io::Result<Event> {
    let Ok(id) = libc::id_t::try_from(tid) else { return Ok(Event::Gone) };
    let options = libc::WSTOPPED | libc::WEXITED | libc::WNOWAIT | libc::WNOHANG | libc::__WALL;
    // SAFETY: a siginfo_t may be all zeros, and the kernel writes no more than one of it.
    let (done, info) = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        (libc::waitid(libc::P_PID, id, &raw mut info, options), info)
    };
    if done < 0 {
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(libc::ECHILD) => Ok(Event::Gone),
            Some(libc::EINTR) => Ok(Event::None),
            _ => Err(error),
        };
    }
    // SAFETY: waitid fills these two fields; with nothing to tell, they are zero.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    Ok(match info.si_code {
        _ if pid == 0 => Event::None,
        libc::CLD_TRAPPED | libc::CLD_STOPPED => match (status >> 8, status & 0xff) {
            (EVENT_STOP, libc::SIGTRAP) => Event::Interrupted,
            (EVENT_STOP, _) => Event::GroupStop,
            (_, CALL_STOP) => Event::Call,
            (_, signal) => Event::Signal(signal & 0x7f),
        },
        _ => Event::Gone,
    })
}

/// Takes note of the end of a traced thread, if it has ended: only then is it gone.
///
/// Not without a look before: the kernel tells a tracer of a stop, too, whatever it is asked for, and
/// the signal that the thread stopped for is lost with the answer.
pub fn reap(tid: Tid) {
    let Ok(id) = libc::id_t::try_from(tid) else { return };
    if !matches!(poll(tid), Ok(Event::Gone)) {
        return;
    }
    let options = libc::WEXITED | libc::WNOHANG | libc::__WALL;
    // SAFETY: a siginfo_t may be all zeros, and the kernel writes no more than one of it.
    let _ = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        libc::waitid(libc::P_PID, id, &raw mut info, options)
    };
}

/// Lets a stopped thread run on, with the signal that it was about to get, or 0.
pub fn detach(tid: Tid, signal: i32) -> io::Result<()> {
    let signal = libc::c_long::from(signal);
    // SAFETY: PTRACE_DETACH takes numbers only.
    match unsafe { libc::ptrace(libc::PTRACE_DETACH, tid, 0usize, signal) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// How far a stopped thread that stays in our hands runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until a signal comes.
    Signal,
    /// Until a signal comes, or a system call begins or ends.
    Call,
}

/// Lets a stopped thread run on, with the signal that it was about to get, or 0.
///
/// It may be called without the stop having been consumed: the kernel tells of the stop no more.
pub fn go_on(tid: Tid, until: Until, signal: i32) -> io::Result<()> {
    let request = match until {
        Until::Signal => libc::PTRACE_CONT,
        Until::Call => libc::PTRACE_SYSCALL,
    };
    let signal = libc::c_long::from(signal);
    // SAFETY: PTRACE_CONT and PTRACE_SYSCALL take numbers only.
    match unsafe { libc::ptrace(request, tid, 0usize, signal) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Leaves a thread in its group stop, to be told when SIGCONT ends it.
pub fn listen(tid: Tid) -> io::Result<()> {
    // SAFETY: PTRACE_LISTEN takes numbers only.
    match unsafe { libc::ptrace(libc::PTRACE_LISTEN, tid, 0usize, 0usize) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The system call that a thread stopped at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// It begins.
    Entry {
        /// Its number, on the architecture of this guru.
        number: i64,
        /// Its arguments; as many as it has mean something.
        arguments: [u64; 6],
    },
    /// It ends, with this result or error number.
    Exit(Result<u64, i32>),
    /// It is one of another architecture, whose numbers mean something else.
    Foreign,
}

/// The system call that a thread stopped at; `None` if it stopped elsewhere, was killed, or if the
/// kernel does not tell (it does since 5.3).
pub fn call(tid: Tid) -> Option<Call> {
    /// Of the kernel's `include/uapi/linux/ptrace.h`, as all that follows.
    const GET_SYSCALL_INFO: u32 = 0x420e;
    const ENTRY: u64 = 1;
    const EXIT: u64 = 2;
    // struct ptrace_syscall_info in words: op, padding and arch; ip; sp; then of an entry nr and
    // args, of an exit rval and is_error.
    let mut info = [0u64; 11];
    // SAFETY: the kernel writes at most as many bytes to `info` as it is told that it has.
    let done =
        unsafe { libc::ptrace(GET_SYSCALL_INFO as _, tid, size_of_val(&info), info.as_mut_ptr()) };
    if done < 0 {
        return None;
    }
    let [head, _ip, _sp, first, rest @ ..] = info;
    match (head & 0xff, head >> 32) {
        (ENTRY, AUDIT_ARCH) => {
            let [a, b, c, d, e, f, _] = rest;
            Some(Call::Entry { number: first.cast_signed(), arguments: [a, b, c, d, e, f] })
        }
        (EXIT, AUDIT_ARCH) => Some(Call::Exit(match rest[0] & 0xff {
            0 => Ok(first),
            _ => Err(i32::try_from(-first.cast_signed()).unwrap_or(i32::MAX)),
        })),
        (ENTRY | EXIT, _) => Some(Call::Foreign),
        _ => None,
    }
}
