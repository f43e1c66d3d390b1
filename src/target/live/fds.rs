//! The descriptors of a process, as `/proc` shows them.
//!
//! The process's directory is held open, so that its files are never those of a later process with
//! the same id. What a descriptor leads to is taken hold of with `O_PATH`: that opens nothing, wakes
//! nobody, and is the very file, whatever its path leads to now.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags};
use rustix::io::{Errno, Result};

/// The descriptors of one process.
#[derive(Debug)]
pub struct Fds {
    directory: OwnedFd,
}

/// How a descriptor was opened, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Where the next `read` or `write` takes place, in bytes.
    pub position: u64,
    /// The flags that it was opened with.
    pub flags: OFlags,
}

impl Info {
    /// Whether it was opened to be written to. `O_PATH` opens nothing, whatever it leads to.
    pub fn is_written(&self) -> bool {
        !self.flags.contains(OFlags::PATH) && self.flags & OFlags::RWMODE != OFlags::RDONLY
    }
}

impl Fds {
    /// The descriptors of this process.
    pub fn open(pid: i32) -> Result<Fds> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(format!("/proc/{pid}"), flags, Mode::empty())?;
        Ok(Fds { directory })
    }

    /// What a descriptor leads to, not opened.
    pub fn handle(&self, fd: i32) -> Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        rustix::fs::openat(&self.directory, format!("fd/{fd}"), flags, Mode::empty())
    }

    /// What it executes, not opened.
    pub fn executable(&self) -> Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        rustix::fs::openat(&self.directory, "exe", flags, Mode::empty())
    }

    /// The device and inode of what it leads to; `None` if it is closed, or the process is gone.
    pub fn identity(&self, fd: i32) -> Option<(u64, u64)> {
        Some(at_rest(&self.handle(fd).ok()?).ok()?.identity)
    }

    /// What the kernel calls it: a path as seen from here, `pipe:[4711]`.
    pub fn link(&self, fd: i32) -> Result<Vec<u8>> {
        let link = rustix::fs::readlinkat(&self.directory, format!("fd/{fd}"), Vec::new())?;
        Ok(link.into_bytes())
    }

    /// How it was opened, and where it stands.
    pub fn info(&self, fd: i32) -> Result<Info> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let path = format!("fdinfo/{fd}");
        let file = rustix::fs::openat(&self.directory, path, flags, Mode::empty())?;
        // What is asked for stands at the beginning.
        let mut buffer = [0; 256];
        let len = rustix::io::read(&file, &mut buffer[..])?;
        parse(buffer.get(..len).unwrap_or_default()).ok_or(Errno::INVAL)
    }
}

/// What the kernel knows of a file without asking who serves it (FUSE, NFS), which may never answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtRest {
    /// Device and inode.
    pub identity: (u64, u64),
    /// Its kind and its permissions.
    pub mode: u32,
    /// How many names it has.
    pub links: u64,
    /// Its length in bytes, as far as the kernel knows.
    pub len: u64,
    /// Major and minor number of the device that it is.
    pub device: (u32, u32),
}

/// What the kernel knows of what is held.
pub fn at_rest(handle: &OwnedFd) -> Result<AtRest> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let stat = rustix::fs::statx(handle, "", flags, StatxFlags::BASIC_STATS)?;
    Ok(AtRest {
        identity: (rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor), stat.stx_ino),
        mode: u32::from(stat.stx_mode),
        links: u64::from(stat.stx_nlink),
        len: stat.stx_size,
        device: (stat.stx_rdev_major, stat.stx_rdev_minor),
    })
}

/// The first lines of an `fdinfo` (proc_pid_fdinfo(5)); `None` if they are none.
pub fn parse(text: &[u8]) -> Option<Info> {
    let text = std::str::from_utf8(text).ok()?;
    let value = |name: &str| text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim()));
    let flags = u32::from_str_radix(value("flags:")?, 8).ok()?;
    Some(Info { position: value("pos:")?.parse().ok()?, flags: OFlags::from_bits_retain(flags) })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn position_and_flags_are_read() {
        let info = parse(b"pos:\t4711\nflags:\t02102001\nmnt_id:\t15\nino:\t2\n").unwrap();
        assert_eq!(info.position, 4711);
        assert!(info.flags.contains(OFlags::APPEND | OFlags::WRONLY));
        for bad in
            [&b""[..], b"pos:\t1\n", b"pos:\t-1\nflags:\t0\n", b"flags:\t9\npos:\t1\n", b"\xff"]
        {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_descriptor_is_found_and_a_closed_one_is_not() {
        let file = tempfile::tempfile().unwrap();
        let fds = Fds::open(std::process::id().cast_signed()).unwrap();
        let meta = file.metadata().unwrap();
        assert_eq!(fds.identity(file.as_raw_fd()), Some((meta.dev(), meta.ino())));
        assert!(fds.link(file.as_raw_fd()).unwrap().starts_with(b"/"));
        assert_eq!(fds.info(file.as_raw_fd()).unwrap().position, 0);
        assert_eq!(fds.identity(1 << 20), None);
        assert_eq!(fds.handle(1 << 20).unwrap_err(), Errno::NOENT);
    }
}
