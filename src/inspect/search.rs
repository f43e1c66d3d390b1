//! Searching the whole memory of the running process for words, before anything is held.
//!
//! Memory that no file backs is read in large pieces and compared word by word; only what is in
//! memory, for reading what was never touched makes page tables, and what is swapped out would be
//! brought in. What is found is a place and no more: what lies there, and whether it is still there, is
//! for others to say.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::addr::Addr;
use crate::target::Mapping;
use crate::target::live::pagemap::{Page, Pagemap};
use crate::target::memory::BatchRead;
use crate::target::search::{Place, Search, SearchRequest};

/// How much is read at once, in bytes: large enough for few calls, small enough for the cache, and
/// for the heap of a small program.
const PIECE: u64 = 256 << 10;

/// How much it is asked of at once what is in memory, in bytes.
const WINDOW: u64 = 16 << 20;

/// The most memory that is searched, in bytes, whether it is there or not.
const MAX_BYTES: u64 = 4 << 40;

/// The longest that a search takes: 490 MB take a tenth of a second.
const MAX_TIME: Duration = Duration::from_secs(2);

/// The most places that are kept: one in 60 bytes of a heap of 64 MiB.
const MAX_PLACES: usize = 1 << 20;

/// How many threads search. The copying by the kernel is most of the work.
const THREADS: usize = 2;

/// Searches the memory for the words that are wanted; nothing is read if there are none.
pub fn search(
    memory: &(dyn BatchRead + Sync),
    pagemap: Option<&Pagemap>,
    mappings: &[Mapping],
    request: &SearchRequest,
) -> Search {
    let mut search = Search { marks: request.marks.clone(), ..Search::default() };
    if request.words.is_empty() {
        return search;
    }
    let words = Words::new(&request.words);
    let (windows, whole) = windows(mappings);
    let work = Work {
        memory,
        pagemap,
        words: &words,
        windows: &windows,
        next: AtomicUsize::new(0),
        bytes: AtomicU64::new(0),
        swapped: AtomicU64::new(0),
    };
    let end = Instant::now() + MAX_TIME;
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut own = work.search(end);
                // Poisoned only by a panic, which the scope passes on.
                found.lock().unwrap_or_else(|lock| lock.into_inner()).append(&mut own);
            });
        }
    });
    let done = work.next.into_inner().min(windows.len());
    search.bytes = work.bytes.into_inner();
    let swapped = work.swapped.into_inner();
    let mut found = found.into_inner().unwrap_or_else(|lock| lock.into_inner());
    found.sort_unstable();
    search.cut = match (done < windows.len(), whole) {
        _ if found.len() > MAX_PLACES => Some(format!("only {MAX_PLACES} findings are kept")),
        (true, _) => Some(format!("the limit of {} s was reached", MAX_TIME.as_secs())),
        (false, false) => Some(format!("only {} GiB are searched", MAX_BYTES >> 30)),
        (false, true) if swapped > 0 => {
            Some(format!("{swapped} bytes are swapped out, and are not brought in for that"))
        }
        (false, true) => None,
    }
    .map(Into::into);
    found.truncate(MAX_PLACES);
    search.places = found.into_iter().map(|addr| Place { addr, owner: None, state: 0 }).collect();
    search
}

/// The memory that no file backs and the process may write, in windows; and whether that is all.
fn windows(mappings: &[Mapping]) -> (Vec<(Addr, u64)>, bool) {
    let heap = |mapping: &&Mapping| {
        let special = mapping.path.raw().starts_with("[v") || mapping.path.raw() == "[stack]";
        mapping.readable && mapping.writable && !mapping.is_file() && !special
    };
    let mut windows = Vec::new();
    let mut left = MAX_BYTES;
    for mapping in mappings.iter().filter(heap) {
        let mut at = mapping.start;
        while at < mapping.end {
            let len = WINDOW.min(mapping.end.0 - at.0);
            if len > left {
                return (windows, false);
            }
            left -= len;
            windows.push((at, len));
            at = at.wrapping_add(len);
        }
    }
    (windows, true)
}

