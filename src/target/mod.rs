//! The world: the only layer with kernel calls. What it promises is plain data.
//!
//! Opening a target disturbs nothing; only a hold does, and dropping it, a panic and `kill -9`
//! all set the process free. Nothing here knows stacks, languages, sections or formats.

pub mod access;
pub mod cgroup;
pub mod environment;
pub mod files;
pub mod ids;
pub mod live;
pub mod memory;
pub mod search;
pub mod signals;
pub mod stderr;

use serde::{Deserialize, Serialize};

use crate::addr::Addr;
use crate::arch::{Arch, Registers};
use crate::report::Wait;
use crate::text::Text;

/// The most threads of one process that are looked at.
pub const MAX_THREADS: usize = 100_000;

/// The most descendants of a process that are looked at.
pub const MAX_PROCESSES: usize = 4096;

/// The most open files of a process that are kept.
pub const MAX_OPEN_FILES: usize = 1024;

/// The most bytes that are kept of the report that a process makes of itself: twelve times the
/// largest that was seen, the 2.6 MB of 3000 green threads.
pub const MAX_OWN_REPORT: usize = 32 << 20;

/// A thread's id, as the inspecting side counts.
pub type Tid = i32;

/// What is known of a process from `/proc` alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessFacts {
    /// Its id.
    pub pid: i32,
    /// Its parent's id.
    pub ppid: i32,
    /// Its name (`comm`).
    pub name: Text,
    /// The one-letter state of its first thread: `S`, `R`, `Z` …
    pub state: char,
    /// Its effective user.
    pub uid: u32,
    /// When it started, in seconds since 1970, if the kernel tells.
    pub started: Option<i64>,
    /// Its arguments. Not yet masked.
    pub command: Vec<Text>,
    /// Whether they, or the environment of an inspected process, were too long to be read whole.
    pub cut: bool,
}

/// What is known of the inspected process and of no other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetFacts {
    /// What is known of every process.
    pub process: ProcessFacts,
    /// Its parent, if that has the same name: of a worker the master, which tells more.
    #[serde(default)]
    pub parent: Option<ProcessFacts>,
    /// Its processor architecture.
    pub arch: Arch,
    /// Its executable, as it sees the path itself.
    pub executable: Option<Text>,
    /// Its working directory, as it sees the path itself.
    pub directory: Option<Text>,
    /// The stack pointer at its start: arguments and environment lie above it, the main thread's
    /// stack below.
    pub stack_start: Option<Addr>,
    /// The few environment variables that the analysis may know: see
    /// [`environment`]. Not yet masked.
    pub environment: Vec<(Text, Text)>,
    /// The files that it holds open for reading only.
    #[serde(default)]
    pub open_files: OpenFiles,
    /// The text of its `/proc/PID/cgroup`: see [`cgroup`].
    #[serde(default)]
    pub cgroup: Option<Text>,
    /// What is mounted where a container's engine mounts files of its own.
    #[serde(default)]
    pub mounts: Vec<Mount>,
}

impl TargetFacts {
    /// A variable of its environment, if it is one of those that are known.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let mut variables = self.environment.iter();
        variables.find(|(known, _)| known.raw() == name).map(|(_, value)| value.raw())
    }
}

/// Files that a process holds open for reading only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenFiles {
    /// Their paths, as the process sees them, sorted.
    pub paths: Vec<Text>,
    /// Whether there may be more than were looked at.
    pub more: bool,
}

/// A line of `/proc/PID/mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// What of the file system is mounted: a path in it.
    pub root: Text,
    /// Where, as the process sees the path.
    pub point: Text,
    /// The kind of file system: `overlay`.
    pub kind: Text,
}

/// What a thread was doing when it was looked at, before anything was stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThreadFacts {
    /// Its id.
    pub tid: Tid,
    /// Its name (`comm`).
    pub name: Text,
    /// Its one-letter state.
    pub state: char,
    /// What it waits in.
    pub wait: Option<Wait>,
    /// The id that the process itself uses for it, where that is another one (a container).
    pub inner_tid: Option<Tid>,
    /// Whether it belongs to the kernel (an io_uring worker) and has no stack of its own.
    pub kernel: bool,
}

impl ThreadFacts {
    /// The id that the process itself uses for it, and the one that the inspecting side uses.
    pub fn tids(&self) -> (Tid, Tid) {
        (self.inner_tid.unwrap_or(self.tid), self.tid)
    }
}

/// Whether what was recorded of a thread belongs to one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Consistency {
    /// It stood still.
    Stopped,
    /// It was not stopped, and did not move meanwhile.
    Unchanged,
    /// It was not stopped, and moved: its stack is a mixture.
    Torn,
}

/// A thread as it was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    /// What it was doing before the stop.
    pub facts: ThreadFacts,
    /// Its registers, if they could be had.
    pub registers: Option<Registers>,
    /// Whether they and its stack belong to one instant.
    pub seen: Consistency,
    /// Whether the recording of its stack was cut by the budget.
    pub cut: bool,
}

/// A line of `/proc/PID/maps`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// Its first address.
    pub start: Addr,
    /// The address after its last.
    pub end: Addr,
    /// Whether it may be read.
    pub readable: bool,
    /// Whether it may be written.
    pub writable: bool,
    /// Whether it may be executed.
    pub executable: bool,
    /// Where in the file it starts, in bytes.
    pub offset: u64,
    /// The file's device: major and minor number.
    pub device: (u32, u32),
    /// The file's inode number; 0 where there is no file.
    pub inode: u64,
    /// Its path, or a name in brackets such as `[stack]`; empty for anonymous memory.
    pub path: Text,
}

impl Mapping {
    /// Whether `addr` lies in it.
    pub fn contains(&self, addr: Addr) -> bool {
        self.start <= addr && addr < self.end
    }

    /// Whether a file is mapped.
    pub fn is_file(&self) -> bool {
        self.inode != 0
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.end.0.saturating_sub(self.start.0)
    }

    /// Whether it has no length.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The mapping that holds `addr`, in a list sorted by address.
pub fn mapping_at(mappings: &[Mapping], addr: Addr) -> Option<&Mapping> {
    let after = mappings.partition_point(|mapping| mapping.start <= addr);
    mappings.get(after.checked_sub(1)?).filter(|mapping| mapping.contains(addr))
}
