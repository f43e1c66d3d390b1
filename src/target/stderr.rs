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
        /// Who reads it: process ids and names. Not known where guru may not look.
        readers: Vec<(i32, Text)>,
        /// Whether nobody has it open for reading any more: writing to it is deadly.
        abandoned: bool,
        /// Whether it is full: who writes to it waits until somebody reads.
        full: bool,
    },
    /// A socket.
    Socket {
        /// What it is connected to, as far as that is known.
        peer: Text,
        /// Whether it is that of the system's journal.
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
