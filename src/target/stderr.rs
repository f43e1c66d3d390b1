//! Where the standard error of a process leads.

use crate::text::Text;

/// What descriptor 2 of a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stderr {
    /// What kind of file.
    pub kind: StderrKind,
    /// Device and inode, which tell whether another descriptor is the same; `None` if it is closed
    /// or can not be looked at.
    pub identity: Option<(u64, u64)>,
}

/// The kinds of file that a standard error can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StderrKind {
    /// It is closed.
    Closed,
    /// A regular file.
    File {
        /// Its path, as the process sees it.
        path: Text,
        /// Whether it was deleted since.
        deleted: bool,
    },
    /// A pipe or a FIFO.
    Pipe {
        /// Who reads it: process ids and names, those that were found.
        readers: Vec<(i32, Text)>,
        /// Whether there may be others: guru may not look into some process, or there were too many
        /// to look at. What lies in another pid namespace is never seen, and does not count here.
        unseen: bool,
        /// How it stands; `None` where guru may not open it.
        state: Option<PipeState>,
    },
    /// A socket.
    Socket {
        /// What it is connected to, as far as that is known.
        peer: Text,
        /// Whether it is known to be that of the system's journal.
        journal: bool,
    },
    /// A terminal, by name: `/dev/pts/3`.
    Terminal(Text),
    /// `/dev/null`: what is written is gone.
    Null,
    /// Something else, by the name that the kernel has for it.
    Other(Text),
    /// guru may not look at it, for this reason.
    Hidden(String),
}

/// How a pipe stood at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipeState {
    /// Whether nobody has it open for reading any more: writing to it is deadly.
    pub abandoned: bool,
    /// Whether it is full: who writes to it waits until somebody reads. (A few bytes may still fit
    /// into its last page.)
    pub full: bool,
    /// How many bytes lie in it that nobody has read yet.
    pub unread: u64,
    /// How many it can hold. 0 where that is not told: of a FIFO that nobody reads.
    pub capacity: u64,
}

/// How much a pipe with room takes at once: `PIPE_BUF` of `include/uapi/linux/limits.h`.
const PIPE_BUF: u64 = 4096;

impl PipeState {
    /// How many bytes may be written, if nobody reads meanwhile, before the writer has to wait: at
    /// least and at most. A pipe holds pages, not bytes, and which of them are half empty is not told:
    /// the two are the same only if it is empty or full.
    pub fn room(&self) -> (u64, u64) {
        let free = self.capacity.saturating_sub(self.unread);
        match (self.full, self.unread) {
            (true, _) => (0, 0),
            (false, 0) => (self.capacity, self.capacity),
            (false, _) => (free.min(PIPE_BUF), free),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_told_as_exactly_as_it_is_known() {
        let pipe = |full, unread| PipeState { abandoned: false, full, unread, capacity: 65536 };
        assert_eq!(pipe(false, 0).room(), (65536, 65536));
        assert_eq!(pipe(false, 100).room(), (4096, 65436));
        // Sixteen writes of a byte through O_DIRECT fill it.
        assert_eq!(pipe(true, 16).room(), (0, 0));
        assert_eq!(pipe(false, 70_000).room(), (0, 0));
    }
}
