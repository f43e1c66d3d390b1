//! What a blocked thread waits for: the system call by name, and its first argument resolved.
//!
//! Everything is read from the running process, so everything may already be over: an argument
//! that can not be resolved is shown as it is.

use std::cell::OnceCell;
use std::collections::HashMap;

use rustix::time::{ClockId, clock_gettime};

use crate::addr::Addr;
use crate::arch::Arch;
use crate::report::Wait;
use crate::target::Tid;
use crate::target::ids::{ClaimedTid, ThreadIds};
use crate::target::live::descriptor::Descriptors;
use crate::target::live::futex;
use crate::target::live::memory::LiveMemory;
use crate::target::live::proc::{ProcDir, ROOM};
use crate::target::live::tasks::Tasks;
use crate::target::memory::MemoryExt as _;

/// The most descriptors of one `poll` that are named.
const MAX_POLLED: u64 = 8;

/// System calls whose first argument is a file descriptor.
const TAKES_DESCRIPTOR: &[&str] = &[
    "accept",
    "accept4",
    "close",
    "connect",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "fallocate",
    "fcntl",
    "fdatasync",
    "flock",
    "fsync",
    "ftruncate",
    "getdents64",
    "io_uring_enter",
    "ioctl",
    "mq_timedreceive",
    "mq_timedsend",
    "pread64",
    "preadv",
    "preadv2",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "read",
    "readv",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "sendfile",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "splice",
    "sync_file_range",
    "syncfs",
    "tee",
    "vmsplice",
    "write",
    "writev",
];

/// Resolves system calls of one process.
pub struct Waits<'t> {
    arch: Arch,
    tasks: &'t Tasks,
    memory: LiveMemory,
    descriptors: Descriptors,
    /// Its threads by the ids that the process itself uses, if these are others.
    outer: Option<ThreadIds>,
    /// The other way round.
    inner: HashMap<Tid, Tid>,
    tids: OnceCell<ThreadIds>,
    /// Whether what is waited for is looked up.
    resolves: bool,
}

impl<'t> Waits<'t> {
    /// For a process whose threads call themselves by these ids: the first of each pair, where
    /// the second is the id used here. Empty where the two are the same.
    pub fn new(pid: i32, arch: Arch, tasks: &'t Tasks, inner_tids: &[(Tid, Tid)]) -> Waits<'t> {
        Waits {
            arch,
            tasks,
            memory: LiveMemory::new(pid),
            descriptors: Descriptors::new(pid),
            outer: (!inner_tids.is_empty()).then(|| inner_tids.iter().copied().collect()),
            inner: inner_tids.iter().map(|(inner, outer)| (*outer, *inner)).collect(),
            tids: OnceCell::new(),
            resolves: true,
        }
    }

    /// The same, which tells names of system calls only and looks at nothing of the process.
    pub fn unresolved(self) -> Waits<'t> {
        Waits { resolves: false, ..self }
    }

    /// A thread in a system call.
    pub fn resolve(&self, tid: Tid, number: u64, arguments: [u64; 6]) -> Wait {
        let Some(name) = self.arch.syscall_name(number) else {
            return Wait { call: Some(format!("system call {number}")), ..self.bare(tid) };
        };
        let bare = self.bare(tid);
        let name = match name {
            "restart_syscall" => restarted(bare.wchan.as_deref()).unwrap_or(name),
            _ => name,
        };
        let mut wait = Wait { call: Some(name.to_owned()), ..bare };
        match name {
            _ if !self.resolves => {}
            "futex" => self.futex(tid, arguments, &mut wait),
            "poll" | "ppoll" => wait.argument = self.polled(arguments[0], arguments[1]),
            "wait4" => wait.argument = Some(self.awaited(arguments[0] as i32).into()),
            "waitid" => wait.argument = Some(self.waitid(arguments[0], arguments[1]).into()),
            "nanosleep" => wait.argument = self.duration(arguments[0]),
            "clock_nanosleep" => wait.argument = self.until(arguments),
            name if TAKES_DESCRIPTOR.contains(&name) => {
                let fd = i32::try_from(arguments[0] & 0xffff_ffff).ok();
                wait.argument = fd.map(|fd| match name.starts_with("epoll_") {
                    true => self.descriptors.describe_with_watched(fd),
                    false => self.descriptors.describe(fd),
                });
            }
            _ => {}
        }
        wait
    }

