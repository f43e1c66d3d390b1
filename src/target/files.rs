//! Files of the target: what can be asked for, and what can be wrong with the answer.
//!
//! Plain types and two traits. The one implementation that touches a file system is
//! `live::open`; everything that is read goes through the log of [`crate::evidence::files`].

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::addr::Addr;
use crate::text::Text;

/// Which file is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FileRequest {
    /// The file that is mapped at these addresses: the very one, whatever its path leads to now.
    Mapped {
        /// The first address of the mapping.
        start: Addr,
        /// The address after its last.
        end: Addr,
    },
    /// The regular file at this absolute path inside the root of the target.
    InRoot(Text),
    /// The configuration file at this absolute path inside the root of the target. It is masked
    /// as it is read: nothing that comes after, not even a recording, holds its secrets.
    Config(Text),
    /// A file of separate debug information at this path of the inspecting side.
    Debug(Text),
}

impl fmt::Display for FileRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileRequest::Mapped { start, end } => write!(f, "the file mapped at {start}-{end}"),
            FileRequest::InRoot(path) | FileRequest::Config(path) | FileRequest::Debug(path) => {
                f.write_str(path.raw())
            }
        }
    }
}

/// What is known of an opened file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMeta {
    /// Its length in bytes when it was opened.
    pub len: u64,
    /// When it was last written, in seconds since 1970.
    pub modified: i64,
    /// When it, its mode, its owner or its name last changed (`ctime`), in seconds since 1970, where
    /// that is known. It can not be set, as `modified` can.
    #[serde(default)]
    pub changed: Option<i64>,
    /// Its device and inode.
    pub identity: (u64, u64),
}

/// How long one question about a file may take, of which another program may be the judge (FUSE, NFS).
pub const ANSWER: Duration = Duration::from_secs(1);

/// Why a file could not be opened or read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileError {
    /// There is none.
    Absent,
    /// It may not be read.
    Denied,
    /// The process that named it could not read it itself, and so guru does not.
    NotForTarget,
    /// It is a directory, a device, a FIFO or a socket.
    NotRegular,
    /// It is larger than the limit of its use, in bytes.
    TooLarge(u64),
    /// The path leaves the root, or goes in a circle.
    Escapes,
    /// The recording does not hold it.
    NotRecorded,
    /// Who serves it did not answer within [`ANSWER`].
    Unanswered,
    /// It was not asked for: others did not answer, and that had taken all the time there was.
    NotAsked,
    /// Any other failure, in the kernel's words.
    Other(String),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileError::Absent => f.write_str("no such file"),
            FileError::Denied => f.write_str("permission denied"),
            FileError::NotForTarget => f.write_str("not readable by the process itself"),
            FileError::NotRegular => f.write_str("not a regular file"),
            FileError::TooLarge(limit) => write!(f, "larger than {limit} bytes"),
            FileError::Escapes => f.write_str("its path has a loop or leaves the target's root"),
            FileError::NotRecorded => f.write_str("not in the recording"),
            FileError::Unanswered => write!(f, "did not answer within {} s", ANSWER.as_secs()),
            FileError::NotAsked => {
                f.write_str("not looked for: other files of the process did not answer")
            }
            FileError::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for FileError {}

/// An open file that blocks come from.
pub trait Source {
    /// Fills `buf` from `offset` on, as far as the file goes; returns how many bytes that were.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError>;
}

/// Opens files of the target.
pub trait Opener {
    /// Opens a regular file for reading.
    fn open(&self, request: &FileRequest) -> Result<(Box<dyn Source>, FileMeta), FileError>;

    /// The names in a directory inside the target's root, sorted.
    fn list(&self, path: &Text) -> Result<Vec<Text>, FileError>;
}
