//! The living process.

pub mod access;
pub mod bpf;
pub mod deputy;
pub mod descriptor;
pub mod directory;
pub mod dump_dir;
pub mod facts;
pub mod fds;
pub mod futex;
pub mod handle;
pub mod held;
pub mod looks;
pub mod maps;
pub mod memory;
pub mod mounts;
pub mod open;
pub mod opened;
pub mod pace;
pub mod pagemap;
pub mod proc;
pub mod readers;
pub mod refusal;
pub mod restart;
pub mod seize;
pub mod served;
pub mod signals;
pub mod sleepers;
pub mod stderr;
pub mod stop;
pub mod sys;
pub mod tail;
pub mod tap;
pub mod tasks;
pub mod touch;
pub mod turn;
pub mod unwritable;
pub mod urgent;
pub mod wait;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::arch::Arch;
use crate::error::{Change, Error};
use crate::note::Note;
use crate::part::{Kind, Parts};
use crate::target::live::deputy::Deputy;
use crate::target::live::fds::Fds;
use crate::target::live::memory::LiveMemory;
use crate::target::live::pagemap::Pagemap;
use crate::target::live::proc::{ProcDir, Stat};
use crate::target::live::tasks::Tasks;
use crate::target::live::wait::Waits;
use crate::target::{Mapping, TargetFacts, ThreadFacts, Tid};

/// How long the list of a process's mappings is expected to be, in bytes: that of nova has 50,000.
const EXPECTED_MAPS: usize = 64 << 10;

/// The most bytes of that list that are looked at: as many mappings as the kernel allows by default
/// have room for paths of 500 bytes each.
const MAX_MAPS: u64 = 32 << 20;

/// How often a process is looked for that is there, and how long is waited after each time.
const MAX_LOOKS: usize = 10;
const MOMENT: Duration = Duration::from_millis(1);

/// A process that was found fit to be inspected.
pub struct LiveProcess {
    /// Its id. Always that of a process: a thread's id leads to its process.
    pub pid: i32,
    /// Its threads.
    pub tasks: Tasks,
    /// The id to ask for memory and files: its own, or, if its first thread has ended and given up
    /// both, that of another thread. The kernel takes one like the other.
    pub living: i32,
    process: ProcDir,
    /// The directory of the thread `living`.
    alive: ProcDir,
    started: u64,
    image: (u64, u64),
    deputy: OnceLock<Arc<Deputy>>,
}

impl LiveProcess {
    /// Finds the process, and whether it can be inspected at all. The second value is set if
    /// `id` is that of a thread.
    pub fn open(id: i32) -> Result<(LiveProcess, bool), Error> {
        // While a thread executes a program, the process has no first thread for a moment.
        for _ in 1..MAX_LOOKS {
            match LiveProcess::find(id) {
                Err(Error::NoProcess(_)) if ProcDir::open(id).is_ok() => std::thread::sleep(MOMENT),
                found => return found,
            }
        }
        LiveProcess::find(id)
    }

    fn find(id: i32) -> Result<(LiveProcess, bool), Error> {
        refusal::of_ids(id)?;
        let no_process = || Error::NoProcess(id);
        let found = ProcDir::open(id).map_err(|_| no_process())?;
        let pid = found.status().and_then(|status| status.tgid()).ok_or_else(no_process)?;
        if pid == std::process::id().cast_signed() {
            return Err(Error::Itself);
        }
        let process = ProcDir::open(pid).map_err(|_| no_process())?;
        let tasks = Tasks::of(pid, &process).ok_or_else(no_process)?;
        let stat = process.stat().ok_or_else(no_process)?;
        // A thread may have ended meanwhile, and its process, and the id be another's.
        if !tasks.has(id) {
            return Err(no_process());
        }
        let name = || stat.comm.raw().escape_debug().to_string();
        if facts::is_kernel(&stat) {
            return Err(Error::KernelThread { pid, name: name() });
        }
        // A zombie with live threads is a process whose first thread has ended: it goes on.
        if stat.has_ended() && stat.num_threads <= 1 {
            return Err(Error::Zombie { pid, name: name(), parent: stat.ppid });
        }
        let (started, image) = (stat.starttime, image(&stat));
        let living = match stat.has_ended() {
            true => tasks.list().into_iter().find(|tid| *tid != pid).ok_or_else(no_process)?,
            false => pid,
        };
        let alive = tasks.directory(living).map_err(|_| no_process())?;
        let deputy = OnceLock::new();
        let process = LiveProcess { pid, tasks, living, process, alive, started, image, deputy };
        Ok((process, id != pid))
    }

    /// Who opens files in its name.
    pub fn deputy(&self) -> &Arc<Deputy> {
        self.deputy.get_or_init(|| Deputy::of_target(self.living))
    }

    /// Which of its pages are in memory.
    pub fn pagemap(&self) -> Option<Pagemap> {
        Pagemap::of(&self.alive)
    }

    /// Its `/proc/PID/stat`.
    pub fn stat(&self) -> Result<Stat, Error> {
        self.process.stat().ok_or(Error::Changed { pid: self.pid, what: Change::Exited })
    }

    /// What is known of it.
    pub fn facts(&self, parts: &Parts) -> Result<TargetFacts, Error> {
        facts::target_facts(&self.alive, &self.stat()?, sys::HOST, parts)
            .ok_or(Error::Changed { pid: self.pid, what: Change::Exited })
    }

