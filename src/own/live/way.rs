//! The way to a file whose content guru obeys, walked step by step: nobody but root and the caller may
//! be able to change where it leads.
//!
//! Whoever may write to a directory on the way can put another in the place of the next. So each is
//! opened by its name in the one before, without following links, and looked at; a link is looked at,
//! too, and what it names is walked in the same way. What is opened in the end is found in the very
//! directory that was looked at. A directory that everybody may write to is not safe because it is
//! sticky (`/tmp`): whoever comes first makes the name.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::target::live::deputy::served::Mounts;
use crate::target::live::proc::ProcDir;

/// The most links on one way: the kernel's own limit (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// The most steps of one way, those of links among them.
const MAX_STEPS: usize = 1024;

/// What group and others may not do.
const WRITE: u32 = 0o022;

/// Of a directory: only who owns a file in it may remove it.
const STICKY: u32 = 0o1000;

/// Why a way is not gone to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// There is no such file.
    Absent,
    /// Others may write to this.
    Writable {
        /// It, or what stands on the way to it.
        path: PathBuf,
        /// Whether that is for everybody, as `/tmp`.
        sticky: bool,
    },
    /// This belongs to another user, neither root nor the caller.
    Foreign {
        /// It, or what stands on the way to it.
        path: PathBuf,
        /// The user.
        owner: u32,
    },
    /// Any other failure, in the kernel's words.
    Failed(String),
}

impl From<Errno> for Stop {
    fn from(error: Errno) -> Stop {
        match error {
            Errno::NOENT => Stop::Absent,
            other => Stop::Failed(std::io::Error::from(other).to_string()),
        }
    }
}

/// A directory that was reached.
struct Place {
    directory: OwnedFd,
    path: PathBuf,
}

/// How each step is taken hold of: not opened, and no link followed.
const STEP: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The directory at an absolute path, opened for reading, if only root and the caller can change what
/// that is.
///
/// # Errors
/// It is not there, or somebody else could have changed it.
pub fn directory(path: &Path) -> Result<OwnedFd, Stop> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // The very directory that was looked at: by itself, not by a name.
    Ok(rustix::fs::openat(walk(path)?, ".", flags, Mode::empty())?)
}

/// The regular file at an absolute path, opened for reading, if only root and the caller can change
/// what that is.
///
/// # Errors
/// As for a directory; or it is not a regular file.
pub fn file(path: &Path) -> Result<OwnedFd, Stop> {
    let found = walk(path)?;
    if FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode) != FileType::RegularFile {
        return Err(Stop::Failed("it is not a regular file".to_owned()));
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    // The very file that was looked at.
    let magic = format!("/proc/self/fd/{}", found.as_raw_fd());
    Ok(rustix::fs::open(magic, flags, Mode::empty())?)
}

/// The names in a path, in front of those that are left.
fn put_before(steps: &mut VecDeque<OsString>, path: &Path) {
    for part in path.components().rev() {
        match part {
            Component::Normal(name) => steps.push_front(name.to_owned()),
            Component::ParentDir => steps.push_front("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
}

/// Goes from the root step by step, and returns what the last leads to, taken hold of.
fn walk(path: &Path) -> Result<OwnedFd, Stop> {
    let mut steps = VecDeque::new();
    put_before(&mut steps, path);
    let root = rustix::fs::open("/", STEP | OFlags::DIRECTORY, Mode::empty())?;
    check(Path::new("/"), &rustix::fs::fstat(&root)?)?;
    // All that lies above, down from the root: links go back on it.
    // Who serves a file system says who owns what is on it: another user may be who does. To root that
    // matters, and others' homes are often served (NFS). Who serves all that there is, is trusted.
    let is_root = rustix::process::geteuid().is_root();
    let own = ProcDir::open(std::process::id().cast_signed()).ok().filter(|_| is_root);
    let mounts = own.map(|own| Mounts::of(&own, false)).filter(|mounts| !mounts.serve(&root));
    let mut way = vec![Place { directory: root, path: "/".into() }];
    let (mut links, mut taken) = (0, 0);
    while let Some(name) = steps.pop_front() {
        taken += 1;
        if taken > MAX_STEPS {
            return Err(Errno::NAMETOOLONG.into());
        }
        if name == ".." {
            way.truncate(way.len().saturating_sub(1).max(1));
            continue;
        }
        let Some(Place { directory, path }) = way.last() else { return Err(Stop::Absent) };
        let found = rustix::fs::openat(directory, &*name, STEP, Mode::empty())?;
        let path = path.join(&name);
        if mounts.as_ref().is_some_and(|mounts| mounts.serve(&found)) {
            let what = format!("another program serves {} (FUSE, NFS)", path.display());
            return Err(Stop::Failed(what));
        }
        let stat = rustix::fs::fstat(&found)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Errno::LOOP.into());
                }
                // Everybody may write to a link, says its mode, and nobody can.
                owned(&path, &stat)?;
                let link = rustix::fs::readlinkat(&found, "", Vec::new())?;
                let link = PathBuf::from(OsString::from_vec(link.into_bytes()));
                if link.is_absolute() {
                    way.truncate(1);
                }
                put_before(&mut steps, &link);
            }
            FileType::Directory => {
                check(&path, &stat)?;
                way.push(Place { directory: found, path });
            }
            _ if steps.is_empty() => {
                check(&path, &stat)?;
                return Ok(found);
            }
            _ => return Err(Errno::NOTDIR.into()),
        }
    }
    way.pop().map(|last| last.directory).ok_or(Stop::Absent)
}

/// Whether only root and the caller can change what is there.
fn check(path: &Path, stat: &Stat) -> Result<(), Stop> {
    owned(path, stat)?;
    if stat.st_mode & WRITE != 0 {
        let sticky = stat.st_mode & STICKY != 0;
        return Err(Stop::Writable { path: path.to_owned(), sticky });
    }
    Ok(())
}

fn owned(path: &Path, stat: &Stat) -> Result<(), Stop> {
    let owner = stat.st_uid;
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        return Err(Stop::Foreign { path: path.to_owned(), owner });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_way_of_the_machine_is_safe_and_that_through_tmp_is_not() {
        directory(Path::new("/etc")).unwrap();
        file(Path::new("/etc/../etc/passwd")).unwrap();
        assert_eq!(directory(Path::new("/etc/no such")).unwrap_err(), Stop::Absent);
        assert!(matches!(directory(Path::new("/etc/passwd")), Err(Stop::Failed(_))));
        assert!(matches!(file(Path::new("/etc")), Err(Stop::Failed(_))));
        let inside = tempfile::tempdir_in("/tmp").unwrap();
        let tmp = Stop::Writable { path: "/tmp".into(), sticky: true };
        assert_eq!(directory(inside.path()).unwrap_err(), tmp);
    }
}
