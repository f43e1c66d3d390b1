//! What `/proc` tells of a process and its threads, read before anything is stopped: a stop
//! destroys state, wait channel and system call.

use procfs::CurrentSI as _;
use procfs::process::Syscall;

use crate::addr::Addr;
use crate::arch::Arch;
use crate::part::{Kind, Parts};
use crate::target::live::proc::{ProcDir, ROOM, Stat, table};
use crate::target::live::tasks::Tasks;
use crate::target::live::wait::Waits;
use crate::target::live::{mounts, opened, sys};
use crate::target::{ProcessFacts, TargetFacts, ThreadFacts, Tid, environment};
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
pub fn process_facts(process: &ProcDir, stat: &Stat, parts: &Parts) -> Option<ProcessFacts> {
    let (command, cut) = strings_if_wanted(process, stat, "cmdline", parts);
    Some(ProcessFacts {
        pid: stat.pid,
        ppid: stat.ppid,
        name: stat.comm.clone(),
        state: stat.state,
        uid: process.status()?.users()?.effective,
        started: started(stat),
        command,
        cut,
    })
}

/// What is known of the inspected process; `None` if it is gone.
pub fn target_facts(
    process: &ProcDir,
    stat: &Stat,
    arch: Arch,
    parts: &Parts,
) -> Option<TargetFacts> {
    let root = Root::of(process);
    let path = |name| Some(Text::from_bytes(root.inside(&process.link(name).ok()?)));
    let mut facts = process_facts(process, stat, parts)?;
    let (environment, cut) = strings_if_wanted(process, stat, "environ", parts);
    facts.cut |= cut;
    let environment = environment.into_iter().filter_map(|pair| {
        let (name, value) = pair.raw().split_once('=')?;
        environment::may_be_kept(name, value).then(|| (name.into(), value.into()))
    });
    let open_files = opened::open_files(process, &root);
    let parent = parent(&facts, parts);
    Some(TargetFacts {
        process: facts,
        parent,
        arch,
        executable: path("exe"),
        directory: path("cwd"),
        stack_start: Some(Addr(stat.startstack)).filter(|addr| !addr.is_null()),
        environment: environment.collect(),
        open_files,
        cgroup: process.bytes("cgroup", MAX_CGROUP).map(|bytes| Text::from_bytes(&bytes)),
        mounts: process
            .bytes("mountinfo", MAX_MOUNTINFO)
            .map_or_else(Vec::new, |bytes| mounts::parse(&bytes)),
    })
}

/// The parent of a process, if it has the same name. What is known of others nobody needs.
fn parent(facts: &ProcessFacts, parts: &Parts) -> Option<ProcessFacts> {
    let process = ProcDir::open(facts.ppid).ok()?;
    let parent = process_facts(&process, &process.stat()?, parts)?;
    (parent.name == facts.name).then_some(parent)
}

/// The root directory of a process, as the kernel names it here. In a chroot or a container this
/// is not always `/`, and the kernel then puts it before every path of the process.
pub struct Root(Vec<u8>);

impl Root {
    /// The root of this process; `/` if it can not be asked for.
    pub fn of(process: &ProcDir) -> Root {
        let root = process.link("root").unwrap_or_default();
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

/// The strings of a process, if they are wanted: the kernel reads them from its memory, which may never
/// answer.
fn strings_if_wanted(
    process: &ProcDir,
    stat: &Stat,
    file: &str,
    parts: &Parts,
) -> (Vec<Text>, bool) {
    match parts.begin(Kind::Strings, &format!("process {}", stat.pid)) {
        Some(_part) => strings(process, file),
        None => (Vec::new(), false),
    }
}

/// The process's descendants, by their ids.
pub fn descendants(pid: i32, parts: &Parts) -> Vec<ProcessFacts> {
    let found = table::descendants(pid).into_iter();
    found.filter_map(|(process, stat)| process_facts(&process, &stat, parts)).collect()
}

/// What one thread is doing.
pub fn thread_facts(tasks: &Tasks, tid: Tid, waits: &Waits<'_>) -> Option<ThreadFacts> {
    let mut buffer = [0; ROOM];
    let bytes = tasks.read(tid, "stat", &mut buffer)?;
    let stat = Stat::parse(bytes)?;
    let wait = match tasks.call(tid) {
        Some(Syscall::Blocked { syscall_number, argument_registers, .. }) => {
            // -1: blocked, but not in a system call (a page fault).
            match u64::try_from(syscall_number) {
                Ok(number) => Some(waits.resolve(tid, number, argument_registers)),
                Err(_) => waits.outside_calls(tid),
            }
        }
        Some(_) | None => waits.outside_calls(tid),
    };
    let wait = wait.filter(|_| stat.state != 'R');
    let inner_tid = waits.inner(tid);
    let (state, kernel) = (stat.state, is_kernel(&stat));
    Some(ThreadFacts { tid, name: stat.comm, state, wait, inner_tid, kernel })
}

/// The name of any process, for a message.
pub fn name(pid: i32) -> String {
    let stat = ProcDir::open(pid).ok().and_then(|process| process.stat());
    stat.map_or_else(|| "a process".to_owned(), |stat| stat.comm.raw().to_owned())
}

/// The process of a thread: as a tracer the kernel tells that one.
pub fn process_of(tid: i32) -> i32 {
    let status = ProcDir::open(tid).ok().and_then(|thread| thread.status());
    status.and_then(|status| status.tgid()).unwrap_or(tid)
}

/// `gdb (pid 99)`; of a thread, its process.
pub fn who(tid: i32) -> String {
    let pid = process_of(tid);
    format!("{} (pid {pid})", name(pid).escape_debug())
}

/// Strings that end in zeros: a command line, an environment. And whether there are more of them.
fn strings(process: &ProcDir, file: &str) -> (Vec<Text>, bool) {
    let Some(mut bytes) = process.bytes(file, MAX_STRINGS) else { return (Vec::new(), false) };
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
pub fn variable(process: &ProcDir, name: &str) -> Option<Text> {
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
