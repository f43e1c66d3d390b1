//! What a deputy does: one request after the other, with the rights that it has, until guru is gone.
//!
//! All that can wait for another program is done here and not in guru: walking a path, opening, asking
//! for size and time, reading.

use std::os::fd::OwnedFd;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat, openat, openat2};
use rustix::io::Errno;
use rustix::path::Arg;

use super::served::{is_local, kind};
use super::touch::touch;
use super::wire::{self, Answer, Failure, MAX_BYTES, MAX_PACKET, Request, Seen};
use crate::target::live::open::{MAX_NAMES, magic};

/// How often a path is followed again where something was renamed on the way.
const MAX_TRIES: usize = 8;

/// `PROC_SUPER_MAGIC` of the kernel's `include/uapi/linux/magic.h`.
const PROC: u64 = 0x9fa0;

/// What a deputy needs to serve.
pub struct Deputed {
    /// What requests come from.
    pub socket: OwnedFd,
    /// The root directory of the target.
    pub root: OwnedFd,
    /// Whether the target has a user namespace of its own: it may have stacked file systems there.
    pub foreign: bool,
}

impl Deputed {
    /// Serves until the other side is gone. `able` is false if the rights of the target could not be
    /// taken: then nothing is done at all.
    pub fn serve(&self, able: bool) {
        let mut room = vec![0; MAX_PACKET];
        while let Ok(Some((len, fd))) = wire::receive(&self.socket, &mut room) {
            let request = room.get(..len).and_then(Request::decode);
            // What is closed when the answer is on its way: closing may wait for a server, too.
            let mut used = None;
            let done = match (request, able) {
                (Some(request), true) => self.answer(request, fd, &mut used),
                (_, false) => Err(Failure::Credentials),
                (None, _) => Err(Failure::Kernel(Errno::BADMSG)),
            };
            let sent = match done {
                Ok(answer) => answer.send(&self.socket),
                Err(failure) => Answer::of(Err(failure)).send(&self.socket),
            };
            if sent.is_err() {
                break;
            }
        }
    }

    fn answer(
        &self,
        request: Request<'_>,
        with: Option<OwnedFd>,
        used: &mut Option<OwnedFd>,
    ) -> Result<Answer, Failure> {
        let with = || with.as_ref().ok_or(Failure::Kernel(Errno::BADF));
        match request {
            Request::Open(path) => self.open(self.find(path, OFlags::PATH)?, used),
            Request::OpenIn(name) => {
                let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                self.open(openat(with()?, name, flags, Mode::empty())?, used)
            }
            Request::Reopen => self.open(rustix::io::fcntl_dupfd_cloexec(with()?, 0)?, used),
            Request::Find(path) => {
                let found = self.find(path, OFlags::PATH)?;
                let seen = Seen::from(&rustix::fs::fstat(&found)?);
                Ok(Answer { seen, fd: Some(found), ..Answer::of(Ok(())) })
            }
            Request::Directory(path) => {
                let found = self.find(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
                let served = !is_local(kind(&found)?, self.foreign);
                // Guru would wait for its server where it is closed.
                let fd = (!served).then_some(found);
                Ok(Answer { served, fd, ..Answer::of(Ok(())) })
            }
            Request::List(path) => self.list(path),
            Request::Read { offset, len } => read(with()?, offset, len, used),
            Request::Touch(path) => {
                let found = self.find(path, OFlags::PATH)?;
                regular(&found)?;
                Ok(Answer::of(touch(&found)))
            }
        }
    }

    /// A path inside the root, opened with these flags.
    fn find(&self, path: impl Arg + Copy, flags: OFlags) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let flags = flags | OFlags::CLOEXEC;
        let open = || openat2(&self.root, path, flags, Mode::empty(), resolve);
        let mut found = open();
        for _ in 1..MAX_TRIES {
            // Anything renamed meanwhile, anywhere, may be on the way: see openat2(2).
            if !matches!(found, Err(Errno::AGAIN)) {
                break;
            }
            found = open();
        }
        found
    }

    /// A regular file that was found, opened for reading; not opened any more if reading it could wait
    /// for another program: what guru has open, it must close.
    fn open(&self, found: OwnedFd, used: &mut Option<OwnedFd>) -> Result<Answer, Failure> {
        let seen = Seen::from(&regular(&found)?);
        let kind = kind(&found)?;
        // `/proc/self` is the deputy: it would be shown for the target.
        if kind == PROC {
            return Err(Failure::Kernel(Errno::ACCESS));
        }
        let served = !is_local(kind, self.foreign);
        let file = reopen(&found)?;
        let fd = match served {
            true => {
                *used = Some(file);
                found
            }
            false => file,
        };
        Ok(Answer { seen, served, fd: Some(fd), ..Answer::of(Ok(())) })
    }

    /// The names in a directory, in as many packets as they need; the last is returned.
    fn list(&self, path: &[u8]) -> Result<Answer, Failure> {
        let found = self.find(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut answer = Answer::of(Ok(()));
        let entries = rustix::fs::Dir::read_from(&found)?;
        let names = entries.filter_map(Result::ok).map(|entry| entry.file_name().to_owned());
        let names = names.filter(|name| !matches!(name.to_bytes(), b"." | b".."));
        for name in names.take(MAX_NAMES) {
            let name = name.to_bytes_with_nul();
            if answer.bytes.len() + name.len() > MAX_BYTES {
                answer.more = true;
                answer.send(&self.socket)?;
                answer.bytes.clear();
            }
            answer.bytes.extend(name);
        }
        answer.more = false;
        Ok(answer)
    }
}

/// What is known of a file, if it is a regular one: opening a FIFO would wait, opening a device may act.
fn regular(found: &OwnedFd) -> Result<Stat, Failure> {
    let stat = rustix::fs::fstat(found)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(stat),
        _ => Err(Failure::NotRegular),
    }
}

/// Opens a regular file for reading.
fn reopen(found: &OwnedFd) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    rustix::fs::open(magic(found), flags, Mode::empty())
}

/// Bytes of a regular file.
fn read(
    found: &OwnedFd,
    offset: u64,
    len: u32,
    used: &mut Option<OwnedFd>,
) -> Result<Answer, Failure> {
    regular(found)?;
    let file = used.insert(reopen(found)?);
    let len = usize::try_from(len).unwrap_or(MAX_BYTES).min(MAX_BYTES);
    let mut bytes = vec![0; len];
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(&*file, rest, offset.saturating_add(done as u64)) {
            Ok(0) => break,
            Ok(got) => done += got,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    bytes.truncate(done);
    Ok(Answer { bytes, ..Answer::of(Ok(())) })
}
