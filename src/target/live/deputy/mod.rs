//! A deputy: a child process that opens, lists and touches files for guru.
//!
//! For the files that a target names it has the target's own credentials: so guru reads and touches
//! in its name what it could itself, by the kernel's own judgement. And it may wait forever for who
//! serves a file (FUSE, NFS): guru gives it [`ANSWER`] for each request, then leaves it behind and
//! makes another one. What guru itself must never do with such a file is open it: closing it waits,
//! too. So such a file stays with the deputy, which reads it piece by piece.
//!
//! - [`wire`] is what is said, [`serve`] the child's side, [`credentials`] how it becomes the target.
//! - [`served`] tells which files another program serves, [`touch`] touches one.

pub mod credentials;
pub mod serve;
pub mod served;
pub mod touch;
pub mod wire;

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, WaitOptions, pidfd_open, pidfd_send_signal,
    set_parent_process_death_signal, setrlimit, waitpid,
};

use self::credentials::Rights;
use self::serve::Deputed;
use self::served::Mounts;
use self::wire::{Answer, Failure, MAX_BYTES, MAX_PACKET, Request, Seen};
use crate::target::files::{ANSWER, FileError, FileMeta};
use crate::target::live::open::{MAX_NAMES, of_errno};
use crate::target::live::proc::ProcDir;
use crate::target::live::sys;
use crate::text::Text;

/// How long all that does not come at once may take together.
const PATIENCE: Duration = Duration::from_secs(3);

/// What comes within this time is at once: a request takes some 30 µs.
const AT_ONCE: Duration = Duration::from_millis(20);

/// How long the end of a deputy that answers is waited for.
const END: Duration = Duration::from_millis(20);

/// The most processor time of a deputy, in seconds.
const MAX_SECONDS: u64 = 10;

/// The most bytes of all the names of one directory.
const MAX_LIST: usize = MAX_NAMES * 256;

/// Opens files for guru; the child is made at the first request.
#[derive(Debug)]
pub struct Deputy {
    /// The directory of the target in `/proc`: never that of a later process with the same id.
    directory: Result<ProcDir, Errno>,
    /// Whose rights it has.
    rights: Option<Rights>,
    /// Whether the target has another user namespace than guru.
    foreign: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    child: Option<Child>,
    /// How much of [`PATIENCE`] is left.
    left: Duration,
    room: Vec<u8>,
}

/// A child that serves.
#[derive(Debug)]
struct Child {
    id: Pid,
    /// Its own, whatever becomes of its id. Before Linux 5.3 there is none.
    pidfd: Option<OwnedFd>,
    socket: OwnedFd,
    answers: bool,
}

/// A regular file that was opened.
#[derive(Debug)]
pub enum Opened {
    /// Nobody but the kernel serves it.
    File(File),
    /// Another program serves it: this is a handle on it, to ask the deputy with.
    Served(OwnedFd, Seen),
}

/// Why there is no answer.
enum Lost {
    /// It did not come in time.
    Late,
    /// The deputy has ended.
    Ended,
    /// There can be none.
    Never(FileError),
}

impl From<Errno> for Lost {
    fn from(errno: Errno) -> Lost {
        match errno {
            Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN => Lost::Ended,
            other => Lost::Never(of_errno(other)),
        }
    }
}

impl Deputy {
    /// One that has the rights of this process and sees its files. Where guru has no more rights than
    /// its user, it has those of guru.
    pub fn of_target(pid: i32) -> Arc<Deputy> {
        Deputy::new(pid, Rights::of_target)
    }

    /// One that has the rights of guru and sees the files of this process: for those that the process
    /// has mapped.
    pub fn of_guru(pid: i32) -> Arc<Deputy> {
        Deputy::new(pid, |_| Some(Rights::Own))
    }

    fn new(pid: i32, rights: impl FnOnce(&ProcDir) -> Option<Rights>) -> Arc<Deputy> {
        let directory = ProcDir::open(pid);
        let rights = directory.as_ref().ok().and_then(rights);
        let foreign = directory.as_ref().map_or(true, credentials::is_foreign);
        let state = State { child: None, left: PATIENCE, room: Vec::new() };
        Arc::new(Deputy { directory, rights, foreign, state: Mutex::new(state) })
    }

    /// The mounts of the target.
    pub fn mounts(&self) -> Mounts {
        self.directory
            .as_ref()
            .map_or_else(|_| Mounts::default(), |directory| Mounts::of(directory, self.foreign))
    }

    /// A regular file at an absolute path inside the root of the target.
    pub fn open(&self, path: &[u8]) -> Result<Opened, FileError> {
        opened(self.ask(Request::Open(path), None)?)
    }

