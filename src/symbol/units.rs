//! A part of `.debug_info`: some of its units, each at its place in the whole.
//!
//! A reader of debug information begins with every unit of a file: libc has 4000. Shown only those
//! that are needed, it answers the same and is done at once. Where others are left out stands the
//! header of one unit of types, as long as they are: readers of functions and lines pass over it.
//! So every offset stays what it is, and a reference to a unit that is not shown is an error, and
//! never another entry.

use std::collections::{BTreeMap, BTreeSet};

use gimli::Reader as _;

use crate::module::{Section, SectionBytes};
use crate::symbol::reader::SectionReader;
use crate::target::files::FileError;

/// The most units that are passed over on the way to one.
const MAX_PASSED: usize = 1_000_000;

/// The size of a header that stands for units that are left out, in bytes. A unit that is shorter
/// than this is not left out.
const FILLER: usize = 24;

/// The units of a section, found as they are needed.
pub struct Units<'a> {
    info: Section<'a>,
    /// Where units are known to begin.
    starts: BTreeSet<u64>,
    /// From where to where those that are to be shown lie.
    shown: BTreeMap<u64, u64>,
}

impl<'a> Units<'a> {
    /// The units of this section, of which none is shown yet. Some are known to begin at `starts`.
    pub fn new(info: Section<'a>, starts: impl Iterator<Item = u64>) -> Units<'a> {
        let starts = starts.chain([0]).collect();
        Units { info, starts, shown: BTreeMap::new() }
    }

    /// Shows the unit that holds this offset. Whether there is one that was not shown before.
    pub fn show(&mut self, offset: u64) -> bool {
        let unit = self.holding(offset);
        unit.is_some_and(|(start, end)| self.shown.insert(start, end).is_none())
    }

    /// From where to where the unit lies that holds this offset.
    fn holding(&mut self, offset: u64) -> Option<(u64, u64)> {
        let mut start = *self.starts.range(..=offset).next_back()?;
        for _ in 0..MAX_PASSED {
            let end = self.end_of(start)?;
            if offset < end {
                return Some((start, end));
            }
            self.starts.insert(end);
            start = end;
        }
        None
    }

    fn end_of(&self, start: u64) -> Option<u64> {
        let mut reader = SectionReader::new(self.info);
        reader.skip(usize::try_from(start).ok()?).ok()?;
        let (len, format) = reader.read_initial_length().ok()?;
        let header = u64::from(format.initial_length_size());
        let end = start.checked_add(header)?.checked_add(len as u64)?;
        (end <= self.info.bytes.len()).then_some(end)
    }

    /// The section as it is shown now, up to the last unit that is.
    pub fn view(&self) -> View<'a> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut at = 0;
        // Units that overlap are no units.
        for (start, end) in &self.shown {
            let Some(gap) = start.checked_sub(at) else { continue };
            if gap > 0 {
                pieces.push(Piece { start: at, end: *start, filler: filler(gap) });
            }
            pieces.push(Piece { start: *start, end: *end, filler: None });
            at = *end;
        }
        View { bytes: self.info.bytes, pieces }
    }
}

/// The header of a unit of types that is `len` bytes long (DWARF 5, 7.5.1.3), if it fits.
fn filler(len: u64) -> Option<[u8; FILLER]> {
    let after_length = u32::try_from(len).ok().filter(|len| *len < 0xffff_fff0)?.checked_sub(4)?;
    if len < FILLER as u64 {
        return None;
    }
    let mut header = [0; FILLER];
    header[..4].copy_from_slice(&after_length.to_le_bytes());
    header[4..6].copy_from_slice(&5u16.to_le_bytes());
    header[6] = gimli::DW_UT_type.0;
    // The size of an address.
    header[7] = 8;
    Some(header)
}

/// A section of which some units are shown.
#[derive(Debug)]
pub struct View<'a> {
    bytes: SectionBytes<'a>,
    /// By address, without gaps.
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    start: u64,
    end: u64,
    /// What stands here instead, if it is not shown.
    filler: Option<[u8; FILLER]>,
}

