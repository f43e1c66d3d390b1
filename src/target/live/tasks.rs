//! The threads of a process as `/proc` lists them, with the small files that it has for each.
//!
//! A thousand threads have five thousand of these files. So a path is resolved from the
//! directory of the threads on, and a file is read in one call: the kernel makes each of them
//! whole, and none is longer than the buffer.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use procfs::FromRead as _;
use procfs::process::Syscall;
use rustix::fs::{AtFlags, Dir};

use crate::target::live::proc::{self, ProcDir, ROOM, Stat, Status};
use crate::target::{MAX_THREADS, Tid};

/// The most that is read of the `status` of a thread, in bytes.
const MAX_STATUS: usize = 1 << 20;

/// The directory of a process's threads, held open: it is never that of a later process with the
/// same id.
#[derive(Clone, Debug)]
pub struct Tasks {
    /// The process's id.
    pub pid: i32,
    directory: Arc<ProcDir>,
}

impl Tasks {
    /// The threads of this process; `None` if there is no such process.
    pub fn open(pid: i32) -> Option<Tasks> {
        Tasks::of(pid, &ProcDir::open(pid).ok()?)
    }

    /// The threads of the process `pid`, whose directory is this; `None` if it has ended.
    pub fn of(pid: i32, process: &ProcDir) -> Option<Tasks> {
        Some(Tasks { pid, directory: Arc::new(process.directory("task").ok()?) })
    }

    /// Whether there is such a thread now, and it is one of this process: the kernel looks the number
    /// up, and whether who has it belongs here.
    pub fn has(&self, tid: Tid) -> bool {
        let found = || rustix::fs::statat(&*self.directory, tid.to_string(), AtFlags::empty());
        tid > 0 && found().is_ok()
    }

    /// Their ids, ascending.
    pub fn list(&self) -> Vec<Tid> {
        let entries = Dir::read_from(&*self.directory).into_iter().flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse().ok());
        let mut tids: Vec<Tid> = names.take(MAX_THREADS).collect();
        tids.sort_unstable();
        tids
    }

    /// How many there are: the directory counts them in its links. One cheap call instead of a
    /// listing, which takes 0.9 ms for 1000 threads.
    pub fn count(&self) -> Option<usize> {
        let links = rustix::fs::fstat(&*self.directory).ok()?.st_nlink;
        usize::try_from(links).ok()?.checked_sub(2)
    }

    /// One of the small files of a thread.
    pub fn read<'b>(&self, tid: Tid, file: &str, buffer: &'b mut [u8; ROOM]) -> Option<&'b [u8]> {
        proc::small(self.directory.as_fd(), &format!("{tid}/{file}"), buffer)
    }

    /// The `stat` of a thread; `None` if it is gone.
    pub fn stat(&self, tid: Tid) -> Option<Stat> {
        Stat::parse(self.read(tid, "stat", &mut [0; ROOM])?)
    }

    /// The `status` of a thread; `None` if it is gone.
    pub fn status(&self, tid: Tid) -> Option<Status> {
        self.directory.bytes(&format!("{tid}/status"), MAX_STATUS).map(Status::new)
    }

    /// The system call of a thread, with its registers, if it sleeps; `None` if it is gone, or guru may
    /// not ask. The kernel sees to it that the thread was off the processor while it told.
    pub fn call(&self, tid: Tid) -> Option<Syscall> {
        let mut buffer = [0; ROOM];
        Syscall::from_read(self.read(tid, "syscall", &mut buffer)?).ok()
    }

    /// What a descriptor of a thread leads to, in the kernel's words: `socket:[4711]`.
    pub fn descriptor(&self, tid: Tid, fd: u64) -> Option<Vec<u8>> {
        self.directory.link(&format!("{tid}/fd/{fd}")).ok()
    }

    /// The directory of one thread.
    ///
    /// # Errors
    /// It is gone.
    pub fn directory(&self, tid: Tid) -> rustix::io::Result<ProcDir> {
        self.directory.directory(&tid.to_string())
    }

    /// How often the thread has been given a processor: a number that moves when the thread does.
    pub fn turns(&self, tid: Tid) -> Option<u64> {
        let mut buffer = [0; ROOM];
        let text = std::str::from_utf8(self.read(tid, "schedstat", &mut buffer)?).ok()?;
        text.split_ascii_whitespace().nth(2)?.parse().ok()
    }
}

impl AsFd for Tasks {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_threads_of_a_process_are_listed_with_their_files() {
        let pid = std::process::id().cast_signed();
        let tasks = Tasks::open(pid).unwrap();
        assert!(tasks.list().contains(&pid));
        assert!(tasks.count().unwrap() > 0);
        assert!(tasks.turns(pid).is_some());
        let mut buffer = [0; ROOM];
        let stat = tasks.read(pid, "stat", &mut buffer).unwrap();
        assert!(stat.starts_with(format!("{pid} (").as_bytes()) && stat.ends_with(b"\n"));
        assert!(tasks.read(pid, "no such file", &mut buffer).is_none());
        assert_eq!(tasks.stat(pid).unwrap().pid, pid);
        assert_eq!(tasks.status(pid).unwrap().tgid(), Some(pid));
        assert!(tasks.descriptor(pid, 0).is_some() && tasks.descriptor(pid, 1 << 40).is_none());
    }

    #[test]
    fn a_thread_of_somebody_else_is_none_of_its_threads() {
        let pid = std::process::id().cast_signed();
        let tasks = Tasks::open(pid).unwrap();
        assert!(tasks.list().into_iter().all(|tid| tasks.has(tid) || tid != pid));
        let parent = std::os::unix::process::parent_id().cast_signed();
        for other in [parent, 1, 0, -1, -pid, i32::MIN, i32::MAX] {
            assert!(!tasks.has(other), "{other}");
            assert!(tasks.stat(other).is_none() && tasks.status(other).is_none(), "{other}");
        }
    }
}
