//! Whether what a process writes to its standard error would fail.
//!
//! A report is printed by a handler: Python raises there what the write fails with, in the middle of
//! whatever the main thread does, and that ends the process (seen with a socket whose peer was gone, a
//! terminal that was hung up, `/dev/full`, a full file system, and a limit of size).

use procfs::FromRead as _;
use procfs::process::{LimitValue, Limits};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use crate::target::live::LiveProcess;
use crate::target::live::fds::{Fds, at_rest};
use crate::target::live::stderr::STDERR;

/// `/dev/full`: major and minor number (the kernel's `Documentation/admin-guide/devices.txt`).
const FULL: (u32, u32) = (1, 7);

/// How many bytes must still fit into a file: more than most reports have.
const ROOM: u64 = 1 << 20;

/// Why every write would fail, as the end of a sentence about the standard error; `None` if nothing
/// is known to be in the way.
pub fn unwritable(process: &LiveProcess) -> Option<&'static str> {
    let fds = Fds::open(process.living).ok()?;
    let handle = fds.handle(STDERR).ok()?;
    let info = fds.info(STDERR).ok()?;
    if info.flags & OFlags::RWMODE == OFlags::RDONLY {
        return Some("is open for reading only");
    }
    let stat = at_rest(&handle).ok()?;
    match FileType::from_raw_mode(stat.mode) {
        FileType::RegularFile => {
            // Who serves a file may never say how much room there is.
            let served = process.deputy().mounts().serve(&handle);
            let volume = if served { None } else { rustix::fs::fstatvfs(&handle).ok() };
            let free = |volume: rustix::fs::StatVfs| volume.f_bfree.saturating_mul(volume.f_frsize);
            // Some count nothing.
            let counted = volume.filter(|volume| volume.f_blocks > 0);
            if counted.is_some_and(|volume| free(volume) < ROOM) {
                return Some("is on a file system that is full");
            }
            let limits = Limits::from_read(process.process.file("limits").ok()?).ok()?;
            let LimitValue::Value(most) = limits.max_file_size.soft_limit else { return None };
            (stat.len.saturating_add(ROOM) > most)
                .then_some("may not grow any more (RLIMIT_FSIZE of the process)")
        }
        FileType::CharacterDevice if stat.device == FULL => Some("is /dev/full"),
        _ => is_hung_up(process.pid).then_some("has nobody at its other end any more"),
    }
}

/// Whether the other end of a pipe, a socket or a terminal is gone: the descriptor itself is asked, by
/// a copy that is closed at once. Where the kernel gives none, that is not known.
fn is_hung_up(pid: i32) -> bool {
    let copy = || {
        let pidfd = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        pidfd_getfd(&pidfd, STDERR, PidfdGetfdFlags::empty()).ok()
    };
    let Some(copy) = copy() else { return false };
    let mut polled = [PollFd::new(&copy, PollFlags::OUT)];
    let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
    poll(&mut polled, Some(&Timespec::default())).is_ok() && polled[0].revents().intersects(gone)
}
