//! Searching areas of the running process for tables of a known form, before anything is held.

use crate::addr::Addr;
use crate::target::memory::BatchRead;
use crate::target::search::TableRequest;

/// The size of an entry, in bytes: two words.
const ENTRY: usize = 16;

/// How much is read at once, in bytes: few calls, and few pages of our own.
const PIECE: usize = 64 << 10;

/// The most places that are kept. More than one is doubt already.
const MAX_PLACES: usize = 16;

/// Where tables may lie, sorted.
pub fn find(memory: &dyn BatchRead, request: &TableRequest) -> Vec<Addr> {
    let size = (request.entries + 1) * ENTRY;
    let mut found = Vec::new();
    let mut bytes = vec![0; PIECE];
    for (start, len) in &request.areas {
        // Each table lies in one piece: they overlap by one.
        for at in (0..*len).step_by(PIECE.saturating_sub(size).max(ENTRY)) {
            let start = start.wrapping_add(at);
            let len = usize::try_from(len - at).unwrap_or(PIECE).min(PIECE);
            let Some(piece) = bytes.get_mut(..len) else { continue };
            let mut missing = Vec::new();
            memory.read_ranges(&[(start, len)], piece, &mut |at, len| missing.push((at, len)));
            for (at, len) in missing {
                // What the piece before left there.
                piece.get_mut(at..at + len).unwrap_or_default().fill(0);
            }
            let places = candidates(piece, request.entries).into_iter();
            found.extend(places.map(|at| start.wrapping_add(at)));
        }
    }
    found.sort_unstable();
    found.dedup();
    found.truncate(MAX_PLACES);
    found
}

/// Where in these bytes one may begin: at an entry of zeros, before so many that are in use.
fn candidates(bytes: &[u8], entries: usize) -> Vec<u64> {
    let words = bytes.as_chunks::<8>().0;
    let mut found = Vec::new();
    for shift in [0, 1] {
        // The last entry of zeros, as long as all since are in use.
        let mut begin = None;
        let pairs = words.get(shift..).unwrap_or_default().as_chunks::<2>().0;
        for (nth, [flag, pointer]) in pairs.iter().enumerate() {
            match (u64::from_le_bytes(*flag), u64::from_le_bytes(*pointer)) {
                (0, 0) => begin = Some(nth),
                (0 | 1, pointer) if pointer != 0 && pointer % 8 == 0 => {
                    if let Some(first) = begin.filter(|first| nth - first == entries) {
                        found.push((first * ENTRY + shift * 8) as u64);
                    }
                }
                _ => begin = None,
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory of these words; what lies beyond can not be read.
    struct Words(Vec<u64>);

    const BASE: u64 = 0x10_0000;

    impl BatchRead for Words {
        fn read_ranges(
            &self,
            ranges: &[(Addr, usize)],
            out: &mut [u8],
            missing: &mut dyn FnMut(usize, usize),
        ) {
            for (start, len) in ranges {
                let first = ((start.0 - BASE) / 8) as usize;
                for (nth, word) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                    match self.0.get(first + nth) {
                        Some(known) => *word = known.to_le_bytes(),
                        None => return missing(nth * 8, len - nth * 8),
                    }
                }
            }
        }
    }

    /// Zeros, with tables of 64 entries at these words.
    fn words(len: usize, tables: &[usize]) -> Words {
        let mut words = vec![0; len];
        for at in tables {
            for (nth, word) in words[*at + 2..*at + 2 + 128].iter_mut().enumerate() {
                *word = if nth % 2 == 1 { 0x7f00_0000_1230 } else { u64::from(nth == 24) };
            }
        }
        Words(words)
    }

    fn found(words: &Words, len: usize) -> Vec<u64> {
        let areas = vec![(Addr(BASE), len as u64 * 8)];
        let request = TableRequest { areas, entries: 64 };
        find(words, &request).into_iter().map(|at| (at.0 - BASE) / 8).collect()
    }

    #[test]
    fn a_table_is_found_wherever_it_lies() {
        let len = 3 * PIECE / 8;
        let borders = [PIECE / 8 - 131, PIECE / 8 - 65, PIECE / 8 - 1, PIECE / 8, len - 130];
        for at in (0..40).chain(borders) {
            assert_eq!(found(&words(len, &[at]), len), [at as u64]);
        }
        assert_eq!(found(&words(len, &[7, 1000]), len), [7, 1000]);
    }

    #[test]
    fn what_is_not_whole_is_no_table() {
        let len = 4096;
        for broken in [2, 3, 50, 51, 128, 129] {
            let mut memory = words(len, &[100]);
            memory.0[100 + broken] = 0x33;
            assert_eq!(found(&memory, len), [0; 0], "{broken}");
        }
        // No entry of zeros before it; memory that ends in it; none at all.
        let mut memory = words(len, &[100]);
        memory.0[100] = 5;
        assert_eq!(found(&memory, len), [0; 0]);
        assert_eq!(found(&Words(words(len, &[100]).0[..200].to_vec()), len), [0; 0]);
        assert_eq!(found(&Words(Vec::new()), len), [0; 0]);
    }

    #[test]
    fn places_are_few() {
        let tables: Vec<usize> = (0..100).map(|nth| nth * 132).collect();
        assert_eq!(found(&words(20_000, &tables), 20_000).len(), MAX_PLACES);
    }
}
