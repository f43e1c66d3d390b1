//! Reads what a process appends to the file that is its standard error.
//!
//! The file is looked at again and again, every [`INTERVAL`], instead of waiting for inotify: each
//! look takes 20 µs on a busy machine, needs no watch (of which a user may be out), and sees alike what
//! inotify on a file tells and what it does not, such as that the descriptor leads elsewhere by now.
//!
//! What can happen to a log meanwhile, and what becomes of the report then:
//! - It is renamed or deleted (logrotate's `create`): the open file goes on.
//! - It is cut to nothing and goes on (`copytruncate`): reading begins at its start again. What was
//!   written between the last look and the cut is in the copy only. That it was cut and has grown past
//!   where reading was before anybody looked again is told by what stands there instead.
//! - The process opens another file as its standard error (on SIGHUP, say): the old file is read to its
//!   end, then the new one: from its start if it was made since, else from its size when that was
//!   seen, since what it held before is no answer. If it is no regular file, reading ends with the old
//!   one, and [`Tail::follows`] says so.
//!
//! A file is read only if the process has it open for writing and could open it for reading itself: its
//! log may be another's, passed to it, and descriptor 2 may lead anywhere for a moment. What it may not
//! read is listened to by the tap, which shows what it writes and nothing else.
//!
//! A descriptor that does not append (`2>file` in a shell) writes where it stands, which is not always
//! the end of the file: there its position in `fdinfo` counts, not the size.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, FileType, OFlags, StatxFlags};
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::target::MAX_OWN_REPORT;
use crate::target::files::FileError;
use crate::target::live::LiveProcess;
use crate::target::live::deputy::{Deputy, Opened, is_served};
use crate::target::live::fds::{Fds, Info, at_rest};
use crate::target::live::stderr::STDERR;

/// How long [`Tail::wait`] sleeps between two looks.
pub const INTERVAL: Duration = Duration::from_millis(1);

/// The most bytes that are read in all: a report, and as much that others write to the same file.
const MAX_BYTES: u64 = 2 * MAX_OWN_REPORT as u64;

/// The most bytes that [`Tail::earlier`] gives.
const MAX_EARLIER: u64 = 16 << 10;

/// How many bytes before where reading is are known again.
const MARK: u64 = 64;

/// The most bytes that one [`Tail::read`] gives.
const MAX_PIECE: u64 = 4 << 20;

/// The standard error of a process, where that is a regular file, from now on.
#[derive(Debug)]
pub struct Tail {
    fds: Fds,
    deputy: Arc<Deputy>,
    file: Followed,
    opened: Timespec,
    left: u64,
    follows: Follows,
}

/// Whether what is read is what the process writes to its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// It is.
    Stderr,
    /// It is no more: its standard error leads to what is no regular file, or can not be opened.
    Lost,
    /// It is no more: it has closed its standard error, or has ended.
    Closed,
}

/// A file, and where reading it is.
#[derive(Debug)]
struct Followed {
    file: File,
    identity: (u64, u64),
    offset: u64,
    /// The last bytes before `offset`. Where others stand there, the file was cut and has grown again.
    mark: Vec<u8>,
}

impl Tail {
    /// Begins at the end of what the process has written until now. Fails with
    /// [`io::ErrorKind::InvalidInput`] if its standard error is no regular file, and with
    /// [`io::ErrorKind::PermissionDenied`] if the process may not read it itself or does not write to
    /// it; that file is opened for reading only and nothing is changed.
    pub fn open(process: &LiveProcess) -> io::Result<Tail> {
        let opened = clock_gettime(ClockId::RealtimeCoarse);
        let fds = Fds::open(process.living)?;
        let deputy = Arc::clone(process.deputy());
        let mut file = Followed::open(&fds, &deputy)?;
        file.skip(fds.info(STDERR).ok())?;
        Ok(Tail { fds, deputy, file, opened, left: MAX_BYTES, follows: Follows::Stderr })
    }

    /// Whether what is read is what the process writes now.
    pub fn follows(&self) -> Follows {
        self.follows
    }

    /// The last lines before where reading begins, some 16 KiB, the first of them perhaps cut: what a
    /// log in this file looks like.
    pub fn earlier(&self) -> Vec<u8> {
        self.file.before(MAX_EARLIER)
    }

    /// What was appended since the last time, a few MiB at most; empty if nothing was.
    pub fn read(&mut self) -> io::Result<Vec<u8>> {
        // Asked before reading: what was written to a file before it was left is read.
        let info = self.fds.info(STDERR);
        let identity = self.fds.identity(STDERR);
        let same = identity == Some(self.file.identity);
        let bytes = self.file.read(info.ok().filter(|_| same), self.left)?;
        self.left = self.left.saturating_sub(bytes.len() as u64);
        if same {
            self.follows = Follows::Stderr;
        } else if bytes.is_empty() {
            self.change(identity.is_some())?;
        }
        Ok(bytes)
    }

