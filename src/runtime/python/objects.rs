//! Objects of CPython, read from memory: their type, text, bytes.
//!
//! What is read may be garbage: memory that was freed, or that changes while it is read. An
//! object that contradicts itself is `None`; every length is checked before it is believed.

use super::layout::{DigitCount, Layout, flags};
use crate::addr::Addr;
use crate::target::memory::{Memory, MemoryExt as _};
use crate::text::Text;

/// The most code points of a string that are read.
pub const MAX_STR: u64 = 4096;

/// Objects in this memory, laid out like this.
#[derive(Clone, Copy)]
pub struct Objects<'a> {
    /// Where they are.
    pub memory: &'a dyn Memory,
    /// How.
    pub layout: &'a Layout,
}

impl Objects<'_> {
    /// Whether the object's type has exactly this name.
    pub fn is_exactly(&self, object: Addr, type_name: &str) -> bool {
        self.type_name_is(object, type_name).unwrap_or(false)
    }

    fn type_name_is(&self, object: Addr, type_name: &str) -> Option<bool> {
        let kind = self.pointer(object, self.layout.object.kind)?;
        let name = self.pointer(kind, self.layout.object.type_name)?;
        let found = self.memory.bytes(name, type_name.len() + 1).ok()?;
        Some(found.strip_suffix(b"\0") == Some(type_name.as_bytes()))
    }

    /// Whether the object is an instance of the built-in type that this flag stands for, or of a
    /// type derived from it.
    pub(super) fn has_flag(&self, object: Addr, flag: u64) -> Option<bool> {
        let kind = self.pointer(object, self.layout.object.kind)?;
        let flags = self.memory.u64(kind.checked_add(self.layout.object.type_flags)?).ok()?;
        Some(flags & flag != 0)
    }

    /// The pointer in a field. Null and what can not be an object's address are `None`.
    pub fn pointer(&self, object: Addr, offset: u64) -> Option<Addr> {
        let pointer = self.memory.ptr(object.checked_add(offset)?).ok()?;
        (!pointer.is_null() && pointer.0 < 1 << 56).then_some(pointer)
    }

    /// The text of a `str` of any kind. A longer one than [`MAX_STR`] is cut and ends with `…`.
    pub fn text(&self, object: Addr) -> Option<Text> {
        self.text_within(object, MAX_STR).map(|(text, _)| text)
    }

    /// The same with another limit than [`MAX_STR`]; and how many code points it has.
    pub fn text_within(&self, object: Addr, limit: u64) -> Option<(Text, u64)> {
        let (points, length) = self.points_within(object, limit)?;
        let mut text = String::with_capacity(points.len());
        for point in points {
            push(&mut text, point)?;
        }
        if length > limit {
            text.push('…');
        }
        Some((text.into(), length))
    }

    /// The first [`MAX_STR`] code points of a `str` of any kind, and how many it has.
    pub fn points(&self, object: Addr) -> Option<(Vec<u32>, u64)> {
        self.points_within(object, MAX_STR)
    }

    fn points_within(&self, object: Addr, limit: u64) -> Option<(Vec<u32>, u64)> {
        let layout = &self.layout.string;
        if !self.has_flag(object, flags::STR)? {
            return None;
        }
        let length = self.memory.u64(object.checked_add(layout.length)?).ok()?;
        let state = self.memory.u32(object.checked_add(layout.state)?).ok()?;
        let data = match (state & layout.compact != 0, state & layout.ascii != 0) {
            (true, true) => object.checked_add(layout.ascii_data)?,
            (true, false) => object.checked_add(layout.compact_data)?,
            (false, _) => self.pointer(object, layout.data)?,
        };
        let count = usize::try_from(length.min(limit)).ok()?;
        // 0 is the kind of a string whose text was never made ("legacy, not ready").
        let width = match state >> layout.kind_shift & 7 {
            width @ (1 | 2 | 4) => width as usize,
            _ => return None,
        };
        let units = self.memory.bytes(data, count.checked_mul(width)?).ok()?;
        let points = units.chunks_exact(width);
        let points = points.map(|unit| unit.iter().rev().fold(0, |n, b| n << 8 | u32::from(*b)));
        Some((points.collect(), length))
    }

    /// Whether the object is a `str` with exactly this text, of ASCII characters.
    pub fn is_str(&self, object: Addr, text: &str) -> bool {
        let is = || {
            let layout = &self.layout.string;
            let len = self.memory.u64(object.checked_add(layout.length)?).ok()?;
            let state = self.memory.u32(object.checked_add(layout.state)?).ok()?;
            let ascii = layout.compact | layout.ascii;
            if len != text.len() as u64
                || state & ascii != ascii
                || !self.has_flag(object, flags::STR)?
            {
                return None;
            }
            let data =
                self.memory.bytes(object.checked_add(layout.ascii_data)?, text.len()).ok()?;
            Some(data == text.as_bytes())
        };
        is().unwrap_or(false)
    }

    /// An `int` that fits; `None` for a larger one and for what is none.
    pub fn small_int(&self, object: Addr) -> Option<i64> {
        if !self.has_flag(object, flags::INT)? {
            return None;
        }
        let (negative, digits) = match self.layout.int.count {
            DigitCount::Size(size) => {
                let size = self.memory.i64(object.checked_add(size)?).ok()?;
                (size < 0, size.unsigned_abs())
            }
            DigitCount::Tag(tag) => {
                let tag = self.memory.u64(object.checked_add(tag)?).ok()?;
                (tag & 3 == 2, tag >> 3)
            }
        };
        // Two digits of 30 bits are sure to fit.
        let digits = usize::try_from(digits).ok().filter(|digits| *digits <= 2)?;
        let bytes =
            self.memory.bytes(object.checked_add(self.layout.int.digits)?, digits * 4).ok()?;
        let value = bytes.as_chunks().0.iter().rev().fold(0, |value, digit| {
            value << 30 | i64::from(u32::from_le_bytes(*digit) & 0x3fff_ffff)
        });
        Some(if negative { -value } else { value })
    }

    /// The content of a `bytes`; a longer one than `limit` is `None`.
    pub fn bytes(&self, object: Addr, limit: u64) -> Option<Vec<u8>> {
        if !self.has_flag(object, flags::BYTES)? {
            return None;
        }
        let len = self.memory.u64(object.checked_add(self.layout.object.size)?).ok()?;
        let len = usize::try_from(Some(len).filter(|len| *len <= limit)?).ok()?;
        self.memory.bytes(object.checked_add(self.layout.bytes_data)?, len).ok()
    }
}

