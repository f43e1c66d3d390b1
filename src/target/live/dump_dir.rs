//! Watches a directory for the reports that a process writes into it (`[oslo_reports] log_dir`).
//!
//! A report there is one file, called `SERVICE_gurumeditation_TIME` with the time in seconds: two in the
//! same second are the same file, written anew. So it is not a new name that is waited for but the
//! end of writing: inotify(7) tells when a file that was open for writing is closed, or was moved to
//! here. Where inotify can not be had (a user may be out of watches), the directory is listed again
//! and again, and a file counts when it is another one than before and no longer changes.
//!
//! Directory and files are opened with the rights of the process: it chose the name, and reads no more
//! in this way than it could itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Read as _;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::fs::{AtFlags, Dir, StatxFlags};
use rustix::io::Errno;

use crate::target::MAX_OWN_REPORT;
use crate::target::files::FileError;
use crate::target::live::LiveProcess;
use crate::target::live::deputy::{Deputy, Opened, is_served};
use crate::target::live::directory::absolute;
use crate::target::live::open::{MAX_NAMES, magic, of_errno};
use crate::text::Text;

/// What the name of every report has in it.
const MARK: &str = "_gurumeditation_";

/// The largest report that is read, in bytes.
const MAX_BYTES: u64 = MAX_OWN_REPORT as u64;

/// How long [`DumpDir::next`] sleeps between two listings where there is no inotify.
const INTERVAL: Duration = Duration::from_millis(5);

/// How long a file must stay as it is to count as written where there is no inotify.
const QUIET: Duration = Duration::from_millis(100);

/// A report in the directory.
#[derive(Debug)]
pub struct Dumped {
    /// The name of its file.
    pub name: Text,
    /// What is in it, or why that can not be read.
    pub bytes: Result<Vec<u8>, FileError>,
}

/// A directory that reports are written into, watched from now on.
#[derive(Debug)]
pub struct DumpDir {
    directory: OwnedFd,
    deputy: Arc<Deputy>,
    /// What the names of the reports begin with.
    begin: String,
    /// What tells of files that were written; `None` if they are looked for.
    told: Option<OwnedFd>,
    /// The reports that were there at first or have been given since.
    known: BTreeMap<CString, Look>,
    /// Those that are other ones than these, and since when they have not changed.
    changing: BTreeMap<CString, (Look, Instant)>,
    /// Those that were written and not given yet.
    ready: BTreeSet<CString>,
}

/// By what a file that was written anew is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, u64),
    changed: (i64, u64),
}

impl DumpDir {
    /// Begins to watch a directory at a path as the process sees it. `service` is what the names of its
    /// reports begin with, if that is known.
    ///
    /// # Errors
    /// If there is no such directory inside the process's root, or guru or the process may not list it.
    pub fn watch(
        process: &LiveProcess,
        path: &Text,
        service: Option<&Text>,
    ) -> Result<DumpDir, FileError> {
        let mut watched = DumpDir::listed(process, path, service)?;
        watched.told = tell(&watched.directory).ok();
        Ok(watched)
    }

    /// As [`DumpDir::watch`], without inotify.
    pub fn listed(
        process: &LiveProcess,
        path: &Text,
        service: Option<&Text>,
    ) -> Result<DumpDir, FileError> {
        let deputy = Arc::clone(process.deputy());
        let directory = deputy.directory(&absolute(process, path)?)?;
        let begin = service.map_or_else(String::new, |service| format!("{}{MARK}", service.raw()));
        let known = looks(&directory, &begin)?;
        let (changing, ready) = (BTreeMap::new(), BTreeSet::new());
        Ok(DumpDir { directory, deputy, begin, told: None, known, changing, ready })
    }

    /// Whether the kernel tells of files; if not, the directory is listed again and again.
    pub fn is_told(&self) -> bool {
        self.told.is_some()
    }

