//! Why the kernel refuses to have a process inspected, and what to do about it.
//!
//! ptrace answers EPERM for a dozen reasons. A tool that names the wrong one costs an operator an
//! hour, so each is looked up where the kernel shows it.

use crate::error::{Change, Error};
use crate::target::live::facts;
use crate::target::live::proc::{ProcDir, Stat, Status};

/// `CAP_SYS_PTRACE`, of the kernel's `include/uapi/linux/capability.h`.
const CAP_SYS_PTRACE: u64 = 1 << 19;

/// The reason why `pid` may not be inspected.
pub fn reason(pid: i32) -> Error {
    let traced = |tracer| {
        (
            format!("it is traced by {}", facts::who(tracer)),
            "let that end first; a report can be had without a stop".into(),
        )
    };
    // The kernel has one tracer for a thread.
    because(pid, || tracer(pid).map_or_else(|| cause(pid), traced))
}

/// The reason why the memory of `pid` may not be read, which another tracer is not.
pub fn reason_of_read(pid: i32) -> Error {
    because(pid, || cause(pid))
}

fn because(pid: i32, cause: impl FnOnce() -> (String, String)) -> Error {
    // Of a process that is just ending the kernel says the same.
    let stat = ProcDir::open(pid).ok().and_then(|process| process.stat());
    let is_over = |stat: Stat| stat.has_ended() && stat.num_threads <= 1;
    if stat.is_none_or(is_over) {
        return Error::Changed { pid, what: Change::Exited };
    }
    let (cause, hint) = cause();
    Error::NotPermitted { pid, cause, hint }
}

fn cause(pid: i32) -> (String, String) {
    let unknown = || ("the kernel refuses".into(), "run guru as root".into());
    let own = status(std::process::id().cast_signed());
    let (Some(own), Some(target)) = (own, status(pid)) else { return unknown() };
    let (Some(guru), Some(user)) = (own.users(), target.users()) else { return unknown() };
    let capable = own.capabilities() & CAP_SYS_PTRACE != 0;
    let scope = yama_scope();
    if scope >= 3 {
        return (
            "kernel.yama.ptrace_scope is 3: nobody may trace until the next boot".into(),
            "boot with kernel.yama.ptrace_scope at 2 or less".into(),
        );
    }
    if capable {
        return held_back_with_capability(&own);
    }
    let (guru, other) = (guru.effective, user.effective);
    if [other, user.real, user.saved].iter().any(|uid| *uid != guru) {
        return (
            format!("it runs as user {other}, guru as user {guru}"),
            format!("run guru as root, or as user {other}"),
        );
    }
    match scope {
        2 => {
            ("kernel.yama.ptrace_scope is 2: only root may trace".into(), "run guru as root".into())
        }
        1 => (
            "kernel.yama.ptrace_scope is 1: a process may trace its own children only".into(),
            "run guru as root, or set kernel.yama.ptrace_scope to 0".into(),
        ),
        _ if !is_dumpable(pid, other) => (
            "it has made itself undumpable, or was started with another user's rights".into(),
            "run guru as root".into(),
        ),
        _ => (
            "it has capabilities that guru lacks, or a security module (AppArmor, SELinux, \
             seccomp) forbids it"
                .into(),
            "run guru as root; in a container, add the capability SYS_PTRACE".into(),
        ),
    }
}

/// guru has CAP_SYS_PTRACE, and is refused all the same.
fn held_back_with_capability(own: &Status) -> (String, String) {
    if own.seccomp() == Some(2) {
        return (
            "a seccomp filter around guru forbids ptrace".into(),
            "in a container, run with seccomp=unconfined or from the host".into(),
        );
    }
    (
        "it belongs to another user namespace, or a security module (AppArmor, SELinux, \
         lockdown) forbids it"
            .into(),
        "run guru on the host as root".into(),
    )
}

/// `kernel.yama.ptrace_scope`; 0 where there is no Yama.
fn yama_scope() -> u8 {
    let text = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// The files of an undumpable process in `/proc` belong to root.
fn is_dumpable(pid: i32, uid: u32) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(format!("/proc/{pid}/environ")).is_ok_and(|meta| meta.uid() == uid)
}

/// Who traces the process, if anybody does.
pub fn tracer(pid: i32) -> Option<i32> {
    status(pid)?.tracer()
}

fn status(pid: i32) -> Option<Status> {
    ProcDir::open(pid).ok()?.status()
}
