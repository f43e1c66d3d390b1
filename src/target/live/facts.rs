//! What `/proc` tells of a process and its threads, read before anything is stopped: a stop
//! destroys state, wait channel and system call.

use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use procfs::process::{Process, Stat, Syscall, Task};
use procfs::{CurrentSI as _, ProcError};

use crate::addr::Addr;
use crate::arch::Arch;
use crate::target::live::sys;
use crate::target::live::wait::Waits;
use crate::target::{ProcessFacts, TargetFacts, ThreadFacts, Tid};
use crate::text::Text;

/// The environment variables that may be read: where configuration is found, and nothing else.
/// An environment is full of secrets.
pub const ENVIRONMENT: &[&str] = &["HOME", "SNAP", "SNAP_COMMON", "VIRTUAL_ENV", "PYTHONHOME"];

/// The most bytes of a command line or environment that are looked at.
const MAX_STRINGS: usize = 1 << 20;

/// The most processes in a report's tree.
pub const MAX_PROCESSES: usize = 4096;

/// `PF_KTHREAD` and `PF_IO_WORKER` of the kernel's `include/linux/sched.h`.
const KERNEL_FLAGS: u32 = 0x0020_0000 | 0x10;

/// Whether a thread is the kernel's own: a kernel thread, or an io_uring worker.
pub fn is_kernel(stat: &Stat) -> bool {
    stat.flags & KERNEL_FLAGS != 0
}

/// What is known of any process.
pub fn process_facts(process: &Process, stat: &Stat) -> ProcessFacts {
    ProcessFacts {
        pid: stat.pid,
        ppid: stat.ppid,
        name: comm(stat.pid, stat.pid).unwrap_or_else(|| stat.comm.as_str().into()),
        state: stat.state,
        uid: process.status().map(|status| status.euid).or_else(|_| process.uid()).unwrap_or(0),
        started: started(stat),
        command: strings(process, "cmdline"),
    }
}

/// What is known of the inspected process.
pub fn target_facts(process: &Process, stat: &Stat, arch: Arch) -> TargetFacts {
    let root = Root::of(process);
    let path = |path: Result<std::path::PathBuf, ProcError>| {
        path.ok().map(|path| Text::from_bytes(root.inside(path.as_os_str().as_bytes())))
    };
    let environment = strings(process, "environ").into_iter().filter_map(|pair| {
        let (name, value) = pair.raw().split_once('=')?;
        ENVIRONMENT.contains(&name).then(|| (name.into(), value.into()))
    });
    TargetFacts {
        process: process_facts(process, stat),
        arch,
        executable: path(process.exe()),
        directory: path(process.cwd()),
        stack_start: Some(Addr(stat.startstack)).filter(|addr| !addr.is_null()),
        environment: environment.collect(),
    }
}

/// The root directory of a process, as the kernel names it here. In a chroot or a container this
/// is not always `/`, and the kernel then puts it before every path of the process.
pub struct Root(Vec<u8>);

impl Root {
    /// The root of this process; `/` if it can not be asked for.
    pub fn of(process: &Process) -> Root {
        let root = process.root().map(|root| root.into_os_string().into_vec()).unwrap_or_default();
        Root(root.strip_suffix(b"/").map(<[u8]>::to_vec).unwrap_or(root))
    }

    /// A path as the process sees it.
    pub fn inside<'a>(&self, path: &'a [u8]) -> &'a [u8] {
        path.strip_prefix(self.0.as_slice()).filter(|rest| rest.starts_with(b"/")).unwrap_or(path)
    }
}

/// The process's descendants, each after its parent.
pub fn descendants(pid: i32) -> Vec<ProcessFacts> {
    // remoteprocess reads the whole process table for this; a parent may be listed after its
    // child.
    let listed = remoteprocess::Process { pid }.child_processes().unwrap_or_default();
    let mut pids: Vec<i32> = listed.into_iter().map(|(child, _)| child).collect();
    pids.sort_unstable();
    pids.dedup();
    pids.into_iter()
        .take(MAX_PROCESSES)
        .filter_map(|pid| {
            let process = Process::new(pid).ok()?;
            let stat = process.stat().ok()?;
            Some(process_facts(&process, &stat))
        })
        .collect()
}