    /// A thread that is in no system call, or may not be asked.
    pub fn outside_calls(&self, tid: Tid) -> Option<Wait> {
        Some(self.bare(tid)).filter(|wait| wait.wchan.is_some())
    }

    fn bare(&self, tid: Tid) -> Wait {
        let mut buffer = [0; ROOM];
        let wchan = self.tasks.read(tid, "wchan", &mut buffer);
        let wchan = wchan.and_then(|name| std::str::from_utf8(name).ok());
        let wchan = wchan.filter(|name| *name != "0" && !name.is_empty()).map(str::to_owned);
        Wait { wchan, ..Wait::default() }
    }

    /// `futex(uaddr, op, val, …)`.
    fn futex(&self, tid: Tid, arguments: [u64; 6], wait: &mut Wait) {
        /// `FUTEX_CMD_MASK` and the commands of the kernel's `include/uapi/linux/futex.h`.
        const COMMAND: u64 = 0x7f;
        const PRIVATE: u64 = 0x80;
        const WAIT: u64 = 0;
        const LOCK_PI: u64 = 6;
        const WAIT_BITSET: u64 = 9;
        const LOCK_PI2: u64 = 13;

        let [address, operation, value, ..] = arguments;
        let at = Addr(address);
        wait.futex = Some(at);
        match operation & COMMAND {
            WAIT | WAIT_BITSET => {
                // The kernel wakes who waits for the end of a thread as it does between processes.
                let shared = operation & PRIVATE == 0;
                let joined = self.joined(at, value).filter(|joined| shared && *joined != tid);
                if let Some(joined) = joined {
                    wait.argument = Some(format!("{at}: the end of thread {joined}").into());
                    return;
                }
                wait.owner =
                    futex::mutex_owner(&self.memory, at, value).and_then(|inner| self.outer(inner));
            }
            LOCK_PI | LOCK_PI2 => {
                /// `FUTEX_TID_MASK`.
                const TID: u32 = 0x3fff_ffff;
                let word = self.memory.u32(at).unwrap_or(0) & TID;
                wait.owner = self.outer(ClaimedTid::new(word));
            }
            _ => {}
        }
        wait.argument = Some(at.to_string().into());
    }

    /// The thread for whose end is waited at `at`.
    fn joined(&self, at: Addr, value: u64) -> Option<Tid> {
        futex::joined(&self.memory, self.arch, at, value).and_then(|inner| self.outer(inner))
    }

    /// The id that the process uses for the thread `tid`, where that is another one.
    pub fn inner(&self, tid: Tid) -> Option<Tid> {
        self.inner.get(&tid).copied()
    }

    /// The thread that memory names, if it is one of the process's.
    fn outer(&self, claimed: ClaimedTid) -> Option<Tid> {
        let listed = || self.tasks.list().into_iter().map(|tid| (tid, tid)).collect();
        let known = self.outer.as_ref().unwrap_or_else(|| self.tids.get_or_init(listed));
        known.of(claimed)
    }

    fn polled(&self, array: u64, count: u64) -> Option<crate::text::Text> {
        /// `sizeof(struct pollfd)`.
        const ENTRY: u64 = 8;
        let named: Option<Vec<String>> = (0..count.min(MAX_POLLED))
            .map(|index| {
                let fd = self.memory.i32(Addr(array).wrapping_add(index * ENTRY)).ok()?;
                Some(self.descriptors.describe(fd).raw().to_owned())
            })
            .collect();
        let mut text = named?.join(", ");
        if count > MAX_POLLED {
            text.push_str(&format!(", and {} more", count - MAX_POLLED));
        }
        Some(text.into()).filter(|_| count > 0)
    }

    fn awaited(&self, pid: i32) -> String {
        match pid {
            -1 => "any child".to_owned(),
            0 => "any child of its process group".to_owned(),
            pid if pid < 0 => self.group(pid.unsigned_abs()),
            pid => self.child(pid),
        }
    }

    fn waitid(&self, kind: u64, id: u64) -> String {
        // `idtype_t` of the kernel's `include/uapi/linux/wait.h`; an id has 32 bits.
        let id = (id & 0xffff_ffff) as u32;
        match kind & 0xffff_ffff {
            0 => "any child".to_owned(),
            1 => self.child(id.cast_signed()),
            2 if id == 0 => "any child of its process group".to_owned(),
            2 => self.group(id),
            3 => format!("the child of fd {id}"),
            kind => format!("a child (kind {kind}, id {id})"),
        }
    }

