//! Taking secrets out of recorded memory.

use std::ops::Range;

use super::{PAGE, PAGE_LEN, Recording};

impl Recording {
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeMap;

    use super::super::StackBytes;
    use super::*;
    use crate::addr::Addr;
    use crate::target::memory::MemoryExt as _;

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
}
