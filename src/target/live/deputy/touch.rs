//! Moves the time of modification of a file forward, past now, with the rights that this process has.
//!
//! Where the file's time already lies ahead (a clock that was set back, a file from another machine),
//! "now" would move it backwards; there it is moved on by `STEP` from where it is. The kernel lets
//! anybody who may write a file set its time to now, but only the owner set another one.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Stat, Timespec, Timestamps, UTIME_NOW};
use rustix::io::Errno;

use super::wire::Failure;
use crate::target::live::open::magic;

/// How far a time that lies ahead of now is moved on: file systems keep it in steps of up to two
/// seconds (FAT).
const STEP: Duration = Duration::from_secs(2);

const NANOS: i128 = 1_000_000_000;

/// Touches a regular file that was found.
pub fn touch(found: &OwnedFd) -> Result<(), Failure> {
    let before = modified(&rustix::fs::fstat(found)?);
    let set = |time| {
        let times = Timestamps { last_access: time, last_modification: time };
        // The path of the very file: utimensat takes no O_PATH descriptor before Linux 5.8.
        rustix::fs::utimensat(CWD, magic(found), &times, AtFlags::empty())
    };
    let moved = || Ok::<_, Failure>(modified(&rustix::fs::fstat(found)?) > before);
    let is_past = before <= now();
    if is_past {
        set(Timespec { tv_sec: 0, tv_nsec: UTIME_NOW })?;
        if moved()? {
            return Ok(());
        }
    }
    set(later(before)).map_err(|errno| match errno {
        // EACCES is given for "now" only (utimensat(2)): who may write it does not get that far.
        Errno::PERM | Errno::ACCESS if is_past || may_write(found) => Failure::Ahead,
        other => other.into(),
    })?;
    if moved()? { Ok(()) } else { Err(Failure::Unmoved) }
}

/// Whether this process may write a file.
fn may_write(found: &OwnedFd) -> bool {
    let flags = AtFlags::EACCESS;
    rustix::fs::accessat(CWD, magic(found), rustix::fs::Access::WRITE_OK, flags).is_ok()
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

/// A moment after this one.
fn later(moment: i128) -> Timespec {
    let later = moment + STEP.as_nanos().cast_signed();
    Timespec {
        tv_sec: i64::try_from(later.div_euclid(NANOS)).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(later.rem_euclid(NANOS)).unwrap_or_default(),
    }
}
