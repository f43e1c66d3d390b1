//! What the kernel says of a process, read without any of guru's code.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;

// What glibc's functions of these names call: newer architectures have the general forms only.
#[cfg(target_arch = "x86_64")]
mod calls {
    pub const EPOLL_WAIT: i64 = libc::SYS_epoll_wait;
    pub const PAUSE: i64 = libc::SYS_pause;
    pub const POLL: i64 = libc::SYS_poll;
    pub const SELECT: i64 = libc::SYS_pselect6;
}
#[cfg(not(target_arch = "x86_64"))]
mod calls {
    pub const EPOLL_WAIT: i64 = libc::SYS_epoll_pwait;
    pub const PAUSE: i64 = libc::SYS_ppoll;
    pub const POLL: i64 = libc::SYS_ppoll;
    pub const SELECT: i64 = libc::SYS_pselect6;
}
pub use calls::{EPOLL_WAIT, PAUSE, POLL, SELECT};

/// A thread as `/proc` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadState {
    /// The kernel's name of it; bytes that are no UTF-8 are replaced.
    pub name: String,
    /// `R`, `S`, `D`, `T`, `t`, `Z` … (proc_pid_stat(5)).
    pub state: char,
    /// The number of the system call it is blocked in; none while it runs.
    pub call: Option<i64>,
    /// The process that traces it, 0 for none.
    pub tracer: i32,
}

/// All threads of a process by tid; those that end meanwhile are left out.
pub fn thread_states(pid: i32) -> BTreeMap<i32, ThreadState> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let tids = tasks.filter_map(|task| task.file_name().to_str()?.parse().ok());
    tids.filter_map(|tid| Some((tid, thread_state(pid, tid)?))).collect()
}

/// Whether one of its threads waits for stdin.
pub fn reads_stdin(pid: i32) -> bool {
    let call = format!("{} 0x0 ", libc::SYS_read);
    thread_states(pid).into_iter().any(|(tid, thread)| {
        match fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall")) {
            Ok(line) => line.starts_with(&call),
            // An undumpable process shows no more than this, but to root.
            Err(error) => error.kind() == ErrorKind::PermissionDenied && thread.state == 'S',
        }
    })
}

fn thread_state(pid: i32, tid: i32) -> Option<ThreadState> {
    let directory = format!("/proc/{pid}/task/{tid}");
    let call = fs::read_to_string(format!("{directory}/syscall")).unwrap_or_default();
    let status = fs::read(format!("{directory}/status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    let field = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        value.map(str::to_owned)
    };
    Some(ThreadState {
        name: field("Name")?,
        state: field("State")?.chars().next()?,
        call: call.split(' ').next().and_then(|number| number.trim().parse().ok()),
        tracer: field("TracerPid")?.parse().ok()?,
    })
}
