//! Ids: of users, and of threads that the memory of a process names. These are claims, until they are
//! found among its threads.
//!
//! A process may write any number into its memory: the id of a thread of another process, of guru,
//! of nobody. Whoever takes it for a thread's asks the kernel about somebody else, or traces them. So
//! such a number is a type of its own, and the list of the process's threads, as the kernel has it, is
//! the only thing that makes a [`Tid`] of it.

use std::collections::HashMap;

use crate::target::Tid;

/// The users, or the groups, that a process acts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Who started it.
    pub real: u32,
    /// Whose rights it has.
    pub effective: u32,
    /// Whose it may take again.
    pub saved: u32,
    /// Whose it has at files.
    pub file_system: u32,
}

/// A number that the memory of a process gives for the id of a thread, as the process itself counts
/// them. It may be anybody's, or nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedTid(u64);

impl ClaimedTid {
    /// A claim, of as many bits as the memory has for it.
    pub fn new(number: impl Into<u64>) -> ClaimedTid {
        ClaimedTid(number.into())
    }

    /// Whether it claims to be no thread's id.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// The threads of a process as the kernel lists them, by the ids that the process itself uses, which
/// are others in a pid namespace.
#[derive(Clone, Debug, Default)]
pub struct ThreadIds(HashMap<Tid, Tid>);

impl ThreadIds {
    /// The thread that a claim names; `None` if it is none of the process's.
    pub fn of(&self, claimed: ClaimedTid) -> Option<Tid> {
        self.0.get(&Tid::try_from(claimed.0).ok()?).copied()
    }
}

/// The id that the process uses for a thread, and the one that the inspecting side uses.
impl FromIterator<(Tid, Tid)> for ThreadIds {
    fn from_iter<I: IntoIterator<Item = (Tid, Tid)>>(ids: I) -> ThreadIds {
        ThreadIds(ids.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_threads_of_the_process_are_believed() {
        let ids: ThreadIds = [(1, 4711), (7, 4717)].into_iter().collect();
        assert_eq!(ids.of(ClaimedTid::new(7u32)), Some(4717));
        for other in [0u64, 4711, 8, u64::MAX, 1 << 32, (1 << 32) + 7, u64::from(u32::MAX)] {
            assert_eq!(ids.of(ClaimedTid::new(other)), None, "{other}");
        }
    }
}