    /// A regular file with this name in a directory; no link is followed.
    pub fn open_in(&self, directory: &OwnedFd, name: &CStr) -> Result<Opened, FileError> {
        let request = Request::OpenIn(name.to_bytes());
        opened(self.ask(request, Some(directory.as_fd()))?)
    }

    /// A regular file that is held and not opened (`O_PATH`).
    pub fn reopen(&self, handle: &OwnedFd) -> Result<Opened, FileError> {
        opened(self.ask(Request::Reopen, Some(handle.as_fd()))?)
    }

    /// What is at an absolute path inside the root of the target, not opened.
    pub fn find(&self, path: &[u8]) -> Result<(OwnedFd, Seen), FileError> {
        let answer = self.ask(Request::Find(path), None)?;
        Ok((answer.fd.ok_or_else(no_file)?, answer.seen))
    }

    /// A directory, opened to be listed and watched.
    ///
    /// # Errors
    /// Also if another program serves it.
    pub fn directory(&self, path: &[u8]) -> Result<OwnedFd, FileError> {
        let answer = self.ask(Request::Directory(path), None)?;
        answer.fd.ok_or_else(is_served)
    }

    /// The names in a directory inside the root of the target, sorted.
    pub fn list(&self, path: &[u8]) -> Result<Vec<Text>, FileError> {
        let answer = self.ask(Request::List(path), None)?;
        let names = answer.bytes.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        let mut names: Vec<Text> = names.take(MAX_NAMES).map(Text::from_bytes).collect();
        names.sort();
        Ok(names)
    }

    /// Fills `buf` from a regular file that is held and not opened, as far as that goes.
    pub fn read(&self, handle: &OwnedFd, offset: u64, buf: &mut [u8]) -> Result<usize, FileError> {
        let mut done = 0;
        while done < buf.len() {
            let len = (buf.len() - done).min(MAX_BYTES);
            let (offset, len) = (offset.saturating_add(done as u64), len as u32);
            let answer = self.ask(Request::Read { offset, len }, Some(handle.as_fd()))?;
            if answer.bytes.is_empty() {
                break;
            }
            for (to, from) in buf.iter_mut().skip(done).zip(&answer.bytes) {
                *to = *from;
            }
            done = buf.len().min(done + answer.bytes.len());
        }
        Ok(done)
    }

    /// Moves the time of modification of a regular file at an absolute path inside the root of the
    /// target forward, past now.
    pub fn touch(&self, path: &[u8]) -> Result<Result<(), Failure>, FileError> {
        let answer = self.exchange(Request::Touch(path), None)?;
        match answer.done {
            Err(failure @ (Failure::Ahead | Failure::Unmoved)) => Ok(Err(failure)),
            done => done.map(Ok).map_err(|failure| self.meaning(failure)),
        }
    }

    /// The answer to a request that was done.
    fn ask(&self, request: Request<'_>, with: Option<BorrowedFd<'_>>) -> Result<Answer, FileError> {
        let answer = self.exchange(request, with)?;
        answer.done.map_err(|failure| self.meaning(failure))?;
        Ok(answer)
    }

    /// What a failure means for a file.
    fn meaning(&self, failure: Failure) -> FileError {
        let in_its_name = matches!(self.rights, Some(Rights::Of(_)));
        match failure {
            Failure::Kernel(Errno::ACCESS | Errno::PERM) if in_its_name => FileError::NotForTarget,
            Failure::Kernel(errno) => of_errno(errno),
            Failure::Credentials => FileError::NotForTarget,
            Failure::NotRegular => FileError::NotRegular,
            Failure::Ahead | Failure::Unmoved => FileError::Other("its time does not move".into()),
        }
    }

    /// The answer to a request.
    fn exchange(
        &self,
        request: Request<'_>,
        with: Option<BorrowedFd<'_>>,
    ) -> Result<Answer, FileError> {
        let Some(rights) = &self.rights else { return Err(FileError::NotForTarget) };
        let state = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.left.is_zero() {
            return Err(FileError::NotAsked);
        }
        let begun = Instant::now();
        let until = begun + ANSWER.min(state.left);
        let mut answer = self.try_exchange(state, rights, request, with, until);
        // It ends with the thread that made it (PR_SET_PDEATHSIG), and by any stray signal.
        if let Err(Lost::Ended) = answer {
            state.child = None;
            answer = self.try_exchange(state, rights, request, with, until);
        }
        state.left = state.left.saturating_sub(begun.elapsed().saturating_sub(AT_ONCE));
        let lost = match answer {
            Ok(answer) => return Ok(answer),
            Err(lost) => lost,
        };
        // What it would still say would be taken for the answer to the next request.
        state.child = None;
        Err(match lost {
            Lost::Late => FileError::Unanswered,
            Lost::Ended => FileError::Other("the process that should open it has ended".into()),
            Lost::Never(error) => error,
        })
    }

