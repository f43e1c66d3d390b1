//! Recorded memory: whole pages that were touched, and the used part of each stack.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;
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
        wanted.truncate(self.budget.saturating_sub(kept.used) / PAGE_LEN);
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

    /// Overwrites each of these texts, wherever it is recorded, as UTF-8 and as the strings of
    /// programs have it that keep each character in the same number of bytes. Short ones are left:
    /// they are found by chance in what is no text. Long ones are looked for in pieces: they lie on
    /// several pages.
    pub fn overwrite(&mut self, secrets: &[String]) {
        let pieces: Vec<String> = secrets.iter().flat_map(|secret| pieces(secret)).collect();
        for width in [1, 2, 4] {
            Texts::of(&pieces, width).iter().for_each(|texts| self.overwrite_texts(texts));
        }
    }

    fn overwrite_texts(&mut self, texts: &Texts) {
        // Where two pages meet, before a part of what lies on both is overwritten in one of them.
        let reach = texts.longest.saturating_sub(1).min(PAGE_LEN);
        let starts: Vec<u64> = self.pages.keys().copied().collect();
        for (before, after) in starts.iter().zip(starts.iter().skip(1)) {
            if before.checked_add(PAGE) != Some(*after) {
                continue;
            }
            let end = self.pages.get(before).and_then(|page| page.get(PAGE_LEN - reach..));
            let begin = self.pages.get(after).and_then(|page| page.get(..reach));
            let Some((end, begin)) = end.zip(begin) else { continue };
            let mut both = [end, begin].concat();
            texts.overwrite(&mut both, |found| found.start < reach && reach < found.end);
            let (end, begin) = both.split_at(reach);
            if let Some(page) = self.pages.get_mut(before)
                && let Some(place) = page.get_mut(PAGE_LEN - reach..)
            {
                place.copy_from_slice(end);
            }
            if let Some(place) = self.pages.get_mut(after).and_then(|page| page.get_mut(..reach)) {
                place.copy_from_slice(begin);
            }
        }
        let pages = self.pages.values_mut().map(|page| page.as_mut_slice());
        let stacks = self.stacks.values_mut().map(|stack| stack.bytes.as_mut_slice());
        pages.chain(stacks).for_each(|bytes| texts.overwrite(bytes, |_| true));
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

/// Texts that are to be overwritten, in characters of some bytes each.
struct Texts {
    any: regex::bytes::Regex,
    width: usize,
    /// The length of the longest, in bytes.
    longest: usize,
}

impl Texts {
    /// The shortest text that is overwritten, in bytes: four letters may be half a pointer.
    const SHORTEST: usize = 6;

    /// Those of the texts that can be written so, in as few patterns as they fit into.
    fn of(texts: &[String], width: usize) -> Vec<Texts> {
        let mut known: Vec<Vec<u8>> = Vec::new();
        for text in texts.iter().filter(|text| text.len() >= Texts::SHORTEST) {
            if width == 1 {
                known.push(text.clone().into_bytes());
            }
            // What is all ASCII is the same in one byte each, and never wider.
            if !text.is_ascii() {
                known.extend(in_width(text, width));
            }
        }
        // Of two that begin alike the first one counts: the end of the longer one must not stay.
        known.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        known.dedup();
        Texts::in_patterns(&known, width)
    }

    /// One pattern of these, or several of the parts of them where they are too much for one: what
    /// is left out would be kept.
    fn in_patterns(known: &[Vec<u8>], width: usize) -> Vec<Texts> {
        let Some(longest) = known.iter().map(Vec::len).max() else { return Vec::new() };
        let size: usize = known.iter().map(Vec::len).sum();
        let any = (known.len() == 1 || size <= Texts::SIZE).then(|| pattern(known)).flatten();
        match (any, known.split_at(known.len() / 2)) {
            (Some(any), _) => vec![Texts { any, width, longest }],
            (None, ([], _)) => Vec::new(),
            (None, (first, second)) => {
                let mut all = Texts::in_patterns(first, width);
                all.extend(Texts::in_patterns(second, width));
                all
            }
        }
    }

    /// How many bytes of texts one pattern has: it takes some dozen times as much memory.
    const SIZE: usize = 1 << 20;

    /// Overwrites those in these bytes that are wanted.
    fn overwrite(&self, bytes: &mut [u8], wanted: impl Fn(&Range<usize>) -> bool) {
        let found: Vec<_> = self.any.find_iter(bytes).map(|found| found.range()).collect();
        for range in found.into_iter().filter(wanted) {
            for character in bytes.get_mut(range).unwrap_or_default().chunks_mut(self.width) {
                character.fill(0);
                character.iter_mut().take(1).for_each(|byte| *byte = b'*');
            }
        }
    }
}

/// A text in pieces of about the same length, of which each fits into a page.
fn pieces(text: &str) -> Vec<String> {
    /// The longest, in characters.
    const PIECE: usize = 1000;
    let characters: Vec<char> = text.chars().collect();
    let count = characters.len().div_ceil(PIECE).max(1);
    let pieces = characters.chunks(characters.len().div_ceil(count).max(1));
    pieces.map(|piece| piece.iter().collect()).collect()
}

/// What finds any of these.
fn pattern(known: &[Vec<u8>]) -> Option<regex::bytes::Regex> {
    /// How large it may become, in bytes, once it is compiled.
    const COMPILED: usize = 256 << 20;
    let hex = |bytes: &Vec<u8>| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    let patterns: Vec<String> = known.iter().map(hex).collect();
    let any = format!("(?-u){}", patterns.join("|"));
    regex::bytes::RegexBuilder::new(&any).size_limit(COMPILED).build().ok()
}

/// A text with so many bytes for each character, the lowest first.
fn in_width(text: &str, width: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for char in text.chars() {
        let point = u32::from(char).to_le_bytes();
        let (low, high) = point.split_at_checked(width)?;
        if high.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(low);
    }
    Some(bytes)
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
    fn a_budget_is_kept() {
        let source = Pattern(Mutex::new(0));
        let recorder = Recorder::new(&source, 2 * PAGE_LEN);
        recorder.prefetch(&[1, 2, 3]);
        assert_eq!(recorder.u8(Addr(3 * PAGE)).unwrap_err().kind, FaultKind::OverBudget);
    }

    #[test]
    fn secrets_are_overwritten_where_pages_meet_and_in_wide_characters() {
        let mut recording = Recording::default();
        let wide: Vec<u8> = "größe日本語".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut bytes = vec![0; 2 * PAGE_LEN];
        bytes[PAGE_LEN - 3..PAGE_LEN + 5].copy_from_slice(b"hunter2!");
        bytes[100..100 + wide.len()].copy_from_slice(&wide);
        bytes[200..207].copy_from_slice(b"gr\xf6\xdfeXY");
        for (at, page) in [0x5000, 0x6000].into_iter().zip(bytes.chunks(PAGE_LEN)) {
            recording.add_pages(BTreeMap::from([(at, page.into())]));
        }
        recording.overwrite(&["hunter2!".into(), "größe日本語".into(), "größeXY".into()]);
        assert_eq!(recording.bytes(Addr(0x6000 - 4), 10).unwrap(), b"\0********\0");
        assert_eq!(recording.bytes(Addr(0x5064), 16).unwrap(), b"*\0".repeat(8));
        assert_eq!(recording.bytes(Addr(0x5000 + 200), 7).unwrap(), b"*******");
    }

    #[test]
    fn secrets_are_overwritten_wherever_they_are_recorded() {
        let mut recording = Recording::default();
        let bytes = b"--password\0hunter2!\0short".to_vec();
        recording.add_stack(StackBytes { start: Addr(0x1000), bytes: bytes.clone() });
        let mut page = vec![0; PAGE_LEN];
        page[100..100 + bytes.len()].copy_from_slice(&bytes);
        recording.add_pages(BTreeMap::from([(0x5000, page.into_boxed_slice())]));
        recording.overwrite(&["hunter2!".into(), "short".into(), String::new()]);
        for at in [0x1000, 0x5064] {
            let read = recording.bytes(Addr(at), bytes.len()).unwrap();
            assert_eq!(read, b"--password\0********\0short");
        }
    }

    #[test]
    fn a_secret_of_several_pages_is_overwritten() {
        let secret: String = (0..2001).map(|nth| format!("{nth:05}")).collect();
        let mut recording = Recording::default();
        let mut bytes = vec![0; 4 * PAGE_LEN];
        bytes[77..77 + secret.len()].copy_from_slice(secret.as_bytes());
        for (at, page) in (0x5000..).step_by(PAGE_LEN).zip(bytes.chunks(PAGE_LEN)) {
            recording.add_pages(BTreeMap::from([(at, page.into())]));
        }
        recording.overwrite(std::slice::from_ref(&secret));
        let read = recording.bytes(Addr(0x5000 + 77), secret.len()).unwrap();
        assert_eq!(read, b"*".repeat(secret.len()));
    }

    #[test]
    fn a_secret_on_two_pages_is_overwritten_whole_though_a_part_of_it_is_one_too() {
        let url = b"mysql://stress:hunter2@h/";
        for before in 1..url.len() {
            let mut recording = Recording::default();
            let mut bytes = vec![0; 2 * PAGE_LEN];
            bytes[PAGE_LEN - before..][..url.len()].copy_from_slice(url);
            for (at, page) in [0x5000, 0x6000].into_iter().zip(bytes.chunks(PAGE_LEN)) {
                recording.add_pages(BTreeMap::from([(at, page.into())]));
            }
            recording.overwrite(&["hunter2".into(), "mysql://stress:hunter2@h/".into()]);
            let read = recording.bytes(Addr(0x6000 - before as u64), url.len()).unwrap();
            assert_eq!(read, b"*".repeat(url.len()), "{before}");
        }
    }

    #[test]
    fn of_secrets_that_begin_alike_no_end_is_left() {
        let mut recording = Recording::default();
        let bytes = b"[secret1-and-more] [secret1]".to_vec();
        recording.add_stack(StackBytes { start: Addr(0x1000), bytes });
        recording.overwrite(&["secret1".into(), "secret1-and-more".into()]);
        let read = recording.bytes(Addr(0x1000), 28).unwrap();
        assert_eq!(read, b"[****************] [*******]");
    }

    #[test]
    fn more_secrets_than_one_pattern_can_hold_are_overwritten_all() {
        let secrets: Vec<String> = (0..2500).map(|nth| format!("{nth:->1000}")).collect();
        let mut recording = Recording::default();
        for (nth, secret) in [(0, 0), (1, 1249), (2, 2499)] {
            let bytes = secrets[secret].clone().into_bytes();
            recording.add_stack(StackBytes { start: Addr(nth * 0x1000), bytes });
        }
        recording.overwrite(&secrets);
        for nth in 0..3 {
            assert_eq!(recording.bytes(Addr(nth * 0x1000), 1000).unwrap(), b"*".repeat(1000));
        }
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