    /// The next report that was written, if there is one until this moment.
    ///
    /// # Errors
    /// If the directory can not be listed any more.
    pub fn next(&mut self, until: Instant) -> Result<Option<Dumped>, FileError> {
        loop {
            while let Some(name) = self.ready.pop_first() {
                if let Some(dumped) = self.dumped(&name) {
                    return Ok(Some(dumped));
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            match &self.told {
                Some(told) => {
                    wait(told, left)?;
                    self.take_events()?;
                }
                None => self.list(Instant::now())?,
            }
            if self.ready.is_empty() && left.is_zero() {
                return Ok(None);
            }
            if self.ready.is_empty() && !self.is_told() {
                std::thread::sleep(left.min(INTERVAL));
            }
        }
    }

    /// A file with the name of a report; `None` if there is no regular file of that name (any more).
    fn dumped(&mut self, name: &CStr) -> Option<Dumped> {
        let look = look(&self.directory, name)?;
        self.known.insert(name.to_owned(), look);
        let bytes = match self.deputy.open_in(&self.directory, name) {
            Ok(Opened::File(file)) => whole(file),
            Ok(Opened::Served(..)) => Err(is_served()),
            Err(FileError::Absent | FileError::NotRegular) => return None,
            Err(error) => Err(error),
        };
        Some(Dumped { name: Text::from_bytes(name.to_bytes()), bytes })
    }

    /// Takes what inotify has to tell.
    fn take_events(&mut self) -> Result<(), FileError> {
        let Some(told) = &self.told else { return Ok(()) };
        let mut buffer = [MaybeUninit::uninit(); 16 << 10];
        let mut reader = Reader::new(told, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(of_errno(error)),
            };
            if event.events().contains(ReadFlags::IGNORED) {
                // The directory was deleted: nothing is written into it any more.
                return Err(FileError::Absent);
            }
            let lost = event.events().contains(ReadFlags::QUEUE_OVERFLOW);
            let name = event.file_name().filter(|name| is_report(name, &self.begin));
            self.ready.extend(name.map(CStr::to_owned));
            if lost {
                // Too many to tell them all: those that are not known are looked for.
                self.told = None;
                return Ok(());
            }
            // A process may write files as fast as their names are read.
            if reader.is_buffer_empty() {
                return Ok(());
            }
        }
    }

    /// Looks for files that have been written since they were listed last.
    fn list(&mut self, now: Instant) -> Result<(), FileError> {
        let found = looks(&self.directory, &self.begin)?;
        self.changing.retain(|name, _| found.contains_key(name));
        self.known.retain(|name, _| found.contains_key(name));
        for (name, look) in found {
            if self.known.get(&name) == Some(&look) {
                continue;
            }
            let since = match self.changing.get(&name) {
                Some((seen, since)) if *seen == look => *since,
                _ => now,
            };
            // An empty file is one that is about to be written.
            if look.size > 0 && now.saturating_duration_since(since) >= QUIET {
                self.changing.remove(&name);
                self.ready.insert(name);
            } else {
                self.changing.insert(name, (look, since));
            }
        }
        Ok(())
    }
}

/// The files with the names of reports, as they are now.
fn looks(directory: &OwnedFd, begin: &str) -> Result<BTreeMap<CString, Look>, FileError> {
    let mut found = BTreeMap::new();
    for entry in Dir::read_from(directory).map_err(of_errno)?.take(MAX_NAMES) {
        let entry = entry.map_err(of_errno)?;
        let name = entry.file_name();
        let look = is_report(name, begin).then(|| look(directory, name)).flatten();
        found.extend(look.map(|look| (name.to_owned(), look)));
    }
    Ok(found)
}

/// A file as it is now; `None` if it is gone.
fn look(directory: &OwnedFd, name: &CStr) -> Option<Look> {
    // No server is asked: something may be mounted at that name.
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
    let stat = rustix::fs::statx(directory, name, flags, StatxFlags::BASIC_STATS).ok()?;
    Some(Look {
        inode: stat.stx_ino,
        size: stat.stx_size,
        modified: (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec.into()),
        changed: (stat.stx_ctime.tv_sec, stat.stx_ctime.tv_nsec.into()),
    })
}

/// Whether a file is called as a report is.
fn is_report(name: &CStr, begin: &str) -> bool {
    let name = name.to_bytes();
    name.starts_with(begin.as_bytes()) && memchr::memmem::find(name, MARK.as_bytes()).is_some()
}

/// Asks to be told of the files in a directory that were written.
fn tell(directory: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let told = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
    let events = WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO | WatchFlags::ONLYDIR;
    inotify::add_watch(&told, magic(directory), events)?;
    Ok(told)
}

/// Waits until there is something to read, at most this long.
fn wait(told: &OwnedFd, left: Duration) -> Result<(), FileError> {
    let left = Timespec::try_from(left).unwrap_or_default();
    match poll(&mut [PollFd::new(told, PollFlags::IN)], Some(&left)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(of_errno(error)),
    }
}

/// The whole of a file.
fn whole(file: File) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| FileError::Other(error.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES { Err(FileError::TooLarge(MAX_BYTES)) } else { Ok(bytes) }
}
