//! Which pages of a process are in memory: reading one that is not changes something. One that was
//! never touched gets a place in the page tables, one that was swapped out is brought in, one that
//! another program serves is waited for.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use crate::addr::Addr;
use crate::target::live::proc::ProcDir;

/// How a page is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// It is in memory.
    Present,
    /// It is in the machine's own swap. It is of no file.
    Swapped,
    /// It is not, as far as this process's page tables tell.
    Absent,
}

/// `/proc/PID/pagemap` (the kernel's `Documentation/admin-guide/mm/pagemap.rst`).
#[derive(Debug)]
pub struct Pagemap(File);

/// The length of an entry, in bytes.
const ENTRY: usize = size_of::<u64>();

impl Pagemap {
    /// The size of a page of it, in bytes. On arm64 an entry may be for a larger one.
    pub fn page() -> u64 {
        rustix::param::page_size() as u64
    }

    /// That of the process with this directory; `None` if it can not be had.
    pub fn of(process: &ProcDir) -> Option<Pagemap> {
        process.file("pagemap").ok().map(Pagemap)
    }

    /// How each of so many pages is there, from the one that holds `start` on; `None` if that is not
    /// told.
    pub fn pages(&self, start: Addr, count: usize) -> Option<Vec<Page>> {
        let mut entries = vec![0; count.checked_mul(ENTRY)?];
        let offset = (start.0 / Pagemap::page()).checked_mul(ENTRY as u64)?;
        self.0.read_exact_at(&mut entries, offset).ok()?;
        let (entries, _) = entries.as_chunks::<ENTRY>();
        Some(entries.iter().map(|entry| page(u64::from_ne_bytes(*entry))).collect())
    }
}

fn page(entry: u64) -> Page {
    const PRESENT: u64 = 1 << 63;
    const SWAPPED: u64 = 1 << 62;
    const OF_FILE: u64 = 1 << 61;
    // Whoever touches it dies of it. glibc 2.42 has such pages below its stacks (seen in sid), and the
    // kernel keeps them as if they were swapped.
    const GUARD: u64 = 1 << 58;
    if entry & PRESENT != 0 {
        Page::Present
    } else if entry & (SWAPPED | OF_FILE | GUARD) == SWAPPED {
        Page::Swapped
    } else {
        Page::Absent
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn an_entry_tells_how_its_page_is_there() {
        for (bits, expected) in [
            (1 << 63 | 7, Page::Present),
            (1 << 62 | 7, Page::Swapped),
            (1 << 62 | 1 << 61, Page::Absent),
            (1 << 62 | 1 << 58, Page::Absent),
            (1 << 55, Page::Absent),
            (0, Page::Absent),
        ] {
            assert_eq!(page(bits), expected, "{bits:#x}");
        }
    }

    #[test]
    fn what_was_written_is_there_and_what_is_mapped_nowhere_is_not() {
        let own = ProcDir::open(std::process::id().cast_signed()).unwrap();
        let pagemap = Pagemap::of(&own).unwrap();
        let written = [7u8; 1];
        let here = Addr(written.as_ptr() as u64);
        assert_eq!(pagemap.pages(here, 1).unwrap(), [Page::Present]);
        assert_eq!(pagemap.pages(Addr(0), 2).unwrap(), [Page::Absent; 2]);
    }
}
