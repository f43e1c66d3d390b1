//! Recorded memory: whole pages that were touched, and the used part of each stack.

mod overwrite;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::addr::Addr;
use crate::target::memory::{BatchRead, Fault, FaultKind, Memory};

/// The size of a recorded page, in bytes.
pub const PAGE: u64 = 4096;
const PAGE_LEN: usize = 4096;

/// Memory that remembers each page it was asked for, so that a page is read once and belongs to
/// one instant.
pub struct Recorder<'a> {
    source: &'a (dyn BatchRead + Sync),
    budget: usize,
    end: Option<Instant>,
    /// How many lookups of pages are left until the clock is looked at again.
    until_clock: Cell<u32>,
    /// Whether the end is past.
    ended: Cell<bool>,
    kept: RefCell<Kept>,
}

/// How many pages are fetched, or looked up, between two looks at the clock.
const BETWEEN_CLOCKS: usize = 4096;

#[derive(Default)]
struct Kept {
    index: HashMap<u64, Place, PageHash>,
    bytes: Vec<u8>,
    /// How many of `bytes` are in use; the rest is room.
    used: usize,
    /// The pages that were read since they were last asked for, in the order of their first read.
    touched: Vec<u64>,
    /// The page that was read last, and where it lies: most reads stay on it.
    last: Option<(u64, usize)>,
}

/// A quick hash of page numbers, for they are looked up while threads stand still: one
/// multiplication, with a key that the target can not know.
#[derive(Clone, Copy)]
struct PageHash(u64);

impl Default for PageHash {
    fn default() -> PageHash {
        PageHash(RandomState::new().hash_one(0u64) | 1)
    }
}

impl BuildHasher for PageHash {
    type Hasher = PageHasher;

    fn build_hasher(&self) -> PageHasher {
        PageHasher { key: self.0, hash: 0 }
    }
}

struct PageHasher {
    key: u64,
    hash: u64,
}

impl Hasher for PageHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.hash ^ number) * u128::from(self.key);
        self.hash = (product >> 64) as u64 ^ product as u64;
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}

/// What is known of a page.
#[derive(Clone, Copy)]
struct Place {
    /// Where in the bytes it lies; `None` if it can not be read.
    at: Option<usize>,
    /// Whether it is among those that were read.
    touched: bool,
}