/// What the threads share.
struct Work<'a> {
    memory: &'a (dyn BatchRead + Sync),
    /// What is in memory. Unknown, all counts as such.
    pagemap: Option<&'a Pagemap>,
    words: &'a Words,
    windows: &'a [(Addr, u64)],
    /// The window that nobody has taken yet.
    next: AtomicUsize,
    /// How much was searched, and how much is swapped out, in bytes.
    bytes: AtomicU64,
    swapped: AtomicU64,
}

impl Work<'_> {
    /// Takes window after window, until there is none or the time is over.
    fn search(&self, end: Instant) -> Vec<Addr> {
        let mut found = Vec::new();
        let mut bytes = Vec::new();
        while Instant::now() < end && found.len() <= MAX_PLACES {
            let nth = self.next.fetch_add(1, Ordering::Relaxed);
            let Some((start, len)) = self.windows.get(nth).copied() else { break };
            for ranges in self.pieces(start, len) {
                if Instant::now() >= end {
                    // What is left of the window has not been searched: it counts as not taken.
                    self.next.store(nth, Ordering::Relaxed);
                    return found;
                }
                bytes.resize(ranges.iter().map(|(_, len)| len).sum(), 0);
                let mut missing = Vec::new();
                let memory = self.memory;
                memory.read_ranges(&ranges, &mut bytes, &mut |at, len| missing.push((at, len)));
                for (at, len) in missing {
                    // What the piece before left there.
                    bytes.get_mut(at..at + len).unwrap_or_default().fill(0);
                }
                let mut rest = bytes.as_slice();
                for (start, len) in ranges {
                    let (these, behind) = rest.split_at_checked(len).unwrap_or_default();
                    self.words.find(start, these, &mut found);
                    rest = behind;
                }
                self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
        }
        found
    }

    /// What of a window is in memory, in pieces of ranges.
    fn pieces(&self, start: Addr, len: u64) -> Vec<Vec<(Addr, usize)>> {
        let size = Pagemap::page();
        let count = usize::try_from(len.div_ceil(size)).unwrap_or(0);
        let pages = self.pagemap.and_then(|pagemap| pagemap.pages(start, count));
        let pages = pages.unwrap_or_else(|| vec![Page::Present; count]);
        let swapped = pages.iter().filter(|page| **page == Page::Swapped).count() as u64;
        self.swapped.fetch_add(swapped * size, Ordering::Relaxed);
        let present = (0..).zip(pages).filter(|(_, page)| *page == Page::Present);
        let present: Vec<u64> = present.map(|(nth, _)| nth * size).collect();
        let range = |offset: &u64| {
            let len = usize::try_from(size.min(len - offset)).unwrap_or(0);
            (start.wrapping_add(*offset), len)
        };
        let at_once = usize::try_from(PIECE / size).unwrap_or(1).max(1);
        let pieces = present.chunks(at_once);
        pieces.map(|offsets| joined(offsets.iter().map(range))).collect()
    }
}

/// Ranges of which those that touch are one.
fn joined(ranges: impl Iterator<Item = (Addr, usize)>) -> Vec<(Addr, usize)> {
    let mut joined: Vec<(Addr, usize)> = Vec::new();
    for (start, len) in ranges {
        match joined.last_mut() {
            Some((begin, before)) if begin.0 + *before as u64 == start.0 => *before += len,
            _ => joined.push((start, len)),
        }
    }
    joined
}

/// The words that are searched for.
struct Words {
    sorted: Vec<u64>,
    /// 1 for each value of some bits of a word that a wanted word has: nearly all of the others
    /// are told by that.
    filter: Box<[u8; Words::FILTER]>,
}

impl Words {
    /// How many values the bits have that the filter looks at.
    const FILTER: usize = 4096;

    fn new(words: &[Addr]) -> Words {
        let mut sorted: Vec<u64> = words.iter().map(|word| word.0).collect();
        sorted.sort_unstable();
        let mut filter = Box::new([0; Words::FILTER]);
        for word in &sorted {
            filter[Words::bits(*word)] = 1;
        }
        Words { sorted, filter }
    }

    /// The bits of a word that tell most. The lowest four tell nothing of an object's address.
    fn bits(word: u64) -> usize {
        (word >> 4) as usize % Words::FILTER
    }

