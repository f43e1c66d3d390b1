//! `/proc` of one process, by its directory held open, and as bytes.
//!
//! A directory of `/proc` that is held open is that of one process for ever: when this has ended,
//! nothing is found in it any more, whoever has its number by then. So what is read through one
//! [`ProcDir`] is never a mixture of two processes.
//!
//! A process names itself, its files and its arguments, and may put any bytes there; the kernel cuts a
//! name at 15 bytes, in the middle of a character, too. So nothing here is read as UTF-8.

pub mod stat;
pub mod status;
pub mod table;

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, Result};

pub use stat::Stat;
pub use status::Status;

/// Room for any of the small files: the longest, `stat`, has 52 numbers.
pub const ROOM: usize = 2048;

/// The most that is read of a `status`, in bytes. It has 1.5 KiB, and a line of up to 65536 groups.
const MAX_STATUS: usize = 1 << 20;

/// The directory of a process, or of one of its threads, held open.
#[derive(Debug)]
pub struct ProcDir {
    directory: OwnedFd,
}

impl ProcDir {
    /// That of the process with this id, or of the process's thread with it.
    ///
    /// # Errors
    /// There is none.
    pub fn open(pid: i32) -> Result<ProcDir> {
        // The kernel has no ids below 1, and its directory has other names than ids.
        if pid < 1 {
            return Err(Errno::NOENT);
        }
        let directory = rustix::fs::open(format!("/proc/{pid}"), DIRECTORY, Mode::empty())?;
        Ok(ProcDir { directory })
    }

    /// A directory in it.
    ///
    /// # Errors
    /// It has none of this name, or the process has ended.
    pub fn directory(&self, name: &str) -> Result<ProcDir> {
        let directory = rustix::fs::openat(&self.directory, name, DIRECTORY, Mode::empty())?;
        Ok(ProcDir { directory })
    }

    /// One of its files, opened for reading.
    ///
    /// # Errors
    /// The kernel refuses, or the process has ended.
    pub fn file(&self, name: &str) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        rustix::fs::openat(&self.directory, name, flags, Mode::empty()).map(File::from)
    }

    /// One of the small files, in one call: the kernel makes each of them whole.
    pub fn small<'b>(&self, name: &str, buffer: &'b mut [u8; ROOM]) -> Option<&'b [u8]> {
        small(self.directory.as_fd(), name, buffer)
    }

    /// The first bytes of a file, and one more if there are more.
    pub fn bytes(&self, name: &str, limit: usize) -> Option<Vec<u8>> {
        bytes(self.file(name).ok()?, limit)
    }

    /// What one of its links leads to, in the kernel's words.
    ///
    /// # Errors
    /// The kernel refuses, or the process has ended.
    pub fn link(&self, name: &str) -> Result<Vec<u8>> {
        let link = rustix::fs::readlinkat(&self.directory, name, Vec::new())?;
        Ok(link.into_bytes())
    }

    /// Its `stat`; `None` if it is gone.
    pub fn stat(&self) -> Option<Stat> {
        Stat::parse(self.small("stat", &mut [0; ROOM])?)
    }

    /// Its `status`; `None` if it is gone.
    pub fn status(&self) -> Option<Status> {
        self.bytes("status", MAX_STATUS).map(Status::new)
    }
}

impl AsFd for ProcDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// How such a directory is opened.
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// One of the small files below a directory of `/proc`, in one call.
pub fn small<'b>(
    directory: BorrowedFd<'_>,
    path: &str,
    buffer: &'b mut [u8; ROOM],
) -> Option<&'b [u8]> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, path, flags, Mode::empty()).ok()?;
    let len = rustix::io::read(&file, &mut buffer[..]).ok()?;
    buffer.get(..len)
}

/// The first bytes of a file of `/proc`, and one more if there are more.
pub fn bytes(file: File, limit: usize) -> Option<Vec<u8>> {
    // Without room it would be read 32 bytes at a time in the beginning.
    let mut bytes = Vec::with_capacity(ROOM.min(limit));
    file.take(limit as u64 + 1).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn nothing_is_read_of_who_has_ended_by_the_directory_that_is_held() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = child.id().cast_signed();
        let held = ProcDir::open(pid).unwrap();
        assert_eq!(held.stat().unwrap().pid, pid);
        assert_eq!(held.status().unwrap().tgid(), Some(pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(held.stat(), None);
        assert!(held.status().is_none() && held.bytes("cmdline", 10).is_none());
        assert!(held.link("exe").is_err() && held.directory("task").is_err());
    }

    #[test]
    fn what_can_be_no_id_has_no_directory() {
        for id in [0, -1, i32::MIN, i32::MAX] {
            assert_eq!(ProcDir::open(id).unwrap_err(), Errno::NOENT, "{id}");
        }
    }
}
