//! A `gimli` reader over a section that is fetched block by block, so that a 100 MB file costs
//! only what is looked at, and a recording holds only that.

use std::borrow::Cow;

use gimli::{Error, Format, LittleEndian, Reader, ReaderOffset as _, ReaderOffsetId, Result};

use crate::module::{Section, SectionBytes};
use crate::symbol::bounds::{Cost, charge, has_stack};
use crate::symbol::units::View;

/// The longest text that is looked for the end of, in bytes. Where it has none, each name would be
/// looked for through the whole section.
const MAX_TEXT: u64 = 1 << 20;

/// Reads a section, or a part of one.
#[derive(Clone, Copy, Debug)]
pub struct SectionReader<'a> {
    bytes: Bytes<'a>,
    start: u64,
    len: u64,
    /// The bytes from `start` on that are at hand, perhaps beyond `len`: most reads are of one
    /// byte, and need not look for its block.
    ready: &'a [u8],
    cost: &'static Cost,
}

#[derive(Clone, Copy, Debug)]
enum Bytes<'a> {
    Section(SectionBytes<'a>),
    Units(&'a View<'a>),
}

impl<'a> SectionReader<'a> {
    /// Reads this section.
    pub fn new(section: Section<'a>) -> SectionReader<'a> {
        SectionReader::over(Bytes::Section(section.bytes), section.bytes.len())
    }

    /// Reads nothing: the section is not there.
    pub fn empty() -> SectionReader<'a> {
        SectionReader::over(Bytes::Section(SectionBytes::Memory(&[])), 0)
    }

    /// Reads `.debug_info` as far as it is shown.
    pub fn of_units(view: &'a View<'a>) -> SectionReader<'a> {
        SectionReader::over(Bytes::Units(view), view.len())
    }

    fn over(bytes: Bytes<'a>, len: u64) -> SectionReader<'a> {
        SectionReader { bytes, start: 0, len, ready: &[], cost: &Cost::NOTHING }
    }

    /// The same, where reading it costs more.
    pub fn at_cost(self, cost: &'static Cost) -> SectionReader<'a> {
        SectionReader { cost, ..self }
    }

    /// Charges for a read.
    #[inline]
    fn pay(&self, cost: u64) -> Result<()> {
        if charge(cost) { Ok(()) } else { Err(self.lost()) }
    }

    /// The bytes that can be had in one piece from `at` (counted from here) on, at most `len`.
    fn piece(&self, at: u64, len: u64) -> Result<&'a [u8]> {
        let bytes = self.block(at)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(bytes.len());
        bytes.get(..len).filter(|piece| !piece.is_empty()).ok_or_else(|| self.lost())
    }

    /// The bytes that can be had in one piece from `at` (counted from here) on, even beyond the
    /// end.
    fn block(&self, at: u64) -> Result<&'a [u8]> {
        let from = self.start.checked_add(at).ok_or_else(|| self.lost())?;
        let bytes = match self.bytes {
            Bytes::Section(bytes) => bytes.piece_from(from),
            Bytes::Units(view) => view.piece_from(from),
        };
        bytes.map_err(|_| self.lost())
    }

    fn lost(&self) -> Error {
        Error::UnexpectedEof(self.offset_id())
    }

    /// Goes on by `len` bytes, which are known to be there.
    fn advance(&mut self, len: usize) {
        self.start += len as u64;
        self.len -= len as u64;
        self.ready = self.ready.get(len..).unwrap_or_default();
    }

    fn cut(&mut self, len: usize) -> Result<()> {
        self.need(len as u64)?;
        self.len = len as u64;
        Ok(())
    }

    fn need(&self, len: u64) -> Result<()> {
        if len <= self.len { Ok(()) } else { Err(self.lost()) }
    }
}

