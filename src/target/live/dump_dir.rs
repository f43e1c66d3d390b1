//! Watches a directory for the reports that a process writes into it (`[oslo_reports] log_dir`).
//!
//! A report there is one file, called `SERVICE_gurumeditation_TIME` with the time in seconds: two in the
//! same second are the same file, written anew. So it is not a new name that is waited for but the
//! end of writing: inotify(7) tells when a file that was open for writing is closed, or was moved to
//! here. Where inotify can not be had (a user may be out of watches), the directory is listed again
//! and again, and a file counts when it is another one than before and no longer changes.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Read as _;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::fs::{AtFlags, Dir};
use rustix::io::Errno;

use crate::target::files::FileError;
use crate::target::live::LiveProcess;
use crate::target::live::access::Access;
use crate::target::live::directory::absolute;
use crate::target::live::open::{MAX_NAMES, directory, in_directory, magic, of_errno};
use crate::text::Text;

/// What the name of every report has in it.
const MARK: &str = "_gurumeditation_";

/// The largest report that is read, in bytes: a hundred times the largest that was seen.
pub const MAX_BYTES: u64 = 256 << 20;

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
    /// Whether its writer was seen to close it; if not, it has only not changed for [`QUIET`].
    pub closed: bool,
}

/// A directory that reports are written into, watched from now on.
#[derive(Debug)]
pub struct DumpDir {
    directory: OwnedFd,
    access: Access,
    /// What the names of the reports begin with.
    begin: String,
    way: Way,
    /// Names that were told and not given yet.
    ready: BTreeSet<CString>,
}

/// How it is watched.
#[derive(Debug)]
enum Way {
    Told(OwnedFd),
    Listed { known: BTreeMap<CString, Look>, changing: BTreeMap<CString, (Look, Instant)> },
}

/// By what a file that was written anew is known: inode, size, time of modification and of change.
type Look = (u64, u64, (i64, u64), (i64, u64));

impl DumpDir {
    /// Begins to watch a directory at a path as the process sees it. `service` is what the names of its
    /// reports begin with, if that is known.
    ///
    /// # Errors
    /// If there is no such directory inside the process's root, or guru or the process may not list it.
    pub fn watch(
        process: &LiveProcess,
        path: &Text,
        service: Option<&str>,
    ) -> Result<DumpDir, FileError> {
        let mut watched = DumpDir::listed(process, path, service)?;
        if let Ok(told) = tell(&watched.directory) {
            watched.way = Way::Told(told);
        }
        Ok(watched)
    }

    /// As [`DumpDir::watch`], without inotify.
    pub fn listed(
        process: &LiveProcess,
        path: &Text,
        service: Option<&str>,
    ) -> Result<DumpDir, FileError> {
        let access = Access::to(process.living);
        let path = absolute(process, path)?;
        let directory = directory(process.living, path.as_slice(), &access)?;
        let begin = service.map_or_else(String::new, |service| format!("{service}{MARK}"));
        let mut watched = DumpDir {
            directory,
            access,
            begin,
            way: Way::Listed { known: BTreeMap::new(), changing: BTreeMap::new() },
            ready: BTreeSet::new(),
        };
        let found = watched.looks()?;
        watched.way = Way::Listed { known: found, changing: BTreeMap::new() };
        Ok(watched)
    }

    /// Whether the kernel tells of files; if not, the directory is listed again and again.
    pub fn is_told(&self) -> bool {
        matches!(self.way, Way::Told(_))
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
            match &self.way {
                Way::Told(told) => {
                    wait(told, left)?;
                    self.take_events()?;
                }
                Way::Listed { .. } => self.list(Instant::now())?,
            }
            if self.ready.is_empty() {
                if left.is_zero() {
                    return Ok(None);
                }
                if !self.is_told() {
                    std::thread::sleep(left.min(INTERVAL));
                }
            }
        }
    }

    /// A file with the name of a report; `None` if there is no regular file of that name (any more).
    fn dumped(&self, name: &CStr) -> Option<Dumped> {
        let bytes = match in_directory(&self.directory, name, &self.access) {
            Ok(file) => whole(file),
            Err(FileError::Absent | FileError::NotRegular) => return None,
            Err(error) => Err(error),
        };
        Some(Dumped { name: Text::from_bytes(name.to_bytes()), bytes, closed: self.is_told() })
    }

    /// Takes what inotify has to tell.
    fn take_events(&mut self) -> Result<(), FileError> {
        let Way::Told(told) = &self.way else { return Ok(()) };
        let mut buffer = [MaybeUninit::uninit(); 16 << 10];
        let mut reader = Reader::new(told, &mut buffer);
        let mut lost = false;
        loop {
            match reader.next() {
                Ok(event) => {
                    lost |= event.events().intersects(ReadFlags::QUEUE_OVERFLOW);
                    if event.events().contains(ReadFlags::IGNORED) {
                        // The directory was deleted: nothing is written into it any more.
                        return Err(FileError::Absent);
                    }
                    let name = event.file_name().filter(|name| is_report(name, &self.begin));
                    if self.ready.len() < MAX_NAMES {
                        self.ready.extend(name.map(CStr::to_owned));
                    }
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(of_errno(error)),
            }
            // The process may write files as fast as their names are read.
            if reader.is_buffer_empty() && !self.ready.is_empty() {
                break;
            }
        }
        if lost {
            // Which were written is not known: they are looked for from now on.
            self.way = Way::Listed { known: BTreeMap::new(), changing: BTreeMap::new() };
        }
        Ok(())
    }

    /// Looks for files that have been written since they were listed last.
    fn list(&mut self, now: Instant) -> Result<(), FileError> {
        let found = self.looks()?;
        let Way::Listed { known, changing } = &mut self.way else { return Ok(()) };
        changing.retain(|name, _| found.contains_key(name));
        known.retain(|name, _| found.contains_key(name));
        for (name, look) in found {
            if known.get(&name) == Some(&look) {
                continue;
            }
            match changing.get(&name) {
                Some((seen, since)) if *seen == look => {
                    // An empty file is one that is about to be written.
                    if look.1 > 0 && now.saturating_duration_since(*since) >= QUIET {
                        changing.remove(&name);
                        known.insert(name.clone(), look);
                        self.ready.insert(name);
                    }
                }
                _ => drop(changing.insert(name, (look, now))),
            }
        }
        Ok(())
    }

    /// The files with the names of reports, as they are now.
    fn looks(&self) -> Result<BTreeMap<CString, Look>, FileError> {
        let mut found = BTreeMap::new();
        for entry in Dir::read_from(&self.directory).map_err(of_errno)?.take(MAX_NAMES) {
            let entry = entry.map_err(of_errno)?;
            let name = entry.file_name();
            if !is_report(name, &self.begin) {
                continue;
            }
            let stat = rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW);
            let Ok(stat) = stat else { continue };
            let size = u64::try_from(stat.st_size).unwrap_or(0);
            let modified = (stat.st_mtime, stat.st_mtime_nsec);
            let changed = (stat.st_ctime, stat.st_ctime_nsec);
            found.insert(name.to_owned(), (stat.st_ino, size, modified, changed));
        }
        Ok(found)
    }
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