    /// Its mappings, by address. The kernel asks for the right to trace; without it, the answer
    /// is the true reason for the refusal.
    pub fn mappings(&self, notes: &mut Vec<Note>) -> Result<Vec<Mapping>, Error> {
        use std::io::{ErrorKind, Read as _};
        let mut text = Vec::with_capacity(EXPECTED_MAPS);
        let opened = self.alive.file("maps").map_err(std::io::Error::from);
        let read = opened.and_then(|maps| maps.take(MAX_MAPS + 1).read_to_end(&mut text));
        match read {
            Ok(read) => {
                if read as u64 > MAX_MAPS {
                    let why =
                        format!("only the first {} MiB of their list are read", MAX_MAPS >> 20);
                    notes.push(Note::missing("mappings", why));
                    // The last line is a part of one.
                    text.truncate(text.iter().rposition(|byte| *byte == b'\n').unwrap_or(0));
                }
                let root = facts::Root::of(&self.alive);
                Ok(maps::parse(&text, &|path| root.inside(path)))
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                Err(refusal::reason(self.pid))
            }
            Err(_) => Err(Error::Changed { pid: self.pid, what: Change::Exited }),
        }
    }

    /// Whether its memory may be read. The kernel asks for more than for its mappings: Yama lets
    /// these be read where it refuses the memory.
    ///
    /// # Errors
    /// It may not, and the true reason.
    pub fn check_memory(&self) -> Result<(), Error> {
        match LiveMemory::new(self.living).is_refused() {
            true => Err(refusal::reason_of_read(self.pid)),
            false => Ok(()),
        }
    }

    /// Its threads and what they are doing, by their ids.
    pub fn threads(&self, parts: &Parts) -> Vec<ThreadFacts> {
        let resolving = parts.begin(Kind::Waits, "");
        let waits = if resolving.is_some() { self.waits() } else { self.waits().unresolved() };
        let tids = self.tasks.list().into_iter();
        tids.filter_map(|tid| facts::thread_facts(&self.tasks, tid, &waits)).collect()
    }

    /// Resolves what its threads wait in.
    pub fn waits(&self) -> Waits<'_> {
        Waits::new(self.living, sys::HOST, &self.tasks, &self.inner_tids())
    }

    /// The id that it sees itself, in its own pid namespace.
    pub fn inner_pid(&self) -> Option<i32> {
        let ids = self.process.status()?.namespace_ids();
        Some(ids.last().copied().unwrap_or(self.pid))
    }

    /// The ids that the process itself uses for its threads, each with the id used here; empty
    /// where they are the same, as they are outside of containers.
    fn inner_tids(&self) -> Vec<(Tid, Tid)> {
        let inner = |tid: Tid| self.tasks.status(tid)?.inner_id();
        if inner(self.pid).is_none() {
            return Vec::new();
        }
        self.tasks.list().into_iter().filter_map(|tid| Some((inner(tid)?, tid))).collect()
    }

    /// What a single thread is doing, if it still is.
    pub fn thread(&self, tid: Tid, waits: &Waits<'_>) -> Option<ThreadFacts> {
        facts::thread_facts(&self.tasks, tid, waits)
    }

    /// Whether it is still the process that was opened, running the same program.
    pub fn check_unchanged(&self) -> Result<(), Error> {
        let changed = |what| Error::Changed { pid: self.pid, what };
        let stat = self.process.stat().ok_or(changed(Change::Exited))?;
        if stat.starttime != self.started {
            return Err(changed(Change::Exited));
        }
        if stat.has_ended() || stat.is_ending() {
            // The first thread has ended; others may go on.
            return if stat.num_threads <= 1 { Err(changed(Change::Exited)) } else { Ok(()) };
        }
        if image(&stat) != self.image {
            return Err(changed(Change::Executed));
        }
        Ok(())
    }

    /// Reads the beginning of its executable, which another program may serve (see `live::deputy`).
    fn read_executable(&self, head: &mut [u8]) -> Option<usize> {
        use std::os::unix::fs::FileExt as _;
        let held = Fds::open(self.living).and_then(|fds| fds.executable()).ok()?;
        let own = Deputy::of_guru(self.living);
        if own.mounts().serve(&held) {
            return own.read(&held, 0, head).ok();
        }
        std::fs::File::open(open::magic(&held)).ok()?.read_at(head, 0).ok()
    }

    /// Its architecture, by the machine of its executable. `Err` names what it is instead.
    pub fn arch(&self) -> Result<Arch, Error> {
        let mut head = [0; 20];
        let foreign = |what: &str| Error::Foreign { pid: self.pid, what: what.to_owned() };
        // An executable that can not be opened is looked at no closer.
        if self.read_executable(&mut head) != Some(head.len()) {
            return Ok(sys::HOST);
        }
        // EI_CLASS and e_machine of the ELF header.
        let machine = u16::from_le_bytes([head[18], head[19]]);
        match (head[4], machine) {
            (2, machine) if machine == sys::HOST.elf_machine() => Ok(sys::HOST),
            (1, _) => Err(foreign("32-bit")),
            _ => Err(foreign("foreign")),
        }
    }
}

/// What changes when a process executes another program: where the kernel put its code and its
/// stack. For a moment on the way it has neither, and both are 0.
fn image(stat: &Stat) -> (u64, u64) {
    (stat.startcode, stat.startstack)
}
