//! Which memory of a process another program may have to serve before it can be read: files of FUSE
//! and of network file systems that are mapped, and everything where the process uses userfaultfd.
//!
//! The server may never answer, or be the enemy. A page that the kernel has already is read without
//! asking anybody, and `/proc/PID/pagemap` says which those are. It does not say which pages are in
//! memory but not mapped by this process: these count as not there.
//!
//! An overlay counts as nobody's to serve, although one may be laid over FUSE: all libraries of a
//! container are on one, and of these few pages are mapped. Who waits for such a page is left behind
//! ([`crate::worker`]), and the threads are let go in time (`inspect/holder.rs`).

use crate::addr::Addr;
use crate::target::Mapping;
use crate::target::live::deputy::served::{MAX_MOUNTINFO, served_device};
use crate::target::live::pagemap::{Page, Pagemap};
use crate::target::live::proc::ProcDir;

/// The most descriptors among which a userfaultfd is looked for.
const MAX_DESCRIPTORS: usize = 4096;

/// Memory that may have to be served.
#[derive(Debug)]
pub struct Served {
    /// From here up to there, by address.
    ranges: Vec<(Addr, Addr)>,
    pagemap: Option<Pagemap>,
}

/// The memory of a process with these mappings that may have to be served; `None` if there is none.
pub fn ranges(pid: i32, mappings: &[Mapping]) -> Option<Served> {
    let directory = ProcDir::open(pid).ok()?;
    let everything = uses_userfaultfd(pid);
    let mounts = directory.bytes("mountinfo", MAX_MOUNTINFO).unwrap_or_default();
    let lines = mounts.split(|byte| *byte == b'\n');
    let served: Vec<(u32, u32)> = lines.filter_map(served_device).collect();
    let is_served =
        |mapping: &&Mapping| everything || (mapping.is_file() && served.contains(&mapping.device));
    let ranges = mappings.iter().filter(is_served).map(|mapping| (mapping.start, mapping.end));
    let ranges: Vec<(Addr, Addr)> = ranges.collect();
    (!ranges.is_empty()).then(|| Served { pagemap: Pagemap::of(&directory), ranges })
}

impl Served {
    /// Whether a byte of memory can be read without anybody being asked for it.
    pub fn is_there(&self, addr: Addr) -> bool {
        let after = self.ranges.partition_point(|(start, _)| *start <= addr);
        let range = after.checked_sub(1).and_then(|at| self.ranges.get(at));
        range.is_none_or(|(_, end)| addr >= *end) || self.has(addr)
    }

    /// Whether the page is in memory, or in the machine's own swap.
    fn has(&self, addr: Addr) -> bool {
        let pages = self.pagemap.as_ref().and_then(|pagemap| pagemap.pages(addr, 1));
        matches!(pages.as_deref(), Some([Page::Present | Page::Swapped]))
    }
}

/// Whether a process has a userfaultfd: then any of its memory may be served.
fn uses_userfaultfd(pid: i32) -> bool {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    entries.take(MAX_DESCRIPTORS).any(|entry| {
        std::fs::read_link(entry.path())
            .is_ok_and(|link| link.as_os_str() == "anon_inode:[userfaultfd]")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_memory_is_there() {
        let own = [7u8; 1];
        let here = Addr(own.as_ptr() as u64);
        let own = ProcDir::open(std::process::id().cast_signed());
        let pagemap = own.ok().and_then(|own| Pagemap::of(&own));
        let ranges = vec![(Addr(0), Addr(u64::MAX))];
        let served = Served { ranges, pagemap };
        assert!(served.is_there(here));
        // Nothing is mapped at the very beginning.
        assert!(!served.is_there(Addr(0)));
        let none = Served { ranges: Vec::new(), pagemap: None };
        assert!(none.is_there(Addr(0)));
        let unknown = Served { ranges: vec![(Addr(0), Addr(u64::MAX))], pagemap: None };
        assert!(!unknown.is_there(here));
    }
}
