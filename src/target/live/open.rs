//! The only place that opens files of the target.
//!
//! A mapped file is opened through `/proc/PID/map_files`: the very inode, whatever its path leads
//! to now; the process has it, and so guru's own rights to it do. What is found by a path is opened by a
//! [`Deputy`] with the rights of the process: inside its root only, out of which no link leads, and for
//! reading after it has been seen to be a regular file: opening a FIFO would hang, opening a
//! device may act. What another program serves (FUSE, NFS) is read by a deputy, too, since that may
//! never answer. Contents come by `pread`: a mapping could be truncated under us.

use std::fs::File;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::sync::{Arc, OnceLock};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::target::files::{FileError, FileMeta, FileRequest, Opener, Source};
use crate::target::live::deputy::served::Mounts;
use crate::target::live::deputy::{Deputy, Opened};
use crate::target::live::fds::at_rest;
use crate::target::live::memory::LiveMemory;
use crate::target::memory::Memory as _;
use crate::target::{Mapping, mapping_at};
use crate::text::Text;

/// The most names of one directory that are listed.
pub const MAX_NAMES: usize = 20_000;

/// The largest `[vdso]` that is read, in bytes; it has 8 KiB on Linux 6.18.
const MAX_VDSO: u64 = 1 << 20;

/// Opens files as one process sees them.
pub struct LiveOpener {
    pid: i32,
    /// For what it names.
    deputy: Arc<Deputy>,
    /// For what it has mapped, where another program serves that.
    own: Arc<Deputy>,
    mounts: OnceLock<Mounts>,
    mappings: Vec<Mapping>,
}

impl LiveOpener {
    /// An opener for a process with these mappings.
    pub fn new(pid: i32, mappings: Vec<Mapping>) -> LiveOpener {
        let (deputy, own) = (Deputy::of_target(pid), Deputy::of_guru(pid));
        LiveOpener { pid, deputy, own, mounts: OnceLock::new(), mappings }
    }

    fn open_mapped(&self, mapping: &Mapping) -> Result<(Box<dyn Source>, FileMeta), FileError> {
        let name =
            format!("/proc/{}/map_files/{:x}-{:x}", self.pid, mapping.start.0, mapping.end.0);
        let by_mapping = rustix::fs::open(name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        // Without CAP_CHECKPOINT_RESTORE the path is all there is; the inode says whether it
        // still leads to the same file.
        let (source, meta) = match by_mapping {
            Ok(found) if self.mounts.get_or_init(|| self.own.mounts()).serve(&found) => {
                source(&self.own, self.own.reopen(&found)?)?
            }
            Ok(found) => source(&self.own, Opened::File(reopen(found)?))?,
            Err(_) => source(&self.deputy, self.deputy.open(mapping.path.raw().as_bytes())?)?,
        };
        // Only the inode is compared: overlay and btrfs show another device in `maps` than here.
        if meta.identity.1 != mapping.inode {
            return Err(FileError::Other("the file at its path is another one now".into()));
        }
        Ok((source, meta))
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
        match request {
            FileRequest::Mapped { start, .. } => {
                let mapping = mapping_at(&self.mappings, *start).ok_or(FileError::Absent)?;
                if !mapping.is_file() {
                    let bytes = self.open_vdso(mapping)?;
                    let len = bytes.len() as u64;
                    let meta = FileMeta { len, modified: 0, changed: None, identity: (0, 0) };
                    return Ok((Box::new(Bytes(bytes)), meta));
                }
                self.open_mapped(mapping)
            }
            FileRequest::InRoot(path) | FileRequest::Config(path) => {
                source(&self.deputy, self.deputy.open(path.raw().as_bytes())?)
            }
            FileRequest::Debug(path) => {
                let flags = OFlags::PATH | OFlags::CLOEXEC;
                let found = rustix::fs::open(path.raw(), flags, Mode::empty()).map_err(of_errno)?;
                source(&self.own, Opened::File(reopen(found)?))
            }
        }
    }

    fn list(&self, path: &Text) -> Result<Vec<Text>, FileError> {
        self.deputy.list(path.raw().as_bytes())
    }
}

/// What a file that was opened is read from.
fn source(deputy: &Arc<Deputy>, opened: Opened) -> Result<(Box<dyn Source>, FileMeta), FileError> {
    match opened {
        Opened::File(file) => {
            let stat = file.metadata().map_err(|error| of_io(&error))?;
            let meta = FileMeta {
                len: stat.len(),
                modified: stat.mtime(),
                changed: Some(stat.ctime()),
                identity: (stat.dev(), stat.ino()),
            };
            Ok((Box::new(Disk(file)), meta))
        }
        Opened::Served(handle, seen) => {
            Ok((Box::new(Served { deputy: Arc::clone(deputy), handle }), FileMeta::from(&seen)))
        }
    }
}

/// Opens for reading what was found, if it is a regular file.
fn reopen(found: OwnedFd) -> Result<File, FileError> {
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
    if FileType::from_raw_mode(at_rest(found)?.mode) != FileType::Fifo {
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

/// A file that another program serves, and that only a deputy opens.
struct Served {
    deputy: Arc<Deputy>,
    handle: OwnedFd,
}

impl Source for Served {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError> {
        self.deputy.read(&self.handle, offset, buf)
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
