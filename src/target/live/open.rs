//! The only place that opens files of the target.
//!
//! A mapped file is opened through `/proc/PID/map_files`: the very inode, whatever its path leads
//! to now. A path is followed inside the target's root only, never out of it, and is opened for
//! reading after it has been seen to be a regular file: opening a FIFO would hang, opening a
//! device may act. What is found by a path is read only if the target could read it, too.
//! Contents come by `pread`: a mapping could be truncated under us.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::path::Arg;

use crate::target::files::{FileError, FileMeta, FileRequest, Opener, Source};
use crate::target::live::access::Access;
use crate::target::live::memory::LiveMemory;
use crate::target::memory::Memory as _;
use crate::target::{Mapping, mapping_at};
use crate::text::Text;

/// The most names of one directory that are listed.
pub const MAX_NAMES: usize = 20_000;

/// The largest `[vdso]` that is read, in bytes; it has 8 KiB on Linux 6.18.
const MAX_VDSO: u64 = 1 << 20;

/// How often a path is followed again where something was renamed on the way.
const MAX_TRIES: usize = 8;

/// Opens files as one process sees them.
pub struct LiveOpener {
    pid: i32,
    root: Result<OwnedFd, FileError>,
    access: Access,
    mappings: Vec<Mapping>,
}

impl LiveOpener {
    /// An opener for a process with these mappings.
    pub fn new(pid: i32, mappings: Vec<Mapping>) -> LiveOpener {
        LiveOpener { pid, root: root(pid), access: Access::to(pid), mappings }
    }

    fn root(&self) -> Result<&OwnedFd, FileError> {
        self.root.as_ref().map_err(Clone::clone)
    }

    /// A path inside the root, found but not opened.
    fn find(&self, path: &str, flags: OFlags) -> Result<OwnedFd, FileError> {
        find(self.root()?, path, flags)
    }

    /// What was found by a path that the target chose, if the target may read it.
    fn checked(&self, found: OwnedFd) -> Result<OwnedFd, FileError> {
        checked(&self.access, found)
    }

    fn open_mapped(&self, mapping: &Mapping) -> Result<File, FileError> {
        let name =
            format!("/proc/{}/map_files/{:x}-{:x}", self.pid, mapping.start.0, mapping.end.0);
        let by_mapping = rustix::fs::open(name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        // Without CAP_CHECKPOINT_RESTORE the path is all there is; the inode says whether it
        // still leads to the same file.
        let found = match by_mapping {
            Ok(found) => found,
            Err(_) => self.find(mapping.path.raw(), OFlags::PATH)?,
        };
        let file = reopen(found)?;
        let stat = rustix::fs::fstat(&file).map_err(of_errno)?;
        // Only the inode is compared: overlay and btrfs show another device in `maps` than here.
        if stat.st_ino != mapping.inode {
            return Err(FileError::Other("the file at its path is another one now".into()));
        }
        Ok(file)
    }

    fn open_vdso(&self, mapping: &Mapping) -> Result<Vec<u8>, FileError> {
        let len = mapping.len().min(MAX_VDSO);
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        let memory = LiveMemory::new(self.pid);
        memory
            .read(mapping.start, &mut bytes)
            .map_err(|fault| FileError::Other(fault.to_string()))?;
        Ok(bytes)
    }
}

impl Opener for LiveOpener {
    fn open(&self, request: &FileRequest) -> Result<(Box<dyn Source>, FileMeta), FileError> {
        let file = match request {
            FileRequest::Mapped { start, .. } => {
                let mapping = mapping_at(&self.mappings, *start).ok_or(FileError::Absent)?;
                if !mapping.is_file() {
                    let bytes = self.open_vdso(mapping)?;
                    let len = bytes.len() as u64;
                    let meta = FileMeta { len, modified: 0, changed: None, identity: (0, 0) };
                    return Ok((Box::new(Bytes(bytes)), meta));
                }
                self.open_mapped(mapping)?
            }
            FileRequest::InRoot(path) | FileRequest::Config(path) => {
                reopen(self.checked(self.find(path.raw(), OFlags::PATH)?)?)?
            }
            FileRequest::Debug(path) => {
                let flags = OFlags::PATH | OFlags::CLOEXEC;
                let found = rustix::fs::open(path.raw(), flags, Mode::empty()).map_err(of_errno)?;
                reopen(found)?
            }
        };
        let stat = file.metadata().map_err(|error| of_io(&error))?;
        let meta = FileMeta {
            len: stat.len(),
            modified: stat.mtime(),
            changed: Some(stat.ctime()),
            identity: (stat.dev(), stat.ino()),
        };
        Ok((Box::new(Disk(file)), meta))
    }

