//! Which bytes of a thread's stack are recorded: the used part, from the stack pointer to its
//! base, within a budget for all threads together.

use std::collections::HashSet;

use crate::addr::Addr;
use crate::arch::Registers;
use crate::evidence::pages::StackBytes;
use crate::target::memory::BatchRead;
use crate::target::{Mapping, Tid, mapping_at};

/// How much is recorded where the base of the stack is not known: a stack of another runtime's
/// making, a signal stack.
const REACH: u64 = 64 << 10;

/// A thread pointer further away than this is not the base of the stack it was found on.
const MAX_STACK: u64 = 1 << 30;

/// A piece of a stack that is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Whose.
    pub tid: Tid,
    /// From here.
    pub start: Addr,
    /// So many bytes.
    pub len: usize,
    /// Whether it is only where the stack may be, and not known to be this thread's alone.
    pub supposed: bool,
}

impl Piece {
    fn overlaps(&self, other: &Piece) -> bool {
        let end = |piece: &Piece| piece.start.0.saturating_add(piece.len as u64);
        self.start.0 < end(other) && other.start.0 < end(self)
    }
}

/// What is known of the address space.
#[derive(Clone, Copy, Debug)]
pub struct Space<'a> {
    /// The first thread.
    pub first: Tid,
    /// Its mappings, by address.
    pub mappings: &'a [Mapping],
    /// The base of the first thread's stack. Above it lie the environment and its secrets.
    pub stack_start: Option<Addr>,
}

impl Space<'_> {
    /// The used parts of the stacks of a thread: one, or two if it runs on a signal stack.
    pub fn pieces(&self, tid: Tid, registers: &Registers) -> Vec<Piece> {
        let Some(sp) = registers.sp() else { return Vec::new() };
        let mapping = mapping_at(self.mappings, sp);
        // The thread pointer of a pthread lies at the base of its own stack, exactly. A mapping's
        // end does not: stacks that touch are one mapping.
        let base_here = |base: &Addr| {
            let inside = mapping.is_none_or(|mapping| mapping.contains(*base));
            sp < *base && inside && base.0 - sp.0 <= MAX_STACK
        };
        let bases = [registers.thread_pointer, self.stack_start];
        let piece = |start: Addr, end: Addr| {
            let len = usize::try_from(end.0.saturating_sub(start.0)).unwrap_or(0);
            Piece { tid, start, len, supposed: false }
        };
        if let Some(base) = bases.into_iter().flatten().find(base_here) {
            return vec![piece(sp, base)];
        }
        let end = mapping.map_or(sp, |mapping| mapping.end);
        let mut pieces = vec![piece(sp, end.min(sp.wrapping_add(REACH)))];
        // On a signal stack the interrupted stack is another one, and how far down it is used is
        // not known before unwinding.
        let base = if tid == self.first { self.stack_start } else { registers.thread_pointer };
        let below = |base: Addr| mapping_at(self.mappings, Addr(base.0.wrapping_sub(1)));
        if let Some((base, below)) = base.and_then(|base| Some((base, below(base)?))) {
            let from = below.start.max(Addr(base.0.saturating_sub(REACH)));
            pieces.push(Piece { supposed: true, ..piece(from, base) });
        }
        pieces
    }
}

/// Shortens the longest pieces until all fit into `budget` bytes. Returns whose were cut.
pub fn fit(pieces: &mut [Piece], budget: usize) -> HashSet<Tid> {
    let mut lens: Vec<usize> = pieces.iter().map(|piece| piece.len).collect();
    lens.sort_unstable();
    let mut left = budget;
    let mut limit = usize::MAX;
    for (nth, len) in lens.iter().enumerate() {
        let share = left / (lens.len() - nth);
        if *len > share {
            limit = share;
            break;
        }
        left -= len;
    }
    let mut cut = HashSet::new();
    for piece in pieces.iter_mut().filter(|piece| piece.len > limit) {
        piece.len = limit;
        cut.insert(piece.tid);
    }
    cut
}

/// Stack bytes as they were read, all in one buffer: they are taken apart after the threads run
/// again.
#[derive(Default)]
pub struct Slab {
    bytes: Vec<u8>,
    pieces: Vec<(Piece, usize)>,
    /// Places in `bytes` that could not be read.
    missing: Vec<usize>,
}

impl Slab {
    /// A buffer with room for `len` bytes, given by the kernel now and not while threads are held.
    pub fn with_capacity(len: usize) -> Slab {
        let mut bytes = vec![0xa5; len];
        bytes.clear();
        Slab { bytes, ..Slab::default() }
    }

    /// How many bytes have been read.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Reads these pieces.
    pub fn read(&mut self, memory: &dyn BatchRead, pieces: &[Piece]) {
        let begin = self.bytes.len();
        let mut at = begin;
        for piece in pieces {
            self.pieces.push((*piece, at));
            at += piece.len;
        }
        self.bytes.resize(at, 0);
        let ranges: Vec<(Addr, usize)> = pieces
            .iter()
            .filter(|piece| piece.len > 0)
            .map(|piece| (piece.start, piece.len))
            .collect();
        let out = self.bytes.get_mut(begin..).unwrap_or_default();
        let missing = &mut self.missing;
        memory.read_ranges(&ranges, out, &mut |at, _| missing.push(begin + at));
    }

    /// The stacks; one of which a page could not be read ends there. What was only supposed to be
    /// a thread's stack is left out where another's is known to be.
    pub fn into_stacks(self) -> Vec<StackBytes> {
        let mut missing = self.missing;
        missing.sort_unstable();
        let known: Vec<Piece> =
            self.pieces.iter().map(|(piece, _)| *piece).filter(|piece| !piece.supposed).collect();
        let wanted = self.pieces.iter().filter(|(piece, _)| {
            !piece.supposed || !known.iter().any(|known| known.overlaps(piece))
        });
        let stacks = wanted.map(|(piece, at)| {
            let first = missing.partition_point(|place| place < at);
            let end = at + piece.len;
            let end = missing.get(first).map_or(end, |place| (*place).min(end));
            let bytes = self.bytes.get(*at..end).unwrap_or_default().to_vec();
            StackBytes { start: piece.start, bytes }
        });
        stacks.filter(|stack| !stack.bytes.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(tid: Tid, len: usize) -> Piece {
        Piece { tid, start: Addr(0x1000), len, supposed: false }
    }

    #[test]
    fn the_deepest_stacks_are_cut_first() {
        let mut pieces = [piece(1, 10), piece(2, 500), piece(3, 20), piece(4, 400)];
        let cut = fit(&mut pieces, 130);
        assert_eq!(pieces.map(|piece| piece.len), [10, 50, 20, 50]);
        assert_eq!(cut, HashSet::from([2, 4]));
        assert!(fit(&mut pieces, 130).is_empty());
    }
}
