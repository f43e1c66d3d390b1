//! What a path is for a process that has another root or another working directory.

use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::{Mode, OFlags};

use crate::target::files::FileError;
use crate::target::live::LiveProcess;
use crate::target::live::facts::Root;
use crate::target::live::fds::at_rest;
use crate::target::live::open::of_errno;
use crate::text::Text;

/// A path as the process sees it, from its root on: one that is relative is put behind its working
/// directory. It is not resolved; whoever does so stays inside the root.
///
/// # Errors
/// If the working directory is needed and has no path inside the root that leads to it: it was
/// deleted, or lies outside.
pub fn absolute(process: &LiveProcess, path: &Text) -> Result<Vec<u8>, FileError> {
    let path = path.raw().as_bytes();
    if path.starts_with(b"/") {
        return Ok(path.to_vec());
    }
    let magic = format!("/proc/{}/cwd", process.living);
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let held = rustix::fs::open(&magic, flags, Mode::empty()).map_err(of_errno)?;
    let seen = at_rest(&held).map_err(of_errno)?;
    let link = std::fs::read_link(&magic).map_err(|error| FileError::Other(error.to_string()))?;
    let inside = Root::of(&process.process).inside(link.as_os_str().as_bytes()).to_vec();
    let (_, found) = process.deputy().find(&inside)?;
    if found.identity != seen.identity {
        return Err(FileError::Other("its working directory is not inside its root".into()));
    }
    Ok([&inside, &b"/"[..], path].concat())
}