    fn list(&self, path: &Text) -> Result<Vec<Text>, FileError> {
        let found = self.checked(self.find(path.raw(), OFlags::RDONLY | OFlags::DIRECTORY)?)?;
        let entries = rustix::fs::Dir::read_from(&found).map_err(of_errno)?;
        let mut names: Vec<Text> = entries
            .filter_map(Result::ok)
            .map(|entry| Text::from_bytes(entry.file_name().to_bytes()))
            .filter(|name| !matches!(name.raw(), "." | ".."))
            .take(MAX_NAMES)
            .collect();
        names.sort();
        Ok(names)
    }
}

/// The root directory of a process, for [`find`].
fn root(pid: i32) -> Result<OwnedFd, FileError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(format!("/proc/{pid}/root"), flags, Mode::empty()).map_err(of_errno)
}

/// A path inside a root, opened with these flags.
fn find(root: &OwnedFd, path: impl Arg + Copy, flags: OFlags) -> Result<OwnedFd, FileError> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let flags = flags | OFlags::CLOEXEC;
    let open = || rustix::fs::openat2(root, path, flags, Mode::empty(), resolve);
    let mut found = open();
    for _ in 1..MAX_TRIES {
        // Anything renamed meanwhile, anywhere, may be on the way: see openat2(2).
        if !matches!(found, Err(Errno::AGAIN)) {
            break;
        }
        found = open();
    }
    found.map_err(of_errno)
}

/// A path inside the root of a process, taken hold of and not opened (`O_PATH`).
pub fn in_root(pid: i32, path: impl Arg + Copy) -> Result<OwnedFd, FileError> {
    find(&root(pid)?, path, OFlags::PATH)
}

/// A directory inside the root of a process, if the process itself may list it.
pub fn directory(pid: i32, path: impl Arg + Copy, access: &Access) -> Result<OwnedFd, FileError> {
    checked(access, find(&root(pid)?, path, OFlags::RDONLY | OFlags::DIRECTORY)?)
}

/// A regular file with this name in a directory of the target, opened for reading; no link is
/// followed.
pub fn in_directory(directory: &OwnedFd, name: &CStr, access: &Access) -> Result<File, FileError> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found = rustix::fs::openat(directory, name, flags, Mode::empty()).map_err(of_errno)?;
    reopen(checked(access, found)?)
}

/// What was found by a path that the target chose, if the target may read it.
fn checked(access: &Access, found: OwnedFd) -> Result<OwnedFd, FileError> {
    let stat = rustix::fs::fstat(&found).map_err(of_errno)?;
    if access.allows(&stat) { Ok(found) } else { Err(FileError::NotForTarget) }
}

/// Opens for reading what was found, if it is a regular file.
pub fn reopen(found: OwnedFd) -> Result<File, FileError> {
    let stat = rustix::fs::fstat(&found).map_err(of_errno)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(FileError::NotRegular);
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    rustix::fs::open(magic(&found), flags, Mode::empty()).map(File::from).map_err(of_errno)
}

/// Opens the writing end of a pipe or FIFO that was found, without waiting. The caller says what
/// for, and closes it at once.
pub fn writing_end(found: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let stat = rustix::fs::fstat(found)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Fifo {
        return Err(Errno::INVAL);
    }
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(magic(found), flags, Mode::empty())
}

/// The path that leads to what a descriptor of guru's own leads to, for calls that take a path.
pub fn magic(found: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", found.as_raw_fd())
}

/// What an error of the kernel means for a file.
pub fn of_errno(errno: Errno) -> FileError {
    match errno {
        Errno::NOENT | Errno::NOTDIR => FileError::Absent,
        Errno::ACCESS | Errno::PERM => FileError::Denied,
        Errno::LOOP | Errno::XDEV => FileError::Escapes,
        other => FileError::Other(std::io::Error::from(other).to_string()),
    }
}

fn of_io(error: &std::io::Error) -> FileError {
    error.raw_os_error().map_or_else(
        || FileError::Other(error.to_string()),
        |code| of_errno(Errno::from_raw_os_error(code)),
    )
}

/// A file on disk.
struct Disk(File);

impl Source for Disk {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError> {
        let mut done = 0;
        while done < buf.len() {
            match self.0.read_at(&mut buf[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(got) => done += got,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(of_io(&error)),
            }
        }
        Ok(done)
    }
}

/// A "file" that lies in memory: the vdso.
struct Bytes(Vec<u8>);

impl Source for Bytes {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let piece = &self.0[from..];
        let len = piece.len().min(buf.len());
        buf[..len].copy_from_slice(&piece[..len]);
        Ok(len)
    }
}
