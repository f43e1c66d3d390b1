//! Who reads a pipe: a walk over the descriptors of all processes.

use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, StatxFlags};
use rustix::io::Errno;

use crate::target::live::proc::table;
use crate::target::live::{LiveProcess, facts};
use crate::text::Text;

/// How long the walk may take: 184 processes took 19 ms on a busy machine.
const MAX_TIME: Duration = Duration::from_millis(200);

/// The most readers that are named: a shell's children may all have inherited the pipe.
const MAX_READERS: usize = 16;

/// What a walk found.
#[derive(Debug, Default)]
pub struct Found {
    /// Process ids and names.
    pub readers: Vec<(i32, Text)>,
    /// Whether there may be others.
    pub unseen: bool,
}

/// Who has this pipe open for reading: the kernel's name for it, its device and inode. Likely ones are
/// looked at first, for there may be no time for all: the parent, then who was started next to it.
pub fn of(process: &LiveProcess, link: &[u8], identity: (u64, u64)) -> Found {
    let parent = process.stat().map_or(0, |stat| stat.ppid);
    let mut pids = table::ids();
    pids.sort_unstable_by_key(|pid| (*pid != parent, pid.abs_diff(process.pid)));
    let mut found = Found { unseen: pids.is_empty(), ..Found::default() };
    let until = Instant::now() + MAX_TIME;
    for pid in pids {
        if Instant::now() > until || found.readers.len() >= MAX_READERS {
            found.unseen = true;
            break;
        }
        match reads(pid, link, identity, until) {
            Ok(true) => found.readers.push((pid, facts::name(pid).into())),
            Ok(false) | Err(Errno::NOENT | Errno::SRCH) => {}
            Err(_) => found.unseen = true,
        }
    }
    found
}

/// Whether a process has it open for reading. The kernel's names are compared first: to ask a file
/// of a dead file server for its inode would hang.
fn reads(pid: i32, link: &[u8], identity: (u64, u64), until: Instant) -> rustix::io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(format!("/proc/{pid}/fd"), flags, Mode::empty())?;
    let mut buffer = Vec::new();
    for entry in Dir::read_from(&directory)? {
        if Instant::now() > until {
            return Err(Errno::TIMEDOUT);
        }
        let entry = entry?;
        let name = entry.file_name();
        let Ok(known) = rustix::fs::readlinkat(&directory, name, buffer) else {
            buffer = Vec::new();
            continue;
        };
        let same_name = known.as_bytes() == link;
        buffer = known.into_bytes();
        if !same_name {
            continue;
        }
        // The link's own mode says how it was opened (proc_pid_fd(5)).
        let own = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW);
        // No server is asked.
        let file = rustix::fs::statx(&directory, name, AtFlags::STATX_DONT_SYNC, StatxFlags::INO);
        let (Ok(own), Ok(file)) = (own, file) else { continue };
        let device = rustix::fs::makedev(file.stx_dev_major, file.stx_dev_minor);
        if own.st_mode & 0o400 != 0 && (device, file.stx_ino) == identity {
            return Ok(true);
        }
    }
    Ok(false)
}