    /// Where in these bytes, which begin at `start`, wanted words are.
    fn find(&self, start: Addr, bytes: &[u8], found: &mut Vec<Addr>) {
        // Eight at a time: one branch for all.
        let (groups, rest) = bytes.as_chunks::<64>();
        let mut at = start;
        for group in groups {
            let (words, _) = group.as_chunks::<8>();
            let maybe = words
                .iter()
                .fold(0, |any, word| any | self.filter[Words::bits(u64::from_le_bytes(*word))]);
            if maybe != 0 {
                self.compare(at, group, found);
            }
            at = at.wrapping_add(64);
        }
        self.compare(at, rest, found);
    }

    fn compare(&self, start: Addr, bytes: &[u8], found: &mut Vec<Addr>) {
        for (nth, word) in (0..).zip(bytes.as_chunks::<8>().0) {
            if self.sorted.binary_search(&u64::from_le_bytes(*word)).is_ok() {
                found.push(start.wrapping_add(8 * nth));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Text;

    /// Memory of numbers, 8 bytes each, that count up from its begin; one page can not be read.
    struct Counting;

    const BASE: u64 = 0x10_0000;
    const HOLE: u64 = 0x4000;

    impl BatchRead for Counting {
        fn read_ranges(
            &self,
            ranges: &[(Addr, usize)],
            out: &mut [u8],
            missing: &mut dyn FnMut(usize, usize),
        ) {
            for (start, _) in ranges {
                for (addr, word) in (start.0..).step_by(8).zip(out.as_chunks_mut::<8>().0) {
                    *word = ((addr - BASE) / 8 * 0x10).to_le_bytes();
                }
                if start.0 == BASE {
                    missing(HOLE as usize, 4096);
                }
            }
        }
    }

    fn mapping(start: u64, len: u64, path: &str, inode: u64) -> Mapping {
        Mapping {
            start: Addr(start),
            end: Addr(start + len),
            readable: true,
            writable: true,
            executable: false,
            offset: 0,
            device: (0, 0),
            inode,
            path: Text::from(path),
        }
    }

    fn places(mappings: &[Mapping], words: &[u64]) -> Vec<u64> {
        let words = words.iter().copied().map(Addr).collect();
        let request = SearchRequest { words, marks: vec![Addr(7)], ..SearchRequest::default() };
        let search = search(&Counting, None, mappings, &request);
        assert_eq!(search.marks, [Addr(7)]);
        assert_eq!(search.cut, None);
        search.places.into_iter().map(|place| place.addr.0).collect()
    }

    #[test]
    fn words_are_found_wherever_no_file_is_mapped() {
        let len = 3 * PIECE + 40;
        let heap = mapping(BASE, len, "[heap]", 0);
        let last = (len / 8 - 1) * 0x10;
        let wanted = [0x30, 0x31, last, PIECE / 8 * 0x10];
        let found = places(std::slice::from_ref(&heap), &wanted);
        assert_eq!(found, [BASE + 0x18, BASE + PIECE, BASE + len - 8]);
        let others = [mapping(BASE, len, "/usr/lib/x", 7), mapping(BASE, len, "[stack]", 0)];
        assert_eq!(places(&others, &wanted), [0; 0]);
    }

    #[test]
    fn what_can_not_be_read_holds_nothing() {
        let heap = mapping(BASE, PIECE, "", 0);
        assert_eq!(places(&[heap], &[(HOLE + 8) / 8 * 0x10, 0x1000 / 8 * 0x10]), [BASE + 0x1000]);
    }

    #[test]
    fn nothing_is_read_for_no_words() {
        let heap = mapping(BASE, PIECE, "", 0);
        let search = search(&Counting, None, &[heap], &SearchRequest::default());
        assert_eq!((search.bytes, search.places.len()), (0, 0));
    }

    #[test]
    fn more_memory_than_the_limit_is_not_searched_and_told() {
        let (all, whole) = windows(&[mapping(BASE, MAX_BYTES + WINDOW, "", 0)]);
        assert!(!whole);
        assert_eq!(all.iter().map(|(_, len)| len).sum::<u64>(), MAX_BYTES);
    }
}
