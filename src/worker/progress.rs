//! What a worker is doing, in a file in memory that its supervisor reads when it has died or stands
//! still.
//!
//! Not a pipe: that would be full, or empty, at the wrong moment.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::MemfdFlags;

use super::child;
use crate::part::{Part, Watch};

/// The room of each line of work: a number that grows, and the part that is under way.
const SLOT: u64 = 64 << 10;

/// Where it says that what is done once only begins.
const COMMITTED: u64 = 2 * SLOT;

/// The numbers at the beginning of a slot: how many changes there were in all, and the length of what
/// follows.
const HEAD: usize = 16;

/// A new file in memory, closed in programs that are executed.
pub fn in_memory(name: &CStr) -> io::Result<File> {
    Ok(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?.into())
}

/// What the supervisor knows of the work.
pub struct Progress {
    file: File,
}

impl Progress {
    /// Of work that has not begun.
    pub fn new() -> io::Result<Progress> {
        let file = in_memory(c"guru progress")?;
        file.set_len(COMMITTED + 1)?;
        Ok(Progress { file })
    }

    /// The worker's end of it.
    pub fn writer(&self) -> io::Result<Writer> {
        Ok(Writer { file: self.file.try_clone()?, changes: AtomicU64::new(0) })
    }

    /// How many changes there were: a number that grows while the work goes on.
    pub fn changes(&self) -> u64 {
        (0..2).map(|slot| self.head(slot).map_or(0, |(changes, _)| changes)).max().unwrap_or(0)
    }

    /// The part that began last of those that are under way.
    pub fn part(&self) -> Option<Part> {
        let slots = (0..2).filter_map(|slot| {
            let (changes, len) = self.head(slot)?;
            let mut text = vec![0; usize::try_from(len.min(SLOT - HEAD as u64)).ok()?];
            self.file.read_exact_at(&mut text, slot * SLOT + HEAD as u64).ok()?;
            let part: Part = serde_json::from_slice(&text).ok()?;
            Some((changes, part))
        });
        slots.max_by_key(|(changes, _)| *changes).map(|(_, part)| part)
    }

    /// Whether what is done once only has begun.
    pub fn is_committed(&self) -> bool {
        let mut flag = [0];
        self.file.read_exact_at(&mut flag, COMMITTED).is_ok() && flag != [0]
    }

    fn head(&self, slot: u64) -> Option<(u64, u64)> {
        let mut head = [0; HEAD];
        self.file.read_exact_at(&mut head, slot * SLOT).ok()?;
        let (words, _) = head.as_chunks::<8>();
        Some((u64::from_ne_bytes(*words.first()?), u64::from_ne_bytes(*words.get(1)?)))
    }
}

/// Writes what the work is doing, and gives each part its processor time.
pub struct Writer {
    file: File,
    changes: AtomicU64,
}

impl Watch for Writer {
    fn under_way(&self, parts: &[Part], beside: bool) {
        let changes = self.changes.fetch_add(1, Ordering::Relaxed) + 1;
        let text = parts.last().and_then(|part| serde_json::to_vec(part).ok()).unwrap_or_default();
        let text = if text.len() as u64 > SLOT - HEAD as u64 { Vec::new() } else { text };
        let mut record = Vec::with_capacity(HEAD + text.len());
        record.extend_from_slice(&changes.to_ne_bytes());
        record.extend_from_slice(&(text.len() as u64).to_ne_bytes());
        record.extend_from_slice(&text);
        // Where it can not be written, the supervisor knows less.
        let _ = self.file.write_all_at(&record, u64::from(beside) * SLOT);
        child::allow_processor_time();
    }

    fn committed(&self) {
        let _ = self.file.write_all_at(&[1], COMMITTED);
    }
}
