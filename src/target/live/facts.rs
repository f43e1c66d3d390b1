//! What `/proc` tells of a process and its threads, read before anything is stopped: a stop
//! destroys state, wait channel and system call.

use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use procfs::process::{Process, Stat, Syscall};
use procfs::{CurrentSI as _, FromRead as _, ProcError};

use crate::addr::Addr;
use crate::arch::Arch;
use crate::part::{Kind, Parts};
use crate::target::live::tasks::{ROOM, Tasks};
use crate::target::live::wait::Waits;
use crate::target::live::{mounts, opened, sys};
use crate::target::{MAX_PROCESSES, ProcessFacts, TargetFacts, ThreadFacts, Tid, environment};
use crate::text::Text;

/// The most bytes of a command line or environment that are looked at.
const MAX_STRINGS: usize = 1 << 20;

/// The most bytes of the list of control groups that are looked at: a line has at most 4 KiB, and
/// there are about fifteen.
const MAX_CGROUP: usize = 64 << 10;

/// The most bytes of the list of mounts that are looked at. A container has few; a host of
/// containers may have more than this, and is none itself.
const MAX_MOUNTINFO: usize = 1 << 20;

/// `PF_KTHREAD` and `PF_IO_WORKER` of the kernel's `include/linux/sched.h`.
const KERNEL_FLAGS: u32 = 0x0020_0000 | 0x10;

/// Whether a thread is the kernel's own: a kernel thread, or an io_uring worker.
pub fn is_kernel(stat: &Stat) -> bool {
    stat.flags & KERNEL_FLAGS != 0
}

/// What is known of any process; `None` if it is gone.
pub fn process_facts(process: &Process, stat: &Stat, parts: &Parts) -> Option<ProcessFacts> {
    let (command, cut) = match parts.begin(Kind::Strings, &format!("process {}", stat.pid)) {
        Some(_part) => strings(process, "cmdline"),
        None => (Vec::new(), false),
    };
    Some(ProcessFacts {
        pid: stat.pid,
        ppid: stat.ppid,
        name: comm(stat.pid).unwrap_or_else(|| stat.comm.as_str().into()),
        state: stat.state,
        uid: process.status().ok()?.euid,
        started: started(stat),
        command,
        cut,
    })
}

/// What is known of the inspected process; `None` if it is gone.
pub fn target_facts(
    process: &Process,
    stat: &Stat,
    arch: Arch,
    parts: &Parts,
) -> Option<TargetFacts> {
    let root = Root::of(process);
    let path = |path: Result<std::path::PathBuf, ProcError>| {
        path.ok().map(|path| Text::from_bytes(root.inside(path.as_os_str().as_bytes())))
    };
    let mut facts = process_facts(process, stat, parts)?;
    let (environment, cut) = match parts.begin(Kind::Strings, &format!("process {}", stat.pid)) {
        Some(_part) => strings(process, "environ"),
        None => (Vec::new(), false),
    };
    facts.cut |= cut;
    let environment = environment.into_iter().filter_map(|pair| {
        let (name, value) = pair.raw().split_once('=')?;
        environment::may_be_kept(name, value).then(|| (name.into(), value.into()))
    });
    let open_files = opened::open_files(process.pid, &root);
    let parent = parent(&facts, parts);
    Some(TargetFacts {
        process: facts,
        parent,
        arch,
        executable: path(process.exe()),
        directory: path(process.cwd()),
        stack_start: Some(Addr(stat.startstack)).filter(|addr| !addr.is_null()),
        environment: environment.collect(),
        open_files,
        cgroup: text(process, "cgroup", MAX_CGROUP).map(|bytes| Text::from_bytes(&bytes)),
        mounts: text(process, "mountinfo", MAX_MOUNTINFO)
            .map_or_else(Vec::new, |bytes| mounts::parse(&bytes)),
    })
}

/// The parent of a process, if it has the same name. What is known of others nobody needs.
fn parent(facts: &ProcessFacts, parts: &Parts) -> Option<ProcessFacts> {
    let process = Process::new(facts.ppid).ok()?;
    let parent = process_facts(&process, &process.stat().ok()?, parts)?;
    (parent.name == facts.name).then_some(parent)
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
        match path.strip_prefix(self.0.as_slice()) {
            Some(b"") if !self.0.is_empty() => b"/",
            Some(rest) if rest.starts_with(b"/") => rest,
            _ => path,
        }
    }
}

/// The process's descendants, each after its parent.
pub fn descendants(pid: i32, parts: &Parts) -> Vec<ProcessFacts> {
    let facts = |pid| {
        let process = Process::new(pid).ok()?;
        let stat = process.stat().ok()?;
        process_facts(&process, &stat, parts)
    };
    descendant_pids(pid).into_iter().filter_map(facts).collect()
}

/// The ids of a process's descendants.
pub fn descendant_pids(pid: i32) -> Vec<i32> {
    // remoteprocess reads the whole process table for this; a parent may be listed after its
    // child.
    let listed = remoteprocess::Process { pid }.child_processes().unwrap_or_default();
    let mut pids: Vec<i32> = listed.into_iter().map(|(child, _)| child).collect();
    pids.sort_unstable();
    pids.dedup();
    pids.truncate(MAX_PROCESSES);
    pids
}

