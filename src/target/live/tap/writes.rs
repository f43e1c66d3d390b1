//! Which system calls write, and what.

use rustix::fs::{AtFlags, StatxFlags};

use crate::addr::Addr;
use crate::target::Tid;
use crate::target::live::memory::LiveMemory;
use crate::target::live::tasks::Tasks;
use crate::target::memory::BatchRead as _;

/// The first line of a Guru Meditation Report: 72 `=`.
const HEADER: usize = 72;

/// The most pieces of one write: the kernel's `UIO_MAXIOV`.
const MAX_PIECES: u64 = 1024;

/// So much is read at once: what a program claims to write need not be there.
const CHUNK: usize = 1 << 20;

/// The sizes of `struct iovec`, and of `struct msghdr` up to the number of its pieces, in words.
const IOVEC: usize = 2;
const MSGHDR: usize = 4;

/// A system call that writes, at its beginning.
pub struct Write {
    /// The descriptor.
    pub fd: i32,
    tasks: Tasks,
    tid: Tid,
    memory: LiveMemory,
    /// Where the bytes lie.
    pieces: Vec<(Addr, usize)>,
}

impl Write {
    /// The write that a system call is; `None` if it is none.
    pub fn of(tasks: &Tasks, tid: Tid, number: i64, arguments: [u64; 6]) -> Option<Write> {
        let [fd, first, second, ..] = arguments;
        // Memory is asked for by the thread: the first one may have ended. It stands still in our
        // hands, so that its number is nobody else's.
        let memory = LiveMemory::new(tid);
        let pieces = match number {
            libc::SYS_write | libc::SYS_pwrite64 | libc::SYS_sendto => {
                vec![(Addr(first), usize::try_from(second).ok()?)]
            }
            libc::SYS_writev | libc::SYS_pwritev | libc::SYS_pwritev2 => {
                pieces(&memory, Addr(first), second)
            }
            libc::SYS_sendmsg => {
                let [_name, _name_len, at, count] =
                    words::<MSGHDR>(&memory, Addr(first), 1)?.first().copied()?;
                pieces(&memory, Addr(at), count)
            }
            _ => return None,
        };
        // The kernel takes the lower half of the register.
        Some(Write { fd: fd as u32 as i32, tasks: tasks.clone(), tid, memory, pieces })
    }

    /// Whether it goes to this file, by device and inode, or begins as a report does.
    pub fn is_wanted(&self, stderr: Option<(u64, u64)>) -> bool {
        stderr.is_some() && self.identity() == stderr || self.begins_a_report()
    }

    /// Device and inode of what is written to.
    fn identity(&self) -> Option<(u64, u64)> {
        let path = format!("{}/fd/{}", self.tid, self.fd);
        // Never asks a file server, which might not answer.
        let flags = AtFlags::STATX_DONT_SYNC;
        let stat = rustix::fs::statx(&self.tasks, path, flags, StatxFlags::INO).ok()?;
        Some((rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor), stat.stx_ino))
    }

    fn begins_a_report(&self) -> bool {
        let wanted: usize = self.pieces.iter().fold(0, |sum, (_, len)| sum.saturating_add(*len));
        if wanted <= HEADER {
            return false;
        }
        let bytes = self.bytes(HEADER + 1);
        bytes.split_last().is_some_and(|(last, line)| {
            line.len() == HEADER && *last == b'\n' && line.iter().all(|byte| *byte == b'=')
        })
    }

    /// What is to be written, at most so many bytes, up to the first that can not be read.
    pub fn bytes(&self, limit: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (at, len) in &self.pieces {
            let mut done = 0;
            while done < *len && bytes.len() < limit {
                let chunk = (*len - done).min(CHUNK).min(limit - bytes.len());
                if !append(&self.memory, at.wrapping_add(done as u64), chunk, &mut bytes) {
                    return bytes;
                }
                done += chunk;
            }
        }
        bytes
    }
}

/// Appends a piece of memory, up to the first byte that can not be read. Whether all of it could.
fn append(memory: &LiveMemory, at: Addr, len: usize, bytes: &mut Vec<u8>) -> bool {
    let before = bytes.len();
    bytes.resize(before + len, 0);
    let mut missing = None;
    let room = bytes.get_mut(before..).unwrap_or_default();
    memory.read_ranges(&[(at, len)], room, &mut |at, _| {
        missing.get_or_insert(at);
    });
    if let Some(missing) = missing {
        bytes.truncate(before + missing);
    }
    missing.is_none()
}

/// An array of structures, each of so many words; `None` if it can not be read.
fn words<const N: usize>(memory: &LiveMemory, at: Addr, count: u64) -> Option<Vec<[u64; N]>> {
    let count = usize::try_from(count.min(MAX_PIECES)).ok()?;
    let mut bytes = Vec::new();
    if !append(memory, at, count * N * size_of::<u64>(), &mut bytes) {
        return None;
    }
    let (words, _) = bytes.as_chunks::<8>();
    let mut words = words.iter().map(|word| u64::from_ne_bytes(*word));
    Some((0..count).map(|_| std::array::from_fn(|_| words.next().unwrap_or_default())).collect())
}

/// The pieces of an array of `struct iovec`: none if it can not be read, or has too many.
fn pieces(memory: &LiveMemory, at: Addr, count: u64) -> Vec<(Addr, usize)> {
    if count > MAX_PIECES {
        return Vec::new();
    }
    let found = words::<IOVEC>(memory, at, count).unwrap_or_default();
    found
        .into_iter()
        .map(|[base, len]| (Addr(base), usize::try_from(len).unwrap_or(usize::MAX)))
        .collect()
}