    /// A process group, by the number that the process uses.
    fn group(&self, group: u32) -> String {
        let own = if self.outer.is_none() { "" } else { " (its own number)" };
        format!("any child of process group {group}{own}")
    }

    /// A child, by the number that the process uses.
    fn child(&self, inner: i32) -> String {
        if self.outer.is_none() {
            return format!("child {inner}");
        }
        match self.outer_child(inner) {
            Some(outer) => format!("child {outer}"),
            None => format!("child {inner} (its own number)"),
        }
    }

    /// The id used here of a child that the process knows by `inner`: of a process's ids, one for
    /// each namespace down to its own, a child has at least as many as its parent.
    fn outer_child(&self, inner: i32) -> Option<i32> {
        let ids = |pid| Some(ProcDir::open(pid).ok()?.status()?.namespace_ids());
        let mut tids = self.inner.keys();
        let depth = self.tasks.status(*tids.clone().next()?)?.namespace_ids().len();
        let depth = depth.checked_sub(1)?;
        tids.find_map(|tid| {
            let mut buffer = [0; ROOM];
            // A list that is longer than the buffer is cut, and its last number may be another.
            let listed =
                self.tasks.read(*tid, "children", &mut buffer).filter(|l| l.len() < ROOM)?;
            let listed = std::str::from_utf8(listed).ok()?;
            let mut children = listed.split_ascii_whitespace().filter_map(|pid| pid.parse().ok());
            children
                .find(|child| ids(*child).and_then(|ids| ids.get(depth).copied()) == Some(inner))
        })
    }

    /// A `struct timespec`, in milliseconds.
    fn milliseconds(&self, at: u64) -> Option<i64> {
        let seconds = self.memory.i64(Addr(at)).ok()?;
        let nanoseconds = self.memory.i64(Addr(at).wrapping_add(8)).ok()?;
        seconds.checked_mul(1000)?.checked_add(nanoseconds.clamp(0, 999_999_999) / 1_000_000)
    }

    fn duration(&self, at: u64) -> Option<crate::text::Text> {
        Some(seconds(self.milliseconds(at)?).into())
    }

    /// `clock_nanosleep(clock, flags, time, …)`: for a while, or until a clock shows a time. Python's
    /// `time.sleep` is of the second kind.
    fn until(&self, [clock, flags, time, ..]: [u64; 6]) -> Option<crate::text::Text> {
        /// Of the kernel's `include/uapi/linux/time.h`.
        const TIMER_ABSTIME: u64 = 1;
        if flags & TIMER_ABSTIME == 0 {
            return self.duration(time);
        }
        let until = self.milliseconds(time)?;
        Some(
            ahead(clock, until)
                .unwrap_or_else(|| format!("until {} of its clock", seconds(until)))
                .into(),
        )
    }
}

/// How far ahead a time of a clock is. Nothing for a clock that is not the same here, and for a time
/// that is over: the process may have clocks of its own (time_namespaces(7)).
fn ahead(clock: u64, until: i64) -> Option<String> {
    // `clockid_t` of the kernel's `include/uapi/linux/time.h`.
    let clock = match clock {
        0 => ClockId::Realtime,
        1 => ClockId::Monotonic,
        7 => ClockId::Boottime,
        _ => return None,
    };
    let now = clock_gettime(clock);
    let now = now.tv_sec.checked_mul(1000)?.checked_add(now.tv_nsec / 1_000_000)?;
    let left = until.checked_sub(now).filter(|left| *left >= 0)?;
    Some(format!("another {}", seconds(left)))
}

/// `1.500 s`
fn seconds(milliseconds: i64) -> String {
    format!("{}.{:03} s", milliseconds / 1000, milliseconds.rem_euclid(1000))
}
/// The call that goes on as `restart_syscall`, by where its thread sleeps. A wait with a timeout
/// does so after any stop, ours too; its arguments are still in their registers.
fn restarted(wchan: Option<&str>) -> Option<&'static str> {
    match wchan? {
        wchan if wchan.starts_with("futex_") => Some("futex"),
        "poll_schedule_timeout" | "do_sys_poll" => Some("poll"),
        _ => None,
    }
}