impl<'a> Recorder<'a> {
    /// A recorder that keeps at most `budget` bytes.
    pub fn new(source: &'a (dyn BatchRead + Sync), budget: usize) -> Recorder<'a> {
        Recorder {
            source,
            budget,
            end: None,
            until_clock: Cell::new(0),
            ended: Cell::new(false),
            kept: RefCell::default(),
        }
    }

    /// From this moment on nothing is read any more, not even what is there: whoever reads, while
    /// threads stand still, comes to an end.
    pub fn stop_at(&mut self, end: Instant) {
        self.end = Some(end);
        self.until_clock.set(0);
        self.ended.set(false);
    }

    /// Makes room for this many pages now, so that no page fault of ours takes time while
    /// threads are held.
    pub fn reserve(&self, pages: usize) {
        let len = pages.saturating_mul(PAGE_LEN).min(self.budget);
        let mut kept = self.kept.borrow_mut();
        // Written, not only reserved: the kernel gives memory on the first write.
        kept.bytes.resize(len, 0xa5);
        kept.index.reserve(pages);
    }

    /// Fetches these pages in few calls; the first of them, where there is no room or time for all.
    pub fn prefetch(&self, pages: &[u64]) {
        for pages in pages.chunks(BETWEEN_CLOCKS) {
            self.until_clock.set(0);
            if self.is_late() {
                return;
            }
            self.fetch(pages);
        }
    }

    /// Whether the end is past, as far as the clock was looked at.
    fn is_late(&self) -> bool {
        let Some(end) = self.end else { return false };
        match self.until_clock.get().checked_sub(1) {
            Some(left) => self.until_clock.set(left),
            None => {
                self.until_clock.set(BETWEEN_CLOCKS as u32);
                self.ended.set(self.ended.get() || Instant::now() > end);
            }
        }
        self.ended.get()
    }

    fn fetch(&self, pages: &[u64]) {
        let mut kept = self.kept.borrow_mut();
        let mut wanted: Vec<u64> =
            pages.iter().copied().filter(|page| !kept.index.contains_key(page)).collect();
        if wanted.is_empty() {
            return;
        }
        let room = self.budget.saturating_sub(kept.used) / PAGE_LEN;
        if wanted.len() > room {
            // What is wanted most comes first.
            let mut seen = HashSet::new();
            wanted.retain(|page| seen.insert(*page));
            wanted.truncate(room);
        }
        wanted.sort_unstable();
        wanted.dedup();
        let begin = kept.used;
        let end = begin + wanted.len() * PAGE_LEN;
        kept.used = end;
        if kept.bytes.len() < end {
            kept.bytes.resize(end, 0);
        }
        let mut absent = HashSet::new();
        let out = kept.bytes.get_mut(begin..end).unwrap_or_default();
        self.source.read_ranges(&joined(&wanted), out, &mut |at, _| {
            absent.insert(at / PAGE_LEN);
        });
        for (nth, page) in wanted.into_iter().enumerate() {
            let at = (!absent.contains(&nth)).then_some(begin + nth * PAGE_LEN);
            kept.index.insert(page, Place { at, touched: false });
        }
    }

    /// The pages that were read through this recorder since the last call, in the order in which
    /// they were first read: what is wanted most comes first, where not all fit into a budget.
    pub fn take_touched(&self) -> Vec<u64> {
        let mut kept = self.kept.borrow_mut();
        kept.last = None;
        let touched = std::mem::take(&mut kept.touched);
        for page in &touched {
            if let Some(place) = kept.index.get_mut(page) {
                place.touched = false;
            }
        }
        touched
    }

    /// Forgets what was read: it is read anew when it is asked for again.
    pub fn forget(&self) {
        *self.kept.borrow_mut() = Kept::default();
    }

    /// Takes those of these pages from another recorder that are not here; tells how many.
    pub fn fill_from(&self, other: &Recorder<'_>, pages: &[u64]) -> usize {
        let mut kept = self.kept.borrow_mut();
        let other = other.kept.borrow();
        let mut taken = 0;
        for page in pages {
            if kept.index.contains_key(page) {
                continue;
            }
            let at = other.index.get(page).and_then(|place| place.at);
            let Some(bytes) = at.and_then(|at| other.bytes.get(at..at + PAGE_LEN)) else {
                continue;
            };
            let at = kept.used;
            kept.bytes.truncate(at);
            kept.bytes.extend_from_slice(bytes);
            kept.used += PAGE_LEN;
            kept.index.insert(*page, Place { at: Some(at), touched: false });
            taken += 1;
        }
        taken
    }

    /// The recorded pages by their addresses.
    pub fn into_pages(self) -> BTreeMap<u64, Box<[u8]>> {
        let kept = self.kept.into_inner();
        let pages = kept.index.iter().filter_map(|(page, place)| {
            let from = place.at?;
            Some((page * PAGE, kept.bytes.get(from..from + PAGE_LEN)?.into()))
        });
        pages.collect()
    }

    fn read_page(&self, page: u64, inside: usize, buf: &mut [u8]) -> Result<(), FaultKind> {
        let last = self.kept.borrow().last;
        let place = match last.filter(|(last, _)| *last == page) {
            Some((_, place)) => place,
            None => self.place(page)?,
        };
        let from = place + inside;
        let kept = self.kept.borrow();
        let bytes = kept.bytes.get(from..from + buf.len()).ok_or(FaultKind::Unmapped)?;
        buf.copy_from_slice(bytes);
        Ok(())
    }

    /// Where in the recorded bytes a page lies; it is fetched if it is not there yet.
    fn place(&self, page: u64) -> Result<usize, FaultKind> {
        let mut kept = self.kept.borrow_mut();
        if self.is_late() {
            return Err(FaultKind::OverBudget);
        }
        if !kept.index.contains_key(&page) {
            if kept.used + PAGE_LEN > self.budget {
                return Err(FaultKind::OverBudget);
            }
            drop(kept);
            self.fetch(&[page]);
            kept = self.kept.borrow_mut();
        }
        let Kept { index, touched, last, .. } = &mut *kept;
        let place = index.get_mut(&page).ok_or(FaultKind::OverBudget)?;
        if !std::mem::replace(&mut place.touched, true) {
            touched.push(page);
        }
        let at = place.at.ok_or(FaultKind::Unmapped)?;
        *last = Some((page, at));
        Ok(at)
    }
}

impl Memory for Recorder<'_> {
    fn read(&self, addr: Addr, buf: &mut [u8]) -> Result<(), Fault> {
        by_page(addr, buf, |page, inside, piece| self.read_page(page, inside, piece))
    }