/// The threads of a process and what they are doing, by their ids.
pub fn threads(process: &Process, waits: &Waits) -> Vec<ThreadFacts> {
    let Ok(tasks) = process.tasks() else { return Vec::new() };
    let mut threads: Vec<ThreadFacts> = tasks
        .filter_map(Result::ok)
        .take(MAX_THREADS)
        .filter_map(|task| thread_facts(&task, waits))
        .collect();
    threads.sort_by_key(|thread| thread.tid);
    threads
}

/// The most threads of one process that are looked at.
pub const MAX_THREADS: usize = 100_000;

/// What one thread is doing.
pub fn thread_facts(task: &Task, waits: &Waits) -> Option<ThreadFacts> {
    let stat = task.stat().ok()?;
    let name = comm(task.pid, task.tid).unwrap_or_else(|| stat.comm.as_str().into());
    let (wait, blocked_at) = match task.syscall() {
        Ok(Syscall::Blocked {
            syscall_number,
            argument_registers,
            stack_pointer,
            program_counter,
        }) => {
            // -1: blocked, but not in a system call (a page fault).
            let wait = match u64::try_from(syscall_number) {
                Ok(number) => Some(waits.resolve(task.tid, number, argument_registers)),
                Err(_) => waits.outside_calls(task.tid),
            };
            (wait, Some((Addr(program_counter), Addr(stack_pointer))))
        }
        Ok(_) | Err(_) => (waits.outside_calls(task.tid), None),
    };
    let wait = wait.filter(|_| stat.state != 'R');
    let inner_tid = waits.inner(task.tid);
    let (state, kernel) = (stat.state, is_kernel(&stat));
    Some(ThreadFacts { tid: task.tid, name, state, wait, blocked_at, inner_tid, kernel })
}

/// How often the thread has been given a processor: a number that moves when the thread does.
pub fn turns(pid: i32, tid: Tid) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/schedstat")).ok()?;
    text.split_ascii_whitespace().nth(2)?.parse().ok()
}

/// The name of any process, for a message.
pub fn name(pid: i32) -> String {
    comm(pid, pid).map_or_else(|| "a process".to_owned(), |name| name.raw().to_owned())
}

/// A thread's name, with all its bytes.
fn comm(pid: i32, tid: Tid) -> Option<Text> {
    let bytes = std::fs::read(format!("/proc/{pid}/task/{tid}/comm")).ok()?;
    Some(Text::from_bytes(bytes.strip_suffix(b"\n").unwrap_or(&bytes)))
}

/// Strings that end in zeros: a command line, an environment.
fn strings(process: &Process, file: &str) -> Vec<Text> {
    use std::io::Read as _;
    let Ok(opened) = process.open_relative(file) else { return Vec::new() };
    let mut bytes = Vec::new();
    if opened.take(MAX_STRINGS as u64).read_to_end(&mut bytes).is_err() {
        return Vec::new();
    }
    // A process may overwrite its arguments (setproctitle): the title is padded with zeros.
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if end == 0 {
        return Vec::new();
    }
    bytes[..end].split(|byte| *byte == 0).map(Text::from_bytes).collect()
}

/// When a process started, in seconds since 1970.
fn started(stat: &Stat) -> i64 {
    let boot = procfs::KernelStats::current().map_or(0, |stats| stats.btime);
    (boot + stat.starttime / sys::clock_ticks()).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shown_as_the_process_sees_them() {
        let chroot = Root(b"/srv/box".to_vec());
        assert_eq!(chroot.inside(b"/srv/box/bin/sh"), b"/bin/sh");
        assert_eq!(chroot.inside(b"/srv/boxer/sh"), b"/srv/boxer/sh");
        assert_eq!(chroot.inside(b"[stack]"), b"[stack]");
        assert_eq!(Root(Vec::new()).inside(b"/bin/sh"), b"/bin/sh");
    }
}
