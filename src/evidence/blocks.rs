//! What was read of a file: pieces of one block or, where much was wanted at once, of several.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use elsa::FrozenBTreeMap;

use crate::target::files::FileError;

/// The size of a block, in bytes: what one read brings.
pub const BLOCK: u64 = 16 * 1024;
const BLOCK_LEN: usize = 16 * 1024;

/// The bytes of one or more blocks, or why they could not be read.
pub type Piece = Result<Box<[u8]>, FileError>;

/// Pieces, which never change once they are there.
#[derive(Default)]
pub struct Blocks {
    /// By the number of their first block.
    pieces: FrozenBTreeMap<u32, Box<Piece>>,
    /// How many blocks each has.
    counts: RefCell<BTreeMap<u32, u32>>,
    /// How many blocks there are in all.
    len: Cell<u64>,
}

impl Blocks {
    /// How many blocks were read.
    pub fn len(&self) -> u64 {
        self.len.get()
    }

    /// The piece that has this block, and the number of its first block.
    pub fn get(&self, block: u32) -> Option<(u32, &Piece)> {
        let last = self.counts.borrow().range(..=block).next_back().map(|(f, n)| (*f, *n));
        let (first, _) = last.filter(|(first, count)| block - first < *count)?;
        Some((first, self.pieces.get(&first)?))
    }

    /// Whether any of these blocks was read.
    pub fn has_any(&self, first: u32, last: u32) -> bool {
        let counts = self.counts.borrow();
        let before = counts.range(..=last).next_back();
        before.is_some_and(|(begin, count)| begin.saturating_add(*count) > first)
    }

    /// Keeps a piece of `count` blocks, none of which is there yet.
    pub fn insert(&self, first: u32, count: u32, piece: Piece) -> &Piece {
        self.counts.borrow_mut().insert(first, count);
        self.len.set(self.len.get() + u64::from(count));
        self.pieces.insert(first, Box::new(piece))
    }

    /// Each block by its number.
    pub fn into_blocks(self) -> impl Iterator<Item = (u32, Piece)> {
        self.pieces.into_map().into_iter().flat_map(|(first, piece)| {
            let blocks: Vec<Piece> = match *piece {
                // Also what is empty: a file may have shrunk.
                Ok(bytes) if bytes.len() <= BLOCK_LEN => vec![Ok(bytes)],
                Ok(bytes) => bytes.chunks(BLOCK_LEN).map(|block| Ok(block.into())).collect(),
                Err(error) => vec![Err(error)],
            };
            (first..).zip(blocks)
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn piece(len: usize) -> Piece {
        Ok(vec![7; len].into())
    }

    #[test]
    fn a_block_is_found_in_the_piece_that_has_it() {
        let blocks = Blocks::default();
        blocks.insert(3, 2, piece(BLOCK_LEN + 5));
        blocks.insert(1, 1, Err(FileError::NotRecorded));
        let first = |block| blocks.get(block).map(|(first, _)| first);
        assert_eq!([0, 1, 2, 3, 4, 5].map(first), [None, Some(1), None, Some(3), Some(3), None]);
        assert_eq!(blocks.len(), 3);
        let any = [(0, 0), (0, 1), (2, 2), (2, 3), (4, 9), (5, 9)];
        let expected = [false, true, false, true, true, false];
        assert_eq!(any.map(|(first, last)| blocks.has_any(first, last)), expected);
    }

    #[test]
    fn pieces_come_apart_into_their_blocks() {
        let blocks = Blocks::default();
        blocks.insert(3, 2, piece(BLOCK_LEN + 5));
        blocks.insert(9, 1, piece(0));
        let apart: Vec<_> = blocks.into_blocks().map(|(n, b)| (n, b.unwrap().len())).collect();
        assert_eq!(apart, [(3, BLOCK_LEN), (4, 5), (9, 0)]);
    }
}
