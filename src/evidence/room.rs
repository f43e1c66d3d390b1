//! How many bytes of the target's files may be kept, of all of them together: a process decides how
//! many it maps and how large they are, and a compressed section is a thousand times its file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::target::files::FileError;

/// The most bytes of all files together that are kept: read, put together of several blocks,
/// inflated.
pub const MAX_KEPT: u64 = 128 << 20;

/// What is left of [`MAX_KEPT`], for all files of a process.
#[derive(Clone, Debug)]
pub struct Room(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    left: AtomicU64,
    spent: AtomicBool,
}

impl Default for Room {
    fn default() -> Room {
        Room(Arc::new(Inner { left: AtomicU64::new(MAX_KEPT), spent: AtomicBool::new(false) }))
    }
}

impl Room {
    /// Takes room for so many bytes, if there is any.
    pub fn take(&self, bytes: u64) -> Result<(), FileError> {
        let left = self.0.left.load(Ordering::Relaxed);
        let Some(left) = left.checked_sub(bytes) else {
            self.0.spent.store(true, Ordering::Relaxed);
            return Err(FileError::Other(format!(
                "not read: no more than {MAX_KEPT} bytes of all files are kept"
            )));
        };
        self.0.left.store(left, Ordering::Relaxed);
        Ok(())
    }

    /// Gives room back that was taken.
    pub fn give(&self, bytes: u64) {
        self.0.left.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether there was not enough.
    pub fn is_spent(&self) -> bool {
        self.0.spent.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_not_there_any_more() {
        let room = Room::default();
        assert!(room.take(MAX_KEPT - 1).is_ok() && room.clone().take(1).is_ok());
        assert!(!room.is_spent());
        assert!(room.take(1).is_err() && room.is_spent());
        room.give(1);
        assert!(room.take(1).is_ok());
    }
}