    /// As [`Tail::read`], but waits for something to be appended, at most until this moment.
    pub fn wait(&mut self, until: Instant) -> io::Result<Vec<u8>> {
        loop {
            let bytes = self.read()?;
            let left = until.saturating_duration_since(Instant::now());
            if !bytes.is_empty() || left.is_zero() {
                return Ok(bytes);
            }
            std::thread::sleep(left.min(INTERVAL));
        }
    }

    /// Follows descriptor 2 to where it leads by now, if that is a regular file.
    fn change(&mut self, open: bool) -> io::Result<()> {
        let Ok(mut file) = Followed::open(&self.fds, &self.deputy) else {
            self.follows = if open { Follows::Lost } else { Follows::Closed };
            return Ok(());
        };
        if !file.is_younger_than(&self.opened) {
            file.skip(self.fds.info(STDERR).ok())?;
        }
        self.file = file;
        self.follows = Follows::Stderr;
        Ok(())
    }
}

impl Followed {
    /// The file that descriptor 2 leads to, from its start.
    fn open(fds: &Fds, deputy: &Deputy) -> io::Result<Followed> {
        let handle = fds.handle(STDERR)?;
        let seen = at_rest(&handle)?;
        if FileType::from_raw_mode(seen.mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, FileError::NotRegular));
        }
        // Asked after it was taken hold of, and it must be the same still.
        let info = fds.info(STDERR)?;
        if !info.is_written() || fds.identity(STDERR) != Some(seen.identity) {
            let why = "the process has not opened it for writing";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        let file = match deputy.reopen(&handle) {
            Ok(Opened::File(file)) => file,
            Ok(Opened::Served(..)) => return Err(io::Error::other(is_served())),
            Err(error @ FileError::NotForTarget) => {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, error));
            }
            Err(error) => return Err(io::Error::other(error)),
        };
        Ok(Followed { file, identity: seen.identity, offset: 0, mark: Vec::new() })
    }

    /// Takes what was written until now as read.
    fn skip(&mut self, info: Option<Info>) -> io::Result<()> {
        self.offset = match position(info) {
            Some(position) => position,
            None => self.file.metadata()?.len(),
        };
        self.mark = self.before(MARK);
        Ok(())
    }

    /// The bytes before where reading is, at most so many.
    fn before(&self, most: u64) -> Vec<u8> {
        let start = self.offset.saturating_sub(most);
        let len = usize::try_from(self.offset - start).unwrap_or_default();
        let mut bytes = vec![0; len];
        let read = self.file.read_at(&mut bytes, start).unwrap_or_default();
        bytes.truncate(read);
        bytes
    }

    /// What was written since the last time.
    fn read(&mut self, info: Option<Info>, most: u64) -> io::Result<Vec<u8>> {
        let len = self.file.metadata()?.len();
        let position = position(info);
        let end = position.unwrap_or(len);
        if end > len {
            // It was cut, and the next write will leave a hole before it.
            self.offset = end;
        } else if end < self.offset {
            // It was cut and begun again; or the descriptor was set back.
            self.offset = position.unwrap_or(0);
        } else if end > self.offset && position.is_none() && self.before(MARK) != self.mark {
            self.offset = 0;
        }
        let len = end.saturating_sub(self.offset).min(MAX_PIECE).min(most);
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        let mut done = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, self.offset + done as u64) {
                Ok(0) => break,
                Ok(got) => done += got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(done);
        self.offset += done as u64;
        self.mark = self.before(MARK);
        Ok(bytes)
    }

    /// Whether it was made after this moment. Not every file system tells; then it was not.
    fn is_younger_than(&self, moment: &Timespec) -> bool {
        let asked = rustix::fs::statx(&self.file, "", AtFlags::EMPTY_PATH, StatxFlags::BTIME);
        let Ok(stat) = asked else { return false };
        let told = StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::BTIME);
        let born = (stat.stx_btime.tv_sec, i64::from(stat.stx_btime.tv_nsec));
        told && born >= (moment.tv_sec, moment.tv_nsec)
    }
}

/// Where a descriptor writes next; `None` if it appends, or is not known: at the end of the file.
fn position(info: Option<Info>) -> Option<u64> {
    info.filter(|info| !info.flags.contains(OFlags::APPEND)).map(|info| info.position)
}
