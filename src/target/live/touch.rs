//! Touches the file that a process watches: the other way to ask for a report.
//!
//! The watcher (`oslo_reports.guru_meditation_report`) looks once a second whether the file's time of
//! modification is later than the one that it knows, which at first is the time when it began to
//! watch. So the time must move forward, past now: that is what touch(1) does. Where the file's time
//! already lies ahead (a clock that was set back, a file from another machine), "now" would move it
//! backwards and nothing would happen; there it is moved on by [`STEP`] from where it is. The kernel
//! lets anybody who may write a file set its time to now, but only the owner set another one.
//!
//! The file is never created and nothing is written into it. That the process could read it is not
//! asked: the watcher does not read it, and operators make it as root for a service that is not.

use std::time::Duration;

use rustix::fs::{AtFlags, CWD, FileType, Stat, Timespec, Timestamps, UTIME_NOW};
use rustix::io::Errno;
use thiserror::Error;

use crate::target::files::FileError;
use crate::target::live::LiveProcess;
use crate::target::live::access::Access;
use crate::target::live::directory::absolute;
use crate::target::live::open::{in_root, magic, of_errno};
use crate::text::Text;

/// How far a time that lies ahead of now is moved on: file systems keep it in steps of up to two
/// seconds (FAT).
pub const STEP: Duration = Duration::from_secs(2);

/// Why a file was not touched.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TouchError {
    /// There is no such file: a watcher that saw this has ended by now.
    #[error("there is no such file")]
    Gone,
    /// It may not be touched.
    #[error("permission denied")]
    Denied,
    /// It is a directory, a device or the like.
    #[error("it is not a regular file")]
    NotAFile,
    /// Its time is not earlier than now, and only its owner may set another one than now.
    #[error("it was modified in the future, by its time, and guru may not set another one")]
    Ahead,
    /// Its time did not move: the file system keeps none, or rounds it.
    #[error("its time of modification does not move")]
    Unmoved,
    /// Any other failure, in the kernel's words.
    #[error("{0}")]
    Other(String),
}

impl From<FileError> for TouchError {
    fn from(error: FileError) -> TouchError {
        match error {
            FileError::Absent => TouchError::Gone,
            FileError::Denied => TouchError::Denied,
            FileError::NotRegular => TouchError::NotAFile,
            other => TouchError::Other(other.to_string()),
        }
    }
}

impl From<Errno> for TouchError {
    fn from(errno: Errno) -> TouchError {
        of_errno(errno).into()
    }
}

/// Touches the regular file at a path as the process sees it.
///
/// # Errors
/// It was not touched, or its time has not moved forward: the process will not see it.
pub fn touch(process: &LiveProcess, path: &Text) -> Result<(), TouchError> {
    let found = in_root(process.living, absolute(process, path)?.as_slice())?;
    let stat = rustix::fs::fstat(&found)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(TouchError::NotAFile);
    }
    // Whoever names it must have some right to it.
    if !Access::to(process.living).allows(&stat) {
        return Err(TouchError::Denied);
    }
    let before = modified(&stat);
    let set = |time| {
        let times = Timestamps { last_access: time, last_modification: time };
        // The path of the very file: utimensat takes no O_PATH descriptor before Linux 5.8.
        rustix::fs::utimensat(CWD, magic(&found), &times, AtFlags::empty())
    };
    let moved = || Ok::<_, TouchError>(modified(&rustix::fs::fstat(&found)?) > before);
    if before <= now() {
        set(Timespec { tv_sec: 0, tv_nsec: UTIME_NOW })?;
        if moved()? {
            return Ok(());
        }
    }
    set(later(before)).map_err(|errno| match errno {
        Errno::PERM | Errno::ACCESS => TouchError::Ahead,
        other => other.into(),
    })?;
    if moved()? { Ok(()) } else { Err(TouchError::Unmoved) }
}

/// What a file says when it was modified, in nanoseconds since 1970.
fn modified(stat: &Stat) -> i128 {
    i128::from(stat.st_mtime) * NANOS + i128::from(stat.st_mtime_nsec)
}

/// Now, by the clock that the kernel sets the times of files by: it stands still for milliseconds.
fn now() -> i128 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    i128::from(now.tv_sec) * NANOS + i128::from(now.tv_nsec)
}

const NANOS: i128 = 1_000_000_000;

/// A moment after this one.
fn later(moment: i128) -> Timespec {
    let later = moment + STEP.as_nanos().cast_signed();
    Timespec {
        tv_sec: i64::try_from(later.div_euclid(NANOS)).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(later.rem_euclid(NANOS)).unwrap_or_default(),
    }
}
