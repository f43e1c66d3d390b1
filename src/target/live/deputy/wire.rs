//! What is said between guru and a deputy: one packet for a request, one or more for its answer, each
//! with at most one descriptor.
//!
//! Both sides are the same program, so nothing here need outlive a version. Lengths are bounded
//! nevertheless: a deputy reads what strangers serve.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::cmsg_space;
use rustix::fs::Stat;
use rustix::io::{Errno, Result, retry_on_intr};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// The longest packet, in bytes: a socket takes some 200 KiB in one.
pub const MAX_PACKET: usize = 72 << 10;

/// The most bytes of a file or of a list that one answer carries.
pub const MAX_BYTES: usize = 64 << 10;

/// What a deputy is asked for. A path is absolute, and followed inside the root of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// A regular file at this path, opened for reading.
    Open(&'a [u8]),
    /// What is at this path, taken hold of and not opened.
    Find(&'a [u8]),
    /// The names in the directory at this path.
    List(&'a [u8]),
    /// The directory at this path, opened for reading.
    Directory(&'a [u8]),
    /// The regular file with this name in the directory that is passed along, opened for reading; no
    /// link is followed.
    OpenIn(&'a [u8]),
    /// The regular file that is passed along unopened, opened for reading.
    Reopen,
    /// Bytes of the regular file that is passed along unopened.
    Read {
        /// From where on.
        offset: u64,
        /// How many, at most [`MAX_BYTES`].
        len: u32,
    },
    /// That the time of modification of the regular file at this path moves forward, past now.
    Touch(&'a [u8]),
}

impl<'a> Request<'a> {
    /// As a packet.
    pub fn encode(&self) -> Vec<u8> {
        let (code, numbers, bytes) = match *self {
            Request::Open(path) => (0, None, path),
            Request::Find(path) => (1, None, path),
            Request::List(path) => (2, None, path),
            Request::Directory(path) => (3, None, path),
            Request::OpenIn(name) => (4, None, name),
            Request::Reopen => (5, None, &b""[..]),
            Request::Read { offset, len } => (6, Some((offset, len)), &b""[..]),
            Request::Touch(path) => (7, None, path),
        };
        let mut packet = vec![code];
        if let Some((offset, len)) = numbers {
            packet.extend(offset.to_ne_bytes());
            packet.extend(len.to_ne_bytes());
        }
        packet.extend(bytes);
        packet
    }

    /// From a packet.
    pub fn decode(packet: &'a [u8]) -> Option<Request<'a>> {
        let (code, bytes) = packet.split_first()?;
        Some(match code {
            0 => Request::Open(bytes),
            1 => Request::Find(bytes),
            2 => Request::List(bytes),
            3 => Request::Directory(bytes),
            4 => Request::OpenIn(bytes),
            5 => Request::Reopen,
            6 => Request::Read {
                offset: u64::from_ne_bytes(*bytes.first_chunk()?),
                len: u32::from_ne_bytes(*bytes.get(8..)?.first_chunk()?),
            },
            7 => Request::Touch(bytes),
            _ => return None,
        })
    }
}

/// Why a deputy did not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The kernel refused, with this error.
    Kernel(Errno),
    /// The deputy could not take the credentials of the target.
    Credentials,
    /// It is no regular file.
    NotRegular,
    /// Its time is not earlier than now, and only its owner may set another one than now.
    Ahead,
    /// Its time did not move.
    Unmoved,
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Failure {
        Failure::Kernel(errno)
    }
}

/// What is known of a file that was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its kind and its permissions.
    pub mode: u32,
    /// Device and inode.
    pub identity: (u64, u64),
    /// Its length in bytes.
    pub len: u64,
    /// When it was last written, in seconds since 1970.
    pub modified: i64,
    /// When it last changed otherwise, in seconds since 1970.
    pub changed: i64,
}

impl From<&Stat> for Seen {
    fn from(stat: &Stat) -> Seen {
        Seen {
            mode: stat.st_mode,
            identity: (stat.st_dev, stat.st_ino),
            len: u64::try_from(stat.st_size).unwrap_or(0),
            modified: stat.st_mtime,
            changed: stat.st_ctime,
        }
    }
}

/// A packet of an answer.
#[derive(Debug)]
pub struct Answer {
    /// Whether it was done.
    pub done: std::result::Result<(), Failure>,
    /// Whether another packet of the same answer follows.
    pub more: bool,
    /// What is known of the file.
    pub seen: Seen,
    /// Whether another program serves the file, so that reading it may never return: the descriptor
    /// is not open then.
    pub served: bool,
    /// Bytes of the file, or names, each with a zero at its end.
    pub bytes: Vec<u8>,
    /// A descriptor.
    pub fd: Option<OwnedFd>,
}

impl Answer {
    /// One that says this much and no more.
    pub fn of(done: std::result::Result<(), Failure>) -> Answer {
        let (seen, bytes) = (Seen::default(), Vec::new());
        Answer { done, more: false, seen, served: false, bytes, fd: None }
    }

    fn encode(&self) -> Vec<u8> {
        let (code, errno) = match self.done {
            Ok(()) => (0u8, 0),
            Err(Failure::Kernel(errno)) => (1, errno.raw_os_error()),
            Err(Failure::Credentials) => (2, 0),
            Err(Failure::NotRegular) => (3, 0),
            Err(Failure::Ahead) => (4, 0),
            Err(Failure::Unmoved) => (5, 0),
        };
        let mut packet = vec![code, u8::from(self.more), u8::from(self.served)];
        packet.extend(errno.to_ne_bytes());
        packet.extend(self.seen.mode.to_ne_bytes());
        for number in [self.seen.identity.0, self.seen.identity.1, self.seen.len] {
            packet.extend(number.to_ne_bytes());
        }
        for number in [self.seen.modified, self.seen.changed] {
            packet.extend(number.to_ne_bytes());
        }
        packet.extend(&self.bytes);
        packet
    }

    fn decode(packet: &[u8], fd: Option<OwnedFd>) -> Option<Answer> {
        let (head, rest) = packet.split_first_chunk::<3>()?;
        let (errno, rest) = rest.split_first_chunk()?;
        let (mode, mut rest) = rest.split_first_chunk()?;
        let mut number = || {
            let (number, behind) = rest.split_first_chunk()?;
            rest = behind;
            Some(u64::from_ne_bytes(*number))
        };
        let seen = Seen {
            mode: u32::from_ne_bytes(*mode),
            identity: (number()?, number()?),
            len: number()?,
            modified: number()?.cast_signed(),
            changed: number()?.cast_signed(),
        };
        let done = match head[0] {
            0 => Ok(()),
            1 => {
                let errno = i32::from_ne_bytes(*errno);
                // The kernel's are these, and rustix takes no others.
                let is_one = (1..4096).contains(&errno);
                Err(Failure::Kernel(is_one.then(|| Errno::from_raw_os_error(errno))?))
            }
            2 => Err(Failure::Credentials),
            3 => Err(Failure::NotRegular),
            4 => Err(Failure::Ahead),
            5 => Err(Failure::Unmoved),
            _ => return None,
        };
        let (more, served) = (head[1] != 0, head[2] != 0);
        Some(Answer { done, more, seen, served, bytes: rest.to_vec(), fd })
    }

    /// Sends it, with its descriptor.
    pub fn send(&self, socket: &OwnedFd) -> Result<()> {
        send(socket, &self.encode(), self.fd.as_ref().map(|fd| fd.as_fd()))
    }

    /// Takes the next one; `None` if the other side is gone. `room` has [`MAX_PACKET`] bytes.
    pub fn receive(socket: &OwnedFd, room: &mut [u8]) -> Result<Option<Answer>> {
        let Some((len, fd)) = receive(socket, room)? else { return Ok(None) };
        let packet = room.get(..len).unwrap_or_default();
        Answer::decode(packet, fd).map(Some).ok_or(Errno::BADMSG)
    }
}

/// Sends a packet.
pub fn send(socket: &OwnedFd, packet: &[u8], fd: Option<BorrowedFd<'_>>) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = fd.as_slice();
    if !fds.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(fds));
    }
    let packet = [IoSlice::new(packet)];
    retry_on_intr(|| sendmsg(socket, &packet, &mut control, SendFlags::NOSIGNAL)).map(drop)
}

/// Takes the next packet: its length, and what came along; `None` if the other side is gone.
pub fn receive(socket: &OwnedFd, room: &mut [u8]) -> Result<Option<(usize, Option<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut room = [IoSliceMut::new(room)];
        match recvmsg(socket, &mut room, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            Err(Errno::CONNRESET) => return Ok(None),
            received => break received?,
        }
    };
    let fds = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    let fd = fds.last();
    // No packet is empty.
    Ok((received.bytes > 0).then_some((received.bytes, fd)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn requests_are_read_as_they_were_sent() {
        let path = b"/etc/\xff".as_slice();
        for request in [
            Request::Open(path),
            Request::Find(path),
            Request::List(path),
            Request::Directory(path),
            Request::OpenIn(b"name"),
            Request::Reopen,
            Request::Read { offset: u64::MAX, len: 7 },
            Request::Touch(b""),
        ] {
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
        assert_eq!(Request::decode(b""), None);
        assert_eq!(Request::decode(b"\x06short"), None);
    }

    #[test]
    fn answers_arrive_with_their_descriptor() {
        let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
        let (here, there) = socketpair(AddressFamily::UNIX, kind, flags, None).unwrap();
        let file = tempfile::tempfile().unwrap();
        let stat = rustix::fs::fstat(&file).unwrap();
        let seen = Seen::from(&stat);
        for done in [
            Ok(()),
            Err(Failure::Kernel(Errno::ACCESS)),
            Err(Failure::Credentials),
            Err(Failure::NotRegular),
            Err(Failure::Ahead),
            Err(Failure::Unmoved),
        ] {
            let fd = Some(file.try_clone().unwrap().into());
            let (more, served, bytes) = (true, true, b"some".to_vec());
            Answer { done, more, seen, served, bytes, fd }.send(&here).unwrap();
            let mut room = vec![0; MAX_PACKET];
            let answer = Answer::receive(&there, &mut room).unwrap().unwrap();
            assert_eq!((answer.done, answer.seen, answer.bytes), (done, seen, b"some".to_vec()));
            assert!(answer.more && answer.served);
            let same = rustix::fs::fstat(answer.fd.unwrap()).unwrap();
            assert_eq!(same.st_ino, stat.st_ino);
        }
        drop(here);
        assert!(Answer::receive(&there, &mut vec![0; MAX_PACKET]).unwrap().is_none());
    }

    #[test]
    fn an_error_number_that_the_kernel_has_not_is_no_answer() {
        let decoded = |errno: i32| {
            let mut packet = [0; 51];
            packet[0] = 1;
            packet[3..7].copy_from_slice(&errno.to_ne_bytes());
            Answer::decode(&packet, None).map(|answer| answer.done)
        };
        for errno in [0, -1, 4096, i32::MAX, i32::MIN] {
            assert_eq!(decoded(errno), None, "{errno}");
        }
        let refused = Err(Failure::Kernel(Errno::PERM));
        assert_eq!(decoded(libc::EPERM), Some(refused));
    }

    proptest::proptest! {
        #[test]
        fn any_packet_is_read_without_harm(packet: Vec<u8>) {
            Request::decode(&packet);
            Answer::decode(&packet, None);
        }
    }
}
