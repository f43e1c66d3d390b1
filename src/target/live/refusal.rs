//! Why the kernel refuses to have a process inspected, and what to do about it.
//!
//! ptrace answers EPERM for a dozen reasons. A tool that names the wrong one costs an operator an
//! hour, so each is looked up where the kernel shows it.

use procfs::process::{Process, Status};

use crate::error::{Change, Error};
use crate::target::live::facts;

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
    let stat = Process::new(pid).and_then(|process| process.stat());
    if stat.map_or(true, |stat| matches!(stat.state, 'Z' | 'X') && stat.num_threads <= 1) {
        return Error::Changed { pid, what: Change::Exited };
    }
    let (cause, hint) = cause();
    Error::NotPermitted { pid, cause, hint }
}

fn cause(pid: i32) -> (String, String) {
    let own = Process::myself().and_then(|process| process.status());
    let target = Process::new(pid).and_then(|process| process.status());
    let (Ok(own), Ok(target)) = (own, target) else {
        return ("the kernel refuses".into(), "run guru as root".into());
    };
    let capable = own.capeff & CAP_SYS_PTRACE != 0;
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
    if own.euid != target.euid || own.euid != target.ruid || own.euid != target.suid {
        return (
            format!("it runs as user {}, guru as user {}", target.euid, own.euid),
            format!("run guru as root, or as user {}", target.euid),
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
        _ if !is_dumpable(pid, target.euid) => (
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
    if own.seccomp == Some(2) {
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
    let status = Process::new(pid).ok()?.status().ok()?;
    Some(status.tracerpid).filter(|pid| *pid != 0)
}