impl Reader for SectionReader<'_> {
    type Endian = LittleEndian;
    type Offset = usize;

    fn endian(&self) -> LittleEndian {
        LittleEndian
    }

    fn len(&self) -> usize {
        usize::try_from(self.len).unwrap_or(usize::MAX)
    }

    fn empty(&mut self) {
        self.len = 0;
    }

    fn truncate(&mut self, len: usize) -> Result<()> {
        // Of a line program only the header is narrowed so.
        if let Some((longest, cost)) = self.cost.header {
            if len as u64 > longest {
                return Err(self.lost());
            }
            self.cost = cost;
        }
        self.cut(len)
    }

    fn offset_from(&self, base: &Self) -> usize {
        usize::try_from(self.start.saturating_sub(base.start)).unwrap_or(usize::MAX)
    }

    fn offset_id(&self) -> ReaderOffsetId {
        ReaderOffsetId(self.start)
    }

    fn lookup_offset_id(&self, id: ReaderOffsetId) -> Option<usize> {
        let at = id.0.checked_sub(self.start).filter(|at| *at <= self.len)?;
        usize::try_from(at).ok()
    }

    fn find(&self, byte: u8) -> Result<usize> {
        let mut at = 0;
        while at < self.len.min(MAX_TEXT) {
            let piece = self.piece(at, (self.len - at).min(MAX_TEXT))?;
            self.pay(1 + piece.len().min(64) as u64)?;
            if let Some(found) = piece.iter().position(|known| *known == byte) {
                return Ok(usize::try_from(at).unwrap_or(usize::MAX).saturating_add(found));
            }
            at += piece.len() as u64;
        }
        Err(self.lost())
    }

    fn skip(&mut self, len: usize) -> Result<()> {
        self.need(len as u64)?;
        self.pay(1)?;
        self.advance(len);
        Ok(())
    }

    fn split(&mut self, len: usize) -> Result<Self> {
        let mut head = *self;
        head.cut(len)?;
        self.skip(len)?;
        Ok(head)
    }

    fn to_slice(&self) -> Result<Cow<'_, [u8]>> {
        if self.len == 0 {
            return Ok(Cow::Borrowed(&[]));
        }
        let piece = self.piece(0, self.len)?;
        self.pay(1 + self.len)?;
        if piece.len() as u64 == self.len {
            return Ok(Cow::Borrowed(piece));
        }
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < self.len {
            let at = bytes.len() as u64;
            bytes.extend_from_slice(self.piece(at, self.len - at)?);
        }
        Ok(Cow::Owned(bytes))
    }

    fn to_string(&self) -> Result<Cow<'_, str>> {
        match self.to_slice()? {
            Cow::Borrowed(bytes) => {
                std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| Error::BadUtf8)
            }
            Cow::Owned(bytes) => {
                String::from_utf8(bytes).map(Cow::Owned).map_err(|_| Error::BadUtf8)
            }
        }
    }

    fn to_string_lossy(&self) -> Result<Cow<'_, str>> {
        Ok(match self.to_slice()? {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        })
    }

    /// Most reads are of one byte that is at hand.
    #[inline]
    fn read_u8(&mut self) -> Result<u8> {
        match self.ready.split_first() {
            Some((byte, rest)) if self.len > 0 && has_stack() && charge(self.cost.number) => {
                self.start += 1;
                self.len -= 1;
                self.ready = rest;
                Ok(*byte)
            }
            _ => self.read_u8_array::<[u8; 1]>().map(|[byte]| byte),
        }
    }

    #[inline]
    fn read_uleb128(&mut self) -> Result<u64> {
        self.pay(self.cost.leb)?;
        let cost = std::mem::replace(&mut self.cost, &Cost::NOTHING);
        let number = gimli::leb128::read::unsigned(self);
        self.cost = cost;
        number
    }

    #[inline]
    fn read_sleb128(&mut self) -> Result<i64> {
        self.pay(self.cost.leb)?;
        let cost = std::mem::replace(&mut self.cost, &Cost::NOTHING);
        let number = gimli::leb128::read::signed(self);
        self.cost = cost;
        number
    }

    fn read_address(&mut self, address_size: u8) -> Result<u64> {
        self.pay(self.cost.address)?;
        match address_size {
            1 => self.read_u8().map(u64::from),
            2 => self.read_u16().map(u64::from),
            4 => self.read_u32().map(u64::from),
            8 => self.read_u64(),
            other => Err(Error::UnsupportedAddressSize(other)),
        }
    }

    fn read_initial_length(&mut self) -> Result<(usize, Format)> {
        self.pay(self.cost.unit)?;
        match self.read_u32()? {
            u32::MAX => Ok((usize::from_u64(self.read_u64()?)?, Format::Dwarf64)),
            len @ 0..0xffff_fff0 => Ok((usize::from_u64(len.into())?, Format::Dwarf32)),
            len => Err(Error::UnknownReservedLength(len)),
        }
    }

    #[inline]
    fn read_slice(&mut self, buf: &mut [u8]) -> Result<()> {
        self.need(buf.len() as u64)?;
        if !has_stack() {
            return Err(self.lost());
        }
        self.pay(self.cost.number)?;
        let mut rest = buf;
        while !rest.is_empty() {
            if self.ready.is_empty() {
                self.ready = self.block(0)?;
            }
            let len = rest.len().min(self.ready.len());
            if len == 0 {
                return Err(self.lost());
            }
            let (head, after) = rest.split_at_mut(len);
            head.copy_from_slice(&self.ready[..len]);
            self.advance(len);
            rest = after;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::addr::FileAddr;

    fn reader(bytes: &[u8]) -> SectionReader<'_> {
        let bytes = SectionBytes::Memory(bytes);
        SectionReader::new(Section { addr: FileAddr(0), bytes })
    }

    #[test]
    fn a_part_knows_where_it_lies_in_the_whole() {
        let whole = reader(b"abc\0def\0");
        let mut rest = whole;
        let first = rest.read_null_terminated_slice().unwrap();
        assert_eq!(first.to_string().unwrap(), "abc");
        assert_eq!(rest.offset_from(&whole), 4);
        assert_eq!(whole.lookup_offset_id(rest.offset_id()), Some(4));
        assert_eq!(rest.read_u16().unwrap(), 0x6564);
        assert!(rest.read_u64().is_err());
        assert!(rest.split(3).is_err());
    }
}
