//! What the kernel says of a process, read without any of guru's code.

use std::collections::BTreeMap;
use std::fs;

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

/// Whether a thread waits for something, in a system call or for ever (a zombie).
pub fn is_waiting(pid: i32, tid: i32) -> bool {
    thread_state(pid, tid).is_some_and(|thread| match thread.state {
        'S' => thread.call.is_some(),
        state => state == 'Z',
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