/// Appends a code point. A lone surrogate, which stands for a byte that was no text, is written
/// as Python's `backslashreplace` writes it; what is no code point at all ends it.
fn push(text: &mut String, point: u32) -> Option<()> {
    match char::from_u32(point) {
        Some(char) => text.push(char),
        None if point <= 0xffff => text.push_str(&format!("\\u{point:04x}")),
        None => return None,
    }
    Some(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::fake::{Fake, V3_11};

    use super::*;

    fn text(fake: &Fake, object: Addr) -> Option<String> {
        let objects = Objects { memory: fake, layout: &V3_11 };
        objects.text(object).map(|text| text.raw().to_owned())
    }

    #[test]
    fn strings_of_every_width_are_read() {
        let mut fake = Fake::new();
        for known in ["ascii", "größe", "日本語", "a🐍b", ""] {
            let object = fake.string(known);
            assert_eq!(text(&fake, object).as_deref(), Some(known));
        }
    }

    #[test]
    fn a_string_of_a_derived_type_is_read_through_its_pointer() {
        let mut fake = Fake::new();
        let data = fake.place("größe".chars().map(|char| char as u8).collect::<Vec<u8>>());
        let mut object = fake.object(80, "str");
        object.put(16, &5u64.to_le_bytes()).put(32, &0x84u32.to_le_bytes());
        object.put(72, &data.0.to_le_bytes());
        let object = fake.finish(object);
        assert_eq!(text(&fake, object).as_deref(), Some("größe"));
    }

    #[test]
    fn a_lone_surrogate_is_written_as_python_writes_it() {
        let mut fake = Fake::new();
        let mut object = fake.object(80, "str");
        object.put(16, &2u64.to_le_bytes()).put(32, &0xa8u32.to_le_bytes());
        object.put(72, &[b'x', 0, 0xe9, 0xdc]);
        let object = fake.finish(object);
        assert_eq!(text(&fake, object).as_deref(), Some("x\\udce9"));
    }

    #[test]
    fn a_long_string_is_cut_and_says_so() {
        let mut fake = Fake::new();
        let object = fake.string(&"x".repeat(5000));
        let cut = text(&fake, object).unwrap();
        assert_eq!(cut.chars().count(), 4097);
        assert!(cut.ends_with("x…"));
    }

    #[test]
    fn what_is_no_string_has_no_text() {
        let mut fake = Fake::new();
        let bytes = fake.byte_string(b"abc");
        assert_eq!(text(&fake, bytes), None);
        assert_eq!(text(&fake, Addr(0)), None);
        assert_eq!(text(&fake, Addr(u64::MAX - 4)), None);
        let mut object = fake.object(80, "str");
        object.put(16, &u64::MAX.to_le_bytes()).put(32, &0xe4u32.to_le_bytes());
        let unreadable = fake.finish(object);
        assert_eq!(text(&fake, unreadable), None);
        let mut object = fake.object(80, "str");
        object.put(16, &1u64.to_le_bytes()).put(32, &0xb0u32.to_le_bytes());
        object.put(72, &0x0011_0000_u32.to_le_bytes());
        let no_code_point = fake.finish(object);
        assert_eq!(text(&fake, no_code_point), None);
    }

    #[test]
    fn bytes_are_read_up_to_the_limit() {
        let mut fake = Fake::new();
        let object = fake.byte_string(b"abc");
        let string = fake.string("abc");
        let objects = Objects { memory: &fake, layout: &V3_11 };
        assert_eq!(objects.bytes(object, 3).as_deref(), Some(&b"abc"[..]));
        assert_eq!(objects.bytes(object, 2), None);
        assert_eq!(objects.bytes(string, 3), None);
    }

    #[test]
    fn a_type_is_told_by_its_whole_name() {
        let mut fake = Fake::new();
        let object = fake.string("x");
        let objects = Objects { memory: &fake, layout: &V3_11 };
        assert!(objects.is_exactly(object, "str"));
        assert!(!objects.is_exactly(object, "st"));
        assert!(!objects.is_exactly(object, "stri"));
        assert!(!objects.is_exactly(Addr(8), "str"));
    }
}