    fn announce(&self, places: &[Addr]) {
        let pages: Vec<u64> = places.iter().map(|place| place.0 / PAGE).collect();
        if !self.is_late() {
            self.fetch(&pages);
        }
    }
}

/// Neighbouring pages as one range.
fn joined(sorted: &[u64]) -> Vec<(Addr, usize)> {
    let mut ranges: Vec<(Addr, usize)> = Vec::new();
    for page in sorted {
        match ranges.last_mut() {
            Some((addr, len)) if addr.0 + *len as u64 == page * PAGE => *len += PAGE_LEN,
            _ => ranges.push((Addr(page * PAGE), PAGE_LEN)),
        }
    }
    ranges
}

/// Splits a read at page borders: page number, offset in it, the piece of the buffer.
fn by_page(
    addr: Addr,
    buf: &mut [u8],
    mut read: impl FnMut(u64, usize, &mut [u8]) -> Result<(), FaultKind>,
) -> Result<(), Fault> {
    let mut at = addr;
    let mut rest = buf;
    while !rest.is_empty() {
        let inside = usize::try_from(at.0 % PAGE).unwrap_or(0);
        let len = rest.len().min(PAGE_LEN - inside);
        let (piece, after) = rest.split_at_mut(len);
        read(at.0 / PAGE, inside, piece).map_err(|kind| Fault { addr, kind })?;
        at = at.checked_add(len as u64).ok_or(Fault { addr, kind: FaultKind::Unmapped })?;
        rest = after;
    }
    Ok(())
}

/// The used part of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackBytes {
    /// Where it begins: the stack pointer.
    pub start: Addr,
    /// Its bytes, towards the stack's base.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

/// Memory as it was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    pages: BTreeMap<u64, serde_bytes::ByteBuf>,
    stacks: BTreeMap<u64, StackBytes>,
}

impl Recording {
    /// Adds pages; those that are there already are replaced.
    pub fn add_pages(&mut self, pages: BTreeMap<u64, Box<[u8]>>) {
        self.pages.extend(pages.into_iter().map(|(at, bytes)| (at, bytes.into_vec().into())));
    }

    /// Adds the used part of a stack.
    pub fn add_stack(&mut self, stack: StackBytes) {
        self.stacks.insert(stack.start.0, stack);
    }

