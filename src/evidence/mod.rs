//! Evidence: everything that the analysis may know, as owned data that can be saved.
//!
//! It is the border of the program. Left of it are the kernel and the file system; right of it
//! are pure functions: the same evidence gives the same report, byte for byte.

mod blocks;
#[cfg(test)]
pub mod fake;
pub mod files;
pub mod inflate;
pub mod known;
pub mod pages;
pub mod ran;
pub mod room;
mod secrets;
pub mod store;

use serde::{Deserialize, Serialize};

use crate::asked::Asked;
use crate::evidence::files::Files;
use crate::evidence::pages::Recording;
use crate::evidence::ran::Ran;
use crate::note::Note;
use crate::part::Parts;
use crate::report::Hold;
use crate::target::search::Search;
use crate::target::{Mapping, ProcessFacts, TargetFacts, Thread};

/// Everything that the analysis may know of a process.
#[derive(Debug)]
pub struct Evidence {
    /// What was seen.
    pub snapshot: Snapshot,
    /// The files that the analysis may ask for.
    pub files: Files,
    /// Which parts of the work on it are done, and who is told.
    pub parts: Parts,
}

/// What was seen of a process at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The process itself.
    pub target: TargetFacts,
    /// Its descendants.
    pub descendants: Vec<ProcessFacts>,
    /// Its threads, by id.
    pub threads: Vec<Thread>,
    /// Its mappings, by address.
    pub mappings: Vec<Mapping>,
    /// The memory that was recorded.
    pub memory: Recording,
    /// How the threads were held.
    pub hold: Held,
    /// What the user asked for.
    pub asked: Asked,
    /// What searches of the whole memory found, for each runtime that was found.
    pub searches: Vec<Search>,
    /// What came of the commands that sections of one's own asked for.
    #[serde(default)]
    pub ran: Vec<Ran>,
    /// What was noticed while it was taken.
    pub notes: Vec<Note>,
}

/// How the threads were held while they were recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Whether they were.
    pub hold: Hold,
    /// When, in seconds since 1970.
    pub at: i64,
    /// The longest that a thread which had been running stood still, in microseconds; `None`
    /// where no thread was running.
    pub paused_us: Option<u64>,
    /// From the first thread stopped to the last let go, in microseconds.
    pub held_us: u64,
}