    fn try_exchange(
        &self,
        state: &mut State,
        rights: &Rights,
        request: Request<'_>,
        with: Option<BorrowedFd<'_>>,
        until: Instant,
    ) -> Result<Answer, Lost> {
        let child = match &mut state.child {
            Some(child) => child,
            none => none.insert(self.make(rights)?),
        };
        child.answers = false;
        wire::send(&child.socket, &request.encode(), with)?;
        state.room.resize(MAX_PACKET, 0);
        let mut before = Vec::new();
        loop {
            await_packet(&child.socket, until)?;
            let received = Answer::receive(&child.socket, &mut state.room)?;
            let mut answer = received.ok_or(Lost::Ended)?;
            if !answer.more {
                child.answers = true;
                before.append(&mut answer.bytes);
                return Ok(Answer { bytes: before, ..answer });
            }
            before.append(&mut answer.bytes);
            if before.len() > MAX_LIST {
                return Err(Lost::Never(FileError::TooLarge(MAX_LIST as u64)));
            }
        }
    }

    /// Makes the child.
    fn make(&self, rights: &Rights) -> Result<Child, Lost> {
        let directory = self.directory.as_ref().map_err(|errno| Lost::Never(of_errno(*errno)))?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        // With the rights of guru: /proc shows it to who may trace the process.
        let root = openat(directory, "root", flags, Mode::empty())?;
        let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
        let (socket, theirs) = socketpair(AddressFamily::UNIX, kind, flags, None)?;
        let deputed = Deputed { socket: theirs, root, foreign: self.foreign };
        let id = sys::fork(|| {
            let able = settle(&deputed, directory, rights).is_ok();
            deputed.serve(able);
            0
        });
        let id = id.map_err(|error| Lost::Never(FileError::Other(error.to_string())))?;
        let pidfd = pidfd_open(id, PidfdFlags::empty()).ok();
        Ok(Child { id, pidfd, socket, answers: true })
    }
}

/// Makes this process, which was just forked, a deputy with these rights.
fn settle(deputed: &Deputed, directory: &ProcDir, rights: &Rights) -> Result<(), Errno> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // What it has in its place is not written to, whatever happens: no message of a panic goes there.
    let mut kept = vec![deputed.root.as_fd(), directory.as_fd(), deputed.socket.as_fd()];
    if let Rights::Of(credentials) = rights {
        kept.extend(credentials.namespace());
    }
    sys::keep_only(&kept).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let limit =
        |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    limit(Resource::Core, 0)?;
    limit(Resource::Cpu, MAX_SECONDS)?;
    match rights {
        Rights::Own => Ok(()),
        // Losing rights clears it: it is asked for once more there.
        Rights::Of(credentials) => credentials.take(),
    }?;
    set_parent_process_death_signal(Some(Signal::KILL))
}

/// Waits for a packet, until then.
fn await_packet(socket: &OwnedFd, until: Instant) -> Result<(), Lost> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).unwrap_or_default();
        match poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Err(Lost::Late),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn opened(answer: Answer) -> Result<Opened, FileError> {
    let fd = answer.fd.ok_or_else(no_file)?;
    Ok(if answer.served { Opened::Served(fd, answer.seen) } else { Opened::File(fd.into()) })
}

/// A deputy said that it was done, and sent none: guru had no descriptor left to take it.
fn no_file() -> FileError {
    of_errno(Errno::MFILE)
}

/// That a file is not looked at by guru itself.
pub fn is_served() -> FileError {
    FileError::Other("another program serves its file system (FUSE, NFS)".into())
}

impl From<&Seen> for FileMeta {
    fn from(seen: &Seen) -> FileMeta {
        FileMeta {
            len: seen.len,
            modified: seen.modified,
            changed: Some(seen.changed),
            identity: seen.identity,
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It ends because nobody is at the other end of its socket any more.
        let _ = shutdown(&self.socket, Shutdown::Both);
        let Some(pidfd) = &self.pidfd else { return };
        let patience = if self.answers { END } else { Duration::ZERO };
        let patience = Timespec::try_from(patience).unwrap_or_default();
        let ended = poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&patience));
        if !matches!(ended, Ok(1)) {
            // One that waits for a server ends when that answers, perhaps never.
            let _ = pidfd_send_signal(pidfd, Signal::KILL);
        }
        let _ = waitpid(Some(self.id), WaitOptions::NOHANG);
    }
}
