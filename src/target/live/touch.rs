//! Touches the file that a process watches: the other way to ask for a report.
//!
//! The watcher (`oslo_reports.guru_meditation_report`) looks once a second whether the file's time of
//! modification is later than the one that it knows, which at first is the time when it began to
//! watch. So the time must move forward, past now: that is what touch(1) does.
//!
//! The file is never created and nothing is written into it. It is touched with the rights of the
//! process ([`Deputy`](crate::target::live::deputy::Deputy)): what it could not touch itself, guru does
//! not touch for it, since the process chooses the name.

use thiserror::Error;

use crate::target::files::FileError;
use crate::target::live::LiveProcess;
use crate::target::live::deputy::wire::Failure;
use crate::target::live::directory::absolute;
use crate::text::Text;

/// Why a file was not touched.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TouchError {
    /// There is no such file: a watcher that saw this has ended by now.
    #[error("there is no such file")]
    Gone,
    /// Guru may not touch it.
    #[error("permission denied")]
    Denied,
    /// The process itself may not, and so guru does not.
    #[error("the process itself may not write it, and so guru does not touch it")]
    NotForTarget,
    /// It is a directory, a device or the like.
    #[error("it is not a regular file")]
    NotAFile,
    /// Its time is not earlier than now, and only its owner may set another one than now.
    #[error("it was modified in the future, by its time, and only its owner may set another one")]
    Ahead,
    /// Its time did not move: the file system keeps none, or rounds it.
    #[error("its time of modification does not move")]
    Unmoved,
    /// Any other failure, in the kernel's words.
    #[error("{0}")]
    Other(String),
}

impl From<FileError> for TouchError {
    fn from(error: FileError) -> TouchError {
        match error {
            FileError::Absent => TouchError::Gone,
            FileError::Denied => TouchError::Denied,
            FileError::NotForTarget => TouchError::NotForTarget,
            FileError::NotRegular => TouchError::NotAFile,
            other => TouchError::Other(other.to_string()),
        }
    }
}

/// Touches the regular file at a path as the process sees it.
///
/// # Errors
/// It was not touched, or its time has not moved forward: the process will not see it. If the deputy
/// did not answer, nobody knows.
pub fn touch(process: &LiveProcess, path: &Text) -> Result<(), TouchError> {
    let path = absolute(process, path)?;
    process.deputy().touch(&path)?.map_err(|failure| match failure {
        Failure::Ahead => TouchError::Ahead,
        _ => TouchError::Unmoved,
    })
}