/// What one thread is doing.
pub fn thread_facts(tasks: &Tasks, tid: Tid, waits: &Waits<'_>) -> Option<ThreadFacts> {
    let mut buffer = [0; ROOM];
    let bytes = tasks.read(tid, "stat", &mut buffer)?;
    let stat = Stat::from_read(bytes).ok()?;
    // The general parser takes the name for UTF-8.
    let name = thread_name(bytes).unwrap_or_else(|| stat.comm.as_str().into());
    let call = tasks.read(tid, "syscall", &mut buffer);
    let (wait, blocked_at) = match call.and_then(|bytes| Syscall::from_read(bytes).ok()) {
        Some(Syscall::Blocked {
            syscall_number,
            argument_registers,
            stack_pointer,
            program_counter,
        }) => {
            // -1: blocked, but not in a system call (a page fault).
            let wait = match u64::try_from(syscall_number) {
                Ok(number) => Some(waits.resolve(tid, number, argument_registers)),
                Err(_) => waits.outside_calls(tid),
            };
            (wait, Some((Addr(program_counter), Addr(stack_pointer))))
        }
        Some(_) | None => (waits.outside_calls(tid), None),
    };
    let wait = wait.filter(|_| stat.state != 'R');
    let inner_tid = waits.inner(tid);
    let (state, kernel) = (stat.state, is_kernel(&stat));
    Some(ThreadFacts { tid, name, state, wait, blocked_at, inner_tid, kernel })
}

/// The name in a `stat` file, with all its bytes: it lies between the first parenthesis and the
/// last, and may have some itself.
fn thread_name(stat: &[u8]) -> Option<Text> {
    let start = stat.iter().position(|byte| *byte == b'(')? + 1;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(start..end).map(Text::from_bytes)
}

/// The name of any process, for a message.
pub fn name(pid: i32) -> String {
    comm(pid).map_or_else(|| "a process".to_owned(), |name| name.raw().to_owned())
}

/// `gdb (pid 99)`.
pub fn who(pid: i32) -> String {
    format!("{} (pid {pid})", name(pid).escape_debug())
}

/// A process's name, with all its bytes.
fn comm(pid: i32) -> Option<Text> {
    let bytes = std::fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(Text::from_bytes(bytes.strip_suffix(b"\n").unwrap_or(&bytes)))
}

/// The first bytes of a file of the process's in `/proc`, and one more if there are more.
fn text(process: &Process, file: &str, limit: usize) -> Option<Vec<u8>> {
    use std::io::Read as _;
    // Without room it would be read 32 bytes at a time in the beginning.
    let mut bytes = Vec::with_capacity(ROOM);
    let opened = process.open_relative(file).ok()?;
    opened.take(limit as u64 + 1).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Strings that end in zeros: a command line, an environment. And whether there are more of them.
fn strings(process: &Process, file: &str) -> (Vec<Text>, bool) {
    let Some(mut bytes) = text(process, file, MAX_STRINGS) else { return (Vec::new(), false) };
    let cut = bytes.len() > MAX_STRINGS;
    bytes.truncate(MAX_STRINGS);
    // A process may overwrite its arguments (setproctitle): the title is padded with zeros.
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if end == 0 {
        return (Vec::new(), cut);
    }
    (bytes[..end].split(|byte| *byte == 0).map(Text::from_bytes).collect(), cut)
}

/// A variable of the environment that a process was started with. Not masked, and kept nowhere.
pub fn variable(process: &Process, name: &str) -> Option<Text> {
    let (environment, _) = strings(process, "environ");
    environment.iter().find_map(|pair| {
        let (known, value) = pair.raw().split_once('=')?;
        (known == name).then(|| value.into())
    })
}

/// When a process started, in seconds since 1970; `None` if the kernel does not tell when it
/// started itself.
fn started(stat: &Stat) -> Option<i64> {
    let boot = procfs::KernelStats::current().ok()?.btime;
    let since = stat.starttime.checked_div(sys::clock_ticks())?;
    i64::try_from(boot.checked_add(since)?).ok().filter(|_| boot > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_may_have_parentheses_and_any_bytes_in_its_name() {
        let name = thread_name(b"7 (a) S (\xff\n) S 1 7");
        assert_eq!(name, Some("a) S (\\xff\n".into()));
        assert_eq!(thread_name(b"7 )("), None);
    }

    #[test]
    fn paths_are_shown_as_the_process_sees_them() {
        let chroot = Root(b"/srv/box".to_vec());
        assert_eq!(chroot.inside(b"/srv/box/bin/sh"), b"/bin/sh");
        assert_eq!(chroot.inside(b"/srv/boxer/sh"), b"/srv/boxer/sh");
        assert_eq!(chroot.inside(b"/srv/box"), b"/");
        assert_eq!(chroot.inside(b"[stack]"), b"[stack]");
        assert_eq!(Root(Vec::new()).inside(b""), b"");
        assert_eq!(Root(Vec::new()).inside(b"/bin/sh"), b"/bin/sh");
    }
}