impl<'a> View<'a> {
    /// Where the last unit that is shown ends.
    pub fn len(&self) -> u64 {
        self.pieces.last().map_or(0, |piece| piece.end)
    }

    /// The bytes that can be had in one piece from `at` on; none where nothing is shown.
    pub fn piece_from<'v>(&'v self, at: u64) -> Result<&'v [u8], FileError>
    where
        'a: 'v,
    {
        let after = self.pieces.partition_point(|piece| piece.end <= at);
        let Some(piece) = self.pieces.get(after) else { return Ok(&[]) };
        if let Some(filler) = &piece.filler {
            let inside = usize::try_from(at - piece.start).unwrap_or(usize::MAX);
            return Ok(filler.get(inside..).unwrap_or_default());
        }
        let left = usize::try_from(piece.end - at).unwrap_or(usize::MAX);
        let bytes = self.bytes.piece_from(at)?;
        Ok(bytes.get(..left.min(bytes.len())).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::addr::FileAddr;

    /// Units of DWARF 4 with this many bytes after their headers.
    fn section(lens: &[usize]) -> Vec<u8> {
        let unit = |len: &usize| {
            let length = u32::try_from(7 + len).unwrap().to_le_bytes();
            [&length[..], &[4, 0, 0, 0, 0, 0, 8], &vec![0xee; *len]].concat()
        };
        lens.iter().flat_map(unit).collect()
    }

    fn units(bytes: &[u8]) -> Units<'_> {
        let info = Section { addr: FileAddr(0), bytes: SectionBytes::Memory(bytes) };
        Units::new(info, std::iter::empty())
    }

    /// Offset and kind of all units that a reader sees.
    fn seen(units: &Units<'_>) -> Vec<(usize, bool)> {
        let view = units.view();
        let info = gimli::DebugInfo::from(SectionReader::of_units(&view));
        let headers = info.units().map(|header| {
            let header = header.unwrap();
            let types = matches!(header.type_(), gimli::UnitType::Type { .. });
            (header.offset().0, types)
        });
        headers.collect()
    }

    #[test]
    fn the_units_that_are_shown_keep_their_places() {
        let bytes = section(&[30, 50, 20, 40, 100]);
        let mut units = units(&bytes);
        assert!(seen(&units).is_empty());
        assert!(units.show(150));
        assert!(!units.show(140));
        // The first two and the fourth begin at 0, 41 and 133.
        assert_eq!(seen(&units), [(0, true), (133, false)]);
        assert!(units.show(45));
        assert_eq!(seen(&units), [(0, true), (41, false), (102, true), (133, false)]);
        assert!(units.show(0) && units.show(102));
        assert_eq!(seen(&units), [(0, false), (41, false), (102, false), (133, false)]);
        assert!(!units.show(bytes.len() as u64));
        let view = units.view();
        assert_eq!(view.piece_from(133).unwrap(), &bytes[133..184]);
        assert!(view.piece_from(184).unwrap().is_empty());
    }

    #[test]
    fn what_is_left_out_can_not_be_read() {
        let bytes = section(&[30, 50]);
        let mut units = units(&bytes);
        assert!(units.show(60));
        let view = units.view();
        assert_eq!(view.piece_from(10).unwrap().len(), FILLER - 10);
        assert!(view.piece_from(30).unwrap().is_empty());
    }

    #[test]
    fn a_unit_too_short_to_be_left_out_is_shown() {
        let bytes = section(&[1, 50]);
        let mut units = units(&bytes);
        assert!(units.show(30));
        assert_eq!(seen(&units), [(0, false), (12, false)]);
    }

    #[test]
    fn lengths_that_make_no_sense_show_nothing() {
        let bytes = [0xff; 64];
        assert!(!units(&bytes).show(3));
        let bytes = section(&[30]);
        let info = Section { addr: FileAddr(0), bytes: SectionBytes::Memory(&bytes) };
        let mut units = Units::new(info, [u64::MAX, 7].into_iter());
        assert!(!units.show(u64::MAX));
        assert!(!units.show(8));
    }
}