    /// How many bytes are recorded.
    pub fn len(&self) -> usize {
        self.pages.len() * PAGE_LEN
            + self.stacks.values().map(|stack| stack.bytes.len()).sum::<usize>()
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn in_stack(&self, addr: Addr, len: usize) -> Option<&[u8]> {
        let (start, stack) = self.stacks.range(..=addr.0).next_back()?;
        let from = usize::try_from(addr.0 - start).ok()?;
        stack.bytes.get(from..from.checked_add(len)?)
    }
}

impl Memory for Recording {
    fn read(&self, addr: Addr, buf: &mut [u8]) -> Result<(), Fault> {
        if let Some(bytes) = self.in_stack(addr, buf.len()) {
            buf.copy_from_slice(bytes);
            return Ok(());
        }
        by_page(addr, buf, |page, inside, piece| {
            let bytes = self
                .pages
                .get(&(page * PAGE))
                .and_then(|page| page.get(inside..inside + piece.len()));
            piece.copy_from_slice(bytes.ok_or(FaultKind::NotRecorded)?);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::Mutex;

    use super::*;
    use crate::target::memory::MemoryExt as _;

    /// Every byte is the low byte of its page's number; page 9 can not be read.
    struct Pattern(Mutex<usize>);

    impl BatchRead for Pattern {
        fn read_ranges(
            &self,
            ranges: &[(Addr, usize)],
            out: &mut [u8],
            missing: &mut dyn FnMut(usize, usize),
        ) {
            *self.0.lock().unwrap() += 1;
            let pages = ranges.iter().flat_map(|(addr, len)| {
                (addr.0 / PAGE..addr.0 / PAGE + *len as u64 / PAGE).collect::<Vec<_>>()
            });
            for (nth, (page, piece)) in pages.zip(out.chunks_mut(PAGE_LEN)).enumerate() {
                match page {
                    9 => missing(nth * PAGE_LEN, PAGE_LEN),
                    page => piece.fill(page as u8),
                }
            }
        }
    }

    #[test]
    fn pages_are_fetched_once_and_kept() {
        let source = Pattern(Mutex::new(0));
        let recorder = Recorder::new(&source, 64 * PAGE_LEN);
        recorder.prefetch(&[3, 5, 4, 3]);
        assert_eq!(recorder.u8(Addr(4 * PAGE + 17)).unwrap(), 4);
        assert_eq!(*source.0.lock().unwrap(), 1);
        assert_eq!(recorder.u64(Addr(6 * PAGE - 4)).unwrap(), 0x0606_0606_0505_0505);
        assert_eq!(*source.0.lock().unwrap(), 2);
        assert_eq!(recorder.u8(Addr(9 * PAGE)).unwrap_err().kind, FaultKind::Unmapped);
        assert_eq!(recorder.take_touched(), [4, 5, 6, 9]);
        let mut recording = Recording::default();
        recording.add_pages(recorder.into_pages());
        assert_eq!(recording.u8(Addr(6 * PAGE)).unwrap(), 6);
        assert_eq!(recording.u8(Addr(7 * PAGE)).unwrap_err().kind, FaultKind::NotRecorded);
    }

    #[test]
    fn what_is_announced_is_fetched_in_one_call_and_touched_when_it_is_read() {
        let source = Pattern(Mutex::new(0));
        let recorder = Recorder::new(&source, 64 * PAGE_LEN);
        recorder.announce(&[3, 9, 5].map(|page| Addr(page * PAGE + 8)));
        assert_eq!(recorder.u8(Addr(5 * PAGE)).unwrap(), 5);
        assert_eq!(recorder.u8(Addr(9 * PAGE)).unwrap_err().kind, FaultKind::Unmapped);
        recorder.announce(&[Addr(3 * PAGE)]);
        assert_eq!(*source.0.lock().unwrap(), 1);
        assert_eq!(recorder.take_touched(), [5, 9]);
    }

    #[test]
    fn a_budget_is_kept() {
        let source = Pattern(Mutex::new(0));
        let recorder = Recorder::new(&source, 2 * PAGE_LEN);
        recorder.prefetch(&[1, 2, 3]);
        assert_eq!(recorder.u8(Addr(3 * PAGE)).unwrap_err().kind, FaultKind::OverBudget);
    }

    #[test]
    fn stacks_are_read_by_the_byte() {
        let mut recording = Recording::default();
        recording
            .add_stack(StackBytes { start: Addr(0x1234), bytes: vec![1, 2, 3, 4, 5, 6, 7, 8] });
        assert_eq!(recording.u32(Addr(0x1236)).unwrap(), 0x0605_0403);
        assert!(recording.u32(Addr(0x1239)).is_err());
    }
}
