//! Dictionaries and the attributes of objects, in the ways in which every version stores them.
//!
//! A `dict` keeps its items in a table of entries (hash, key, value; only key and value where all
//! keys are `str`, since 3.11), in the order in which they were put in. The entries follow a table
//! of indices, which is not used here: names are compared one after the other. A split `dict`, and
//! an object whose attributes lie in itself, has its values apart from keys that its whole class
//! shares. Values are not interpreted.

use super::layout::{DigitCount, IndexSize, Instance, flags};
use super::objects::Objects;
use crate::addr::Addr;
use crate::target::memory::MemoryExt as _;

/// The most entries of one `dict` that are looked at.
pub const MAX_ENTRIES: u64 = 100_000;

/// The size of an entry with a hash, in bytes.
const HASHED: u64 = 24;

/// The size of one without: all keys are `str`, which know their own.
const UNHASHED: u64 = 16;

/// How many entries are read at once.
const CHUNK: u64 = 64;

/// The items of a `dict` or the attributes of an object: key and value, in the order in which they
/// were put in.
pub struct Items<'a> {
    objects: Objects<'a>,
    /// The first entry.
    entries: Addr,
    /// How many bytes each takes.
    stride: u64,
    /// Where the values are, if they are not in the entries.
    values: Option<Addr>,
    next: u64,
    count: u64,
    /// Hash (0 where entries have none), key and value of the entries from `chunk_start` on.
    chunk: Vec<(u64, Addr, Addr)>,
    chunk_start: u64,
}

impl Iterator for Items<'_> {
    type Item = (Addr, Addr);

    fn next(&mut self) -> Option<(Addr, Addr)> {
        self.next_entry().map(|(_, key, value)| (key, value))
    }
}

impl<'a> Items<'a> {
    /// The values by the hashes of their keys. Nothing where all keys are `str`: those entries
    /// have no hash (3.11+).
    pub fn hashed(mut self) -> impl Iterator<Item = (u64, Addr)> {
        if self.stride != HASHED {
            self.count = 0;
        }
        std::iter::from_fn(move || self.next_entry().map(|(hash, _, value)| (hash, value)))
    }

    fn next_entry(&mut self) -> Option<(u64, Addr, Addr)> {
        while self.next < self.count {
            if self.next >= self.chunk_start + self.chunk.len() as u64 {
                self.fill()?;
            }
            let index = usize::try_from(self.next - self.chunk_start).ok()?;
            let (hash, key, value) = *self.chunk.get(index)?;
            self.next += 1;
            // What was taken out left null behind.
            if !key.is_null() && !value.is_null() {
                return Some((hash, key, value));
            }
        }
        None
    }

    /// Reads the next entries. What can not be read ends the items.
    fn fill(&mut self) -> Option<()> {
        let memory = self.objects.memory;
        let count = (self.count - self.next).min(CHUNK);
        let start = self.entries.checked_add(self.next.checked_mul(self.stride)?)?;
        let bytes = memory.bytes(start, usize::try_from(count * self.stride).ok()?).ok()?;
        let stride = usize::try_from(self.stride).ok()?;
        let pairs = bytes.chunks_exact(stride).filter_map(|entry| {
            let (rest, value) = entry.split_last_chunk()?;
            let (hash, key) = rest.split_last_chunk()?;
            let hash = hash.first_chunk().map_or(0, |hash| u64::from_le_bytes(*hash));
            Some((hash, Addr(u64::from_le_bytes(*key)), Addr(u64::from_le_bytes(*value))))
        });
        self.chunk = pairs.collect();
        if let Some(values) = self.values {
            let start = values.checked_add(self.next * 8)?;
            let bytes = memory.bytes(start, usize::try_from(count * 8).ok()?).ok()?;
            for (pair, value) in self.chunk.iter_mut().zip(bytes.as_chunks().0) {
                pair.2 = Addr(u64::from_le_bytes(*value));
            }
        }
        self.chunk_start = self.next;
        // Whoever looks for a name compares it with each.
        let keys = self.chunk.iter().map(|(_, key, _)| *key).filter(|key| !key.is_null());
        memory.announce(&keys.collect::<Vec<Addr>>());
        Some(())
    }
}

impl<'a> Objects<'a> {
    /// The items of a `dict`, at most [`MAX_ENTRIES`]; `None` if it is none.
    pub fn dict_items(&self, dict: Addr) -> Option<Items<'a>> {
        if !self.has_flag(dict, flags::DICT)? {
            return None;
        }
        let layout = &self.layout.dict;
        let keys = self.pointer(dict, layout.keys)?;
        self.items(keys, self.pointer(dict, layout.values))
    }

    /// How many items a `dict` says to have.
    pub fn dict_len(&self, dict: Addr) -> Option<u64> {
        if !self.has_flag(dict, flags::DICT)? {
            return None;
        }
        self.memory.u64(dict.checked_add(self.layout.dict.used)?).ok()
    }

    /// The value that a `dict` has for a `str`.
    pub fn lookup(&self, dict: Addr, name: &str) -> Option<Addr> {
        self.find(self.dict_items(dict)?, name)
    }

    /// The attributes that an object itself has, in its `__dict__` or in its own memory: those of
    /// its class are not among them. `None` if it has no such place.
    ///
    /// For a module they are its globals.
    pub fn attributes(&self, object: Addr) -> Option<Items<'a>> {
        let kind = self.pointer(object, self.layout.object.kind)?;
        let flags = self.memory.u64(kind.checked_add(self.layout.object.type_flags)?).ok()?;
        match self.layout.instance {
            instance if instance != Instance::Plain && flags & flags::MANAGED_DICT != 0 => {
                self.managed(instance, object, kind, flags)
            }
            _ => self.dict_items(self.plain_dict(object, kind, flags)?),
        }
    }

    /// The attribute of this name that the object itself has.
    pub fn attribute(&self, object: Addr, name: &str) -> Option<Addr> {
        self.find(self.attributes(object)?, name)
    }

    fn find(&self, mut items: Items<'_>, name: &str) -> Option<Addr> {
        items.find(|(key, _)| self.is_str(*key, name)).map(|(_, value)| value)
    }

    /// The items of keys, with values of their own or (a split `dict`) with these.
    fn items(&self, keys: Addr, values: Option<Addr>) -> Option<Items<'a>> {
        let layout = &self.layout.dict;
        let field = |offset| self.memory.u64(keys.checked_add(offset)?).ok();
        let byte = |offset| self.memory.u8(keys.checked_add(offset)?).ok();
        let (index_bytes, stride) = match layout.index_size {
            IndexSize::Count(size) => (bytes_of_indices(field(size)?)?, HASHED),
            IndexSize::Log2 { bytes, kind } => (
                1u64.checked_shl(u32::from(byte(bytes)?))?,
                if byte(kind)? == 0 { HASHED } else { UNHASHED },
            ),
        };
        let entries = keys.checked_add(layout.indices)?.checked_add(index_bytes)?;
        let values = match values {
            Some(values) => Some(values.checked_add(layout.values_start)?),
            None => None,
        };
        Some(Items {
            objects: *self,
            entries,
            stride,
            values,
            next: 0,
            count: field(layout.entries)?.min(MAX_ENTRIES),
            chunk: Vec::new(),
            chunk_start: 0,
        })
    }

    /// The attributes of an object whose class leaves their place to the interpreter.
    fn managed(
        &self,
        instance: Instance,
        object: Addr,
        kind: Addr,
        type_flags: u64,
    ) -> Option<Items<'a>> {
        let before = |offset: i64| self.memory.ptr(Addr(object.0.wrapping_add_signed(offset))).ok();
        let shared = |keys, values| self.items(self.pointer(kind, keys)?, Some(values));
        match instance {
            Instance::Plain => None,
            Instance::TwoPointers { values, dict, keys } => match before(values)? {
                Addr(0) => self.dict_items(before(dict)?),
                values => shared(keys, values),
            },
            Instance::Tagged { pointer, keys } => match before(pointer)? {
                Addr(tagged) if tagged & 1 == 1 => shared(keys, Addr(tagged).checked_add(1)?),
                dict => self.dict_items(dict),
            },
            Instance::Inline { dict, keys, after_basic_size, valid } => {
                let dict = before(dict)?;
                if !dict.is_null() || type_flags & flags::INLINE_VALUES == 0 {
                    return self.dict_items(dict);
                }
                let start = if after_basic_size {
                    let size = kind.checked_add(self.layout.object.basic_size)?;
                    self.memory.u64(size).ok()?
                } else {
                    self.layout.object.header
                };
                let values = object.checked_add(start)?;
                let valid = self.memory.u8(values.checked_add(valid)?).ok()?;
                if valid == 0 { None } else { shared(keys, values) }
            }
        }
    }

    /// The `__dict__` of an object whose class says where it is.
    fn plain_dict(&self, object: Addr, kind: Addr, type_flags: u64) -> Option<Addr> {
        let layout = &self.layout.object;
        let of_kind = |offset| self.memory.i64(kind.checked_add(offset)?).ok();
        let offset = of_kind(layout.dict_offset)?;
        match offset {
            0 => None,
            1.. => self.pointer(object, offset.cast_unsigned()),
            // From the end of an object whose size depends on its number of items.
            ..0 => {
                let items = match self.layout.int.count {
                    DigitCount::Tag(tag) if type_flags & flags::INT != 0 => {
                        self.memory.u64(object.checked_add(tag)?).ok()? >> 3
                    }
                    _ => self.memory.i64(object.checked_add(layout.size)?).ok()?.unsigned_abs(),
                };
                let items = i64::try_from(items).ok()?.checked_mul(of_kind(layout.item_size)?)?;
                let end = u64::try_from(of_kind(layout.basic_size)?.checked_add(items)?).ok()?;
                let end = end.checked_next_multiple_of(8)?;
                self.pointer(object, end.checked_add_signed(offset)?)
            }
        }
    }
}

/// How many bytes so many indices take: one each while that can number them all, then two, four or
/// eight (`DK_IXSIZE` of CPython 3.6 to 3.10).
fn bytes_of_indices(count: u64) -> Option<u64> {
    count.checked_mul(match count {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::fake::{Fake, V3_11};
    use super::super::layout::Layout;
    use super::*;

    fn objects<'a>(fake: &'a Fake, layout: &'a Layout) -> Objects<'a> {
        Objects { memory: fake, layout }
    }

    #[test]
    fn items_come_in_order_without_what_was_taken_out() {
        let mut fake = Fake::new();
        let names: Vec<String> = (0..200).map(|number| format!("key {number}")).collect();
        let items: Vec<(&str, Addr)> = names
            .iter()
            .zip(0u64..)
            .map(|(name, number)| (&**name, Addr(if number % 3 == 0 { 0 } else { number })))
            .collect();
        let dict = fake.dict(&items);
        let objects = objects(&fake, &V3_11);
        let found: Vec<u64> = objects.dict_items(dict).unwrap().map(|(_, value)| value.0).collect();
        assert_eq!(found, (0..200).filter(|number| number % 3 != 0).collect::<Vec<u64>>());
        assert_eq!(objects.lookup(dict, "key 199"), Some(Addr(199)));
        assert_eq!(objects.lookup(dict, "key 3"), None);
        assert_eq!(objects.dict_len(dict), Some(200));
    }

    #[test]
    fn what_is_no_dict_has_no_items() {
        let mut fake = Fake::new();
        let string = fake.string("x");
        let objects = objects(&fake, &V3_11);
        assert!(objects.dict_items(string).is_none());
        assert!(objects.dict_items(Addr(0)).is_none());
        assert!(objects.attributes(string).is_none());
    }

    #[test]
    fn items_end_where_memory_ends_and_at_the_limit() {
        let mut fake = Fake::new();
        let dict = fake.dict(&[("a", Addr(8))]);
        let keys = fake.ptr(dict.wrapping_add(V3_11.dict.keys)).unwrap();
        fake.poke(keys.wrapping_add(V3_11.dict.entries), u64::MAX);
        assert_eq!(objects(&fake, &V3_11).dict_items(dict).unwrap().count(), 0);
        fake.place(vec![8; 16 * 100_100]);
        let count = objects(&fake, &V3_11).dict_items(dict).unwrap().count() as u64;
        assert!((99_000..=MAX_ENTRIES).contains(&count), "{count}");
    }

    /// What lies where before an object with attributes, and behind its header.
    struct Attributed {
        flags: u64,
        before: [u64; 4],
        after: [u64; 4],
        dict_offset: i64,
    }

    const PLAIN: Attributed =
        Attributed { flags: 0, before: [0; 4], after: [0; 4], dict_offset: 0 };

    /// The values of the attributes of an object whose class has the keys `a` and `b`.
    fn values(fake: &mut Fake, instance: Instance, known: &Attributed) -> Option<Vec<u64>> {
        let (a, b) = (fake.string("a"), fake.string("b"));
        let keys = fake.keys(&[(a, Addr(0)), (b, Addr(0))]);
        let mut class = fake.object(1024, "type");
        let layout = &V3_11.object;
        class.put_u64(layout.type_flags, known.flags).put_u64(layout.basic_size, 24);
        class.put_u64(layout.dict_offset, known.dict_offset.cast_unsigned());
        class.put_u64(KEYS, keys.0);
        let class = fake.finish(class);
        let words = [&known.before[..], &[1, class.0], &known.after].concat();
        let object = fake.place(words.into_iter().flat_map(u64::to_le_bytes).collect::<Vec<u8>>());
        let mut layout = Layout { instance, ..V3_11.clone() };
        layout.dict.values_start = 0;
        let objects = Objects { memory: fake, layout: &layout };
        let items = objects.attributes(object.wrapping_add(32))?;
        Some(items.map(|(_, value)| value.0).collect())
    }

    /// Where the tests have `ht_cached_keys`.
    const KEYS: u64 = 880;

    #[test]
    fn attributes_are_found_where_each_version_has_them() {
        let mut fake = Fake::new();
        let dict = fake.dict(&[("c", Addr(77))]).0;
        let apart = fake.place([8u64, 9].map(u64::to_le_bytes).concat()).0;
        // To 3.10, and where a class has no place that the interpreter chose.
        let at_end = Attributed { after: [0, dict, 0, 0], dict_offset: 24, ..PLAIN };
        assert_eq!(values(&mut fake, Instance::Plain, &at_end), Some(vec![77]));
        // Counted from the end of the object, which has 24 bytes.
        let behind = Attributed { after: [3, dict, 0, 0], dict_offset: -8, ..PLAIN };
        assert_eq!(values(&mut fake, Instance::Plain, &behind), None);
        let behind = Attributed { after: [dict, 0, 0, 0], dict_offset: -8, ..PLAIN };
        assert_eq!(values(&mut fake, Instance::Plain, &behind), Some(vec![77]));
        let managed = Attributed { flags: flags::MANAGED_DICT, ..PLAIN };
        // 3.11
        let two = Instance::TwoPointers { values: -32, dict: -24, keys: KEYS };
        assert_eq!(values(&mut fake, two, &at_end), Some(vec![77]));
        let known = Attributed { before: [apart, 0, 0, 0], ..managed };
        assert_eq!(values(&mut fake, two, &known), Some(vec![8, 9]));
        let known = Attributed { before: [0, dict, 0, 0], ..managed };
        assert_eq!(values(&mut fake, two, &known), Some(vec![77]));
        assert_eq!(values(&mut fake, two, &managed), None);
        // 3.12
        let tagged = Instance::Tagged { pointer: -24, keys: KEYS };
        let known = Attributed { before: [0, apart - 1, 0, 0], ..managed };
        assert_eq!(values(&mut fake, tagged, &known), Some(vec![8, 9]));
        let known = Attributed { before: [0, dict, 0, 0], ..managed };
        assert_eq!(values(&mut fake, tagged, &known), Some(vec![77]));
        // 3.13 has the values behind the header, 3.14 behind all of the object.
        let inline = |after_basic_size, valid| Instance::Inline {
            dict: -24,
            keys: KEYS,
            after_basic_size,
            valid,
        };
        let both = flags::MANAGED_DICT | flags::INLINE_VALUES;
        let known = Attributed { flags: both, after: [8, 9, 10, 0], ..PLAIN };
        assert_eq!(values(&mut fake, inline(false, 0), &known), Some(vec![8, 9]));
        assert_eq!(values(&mut fake, inline(true, 0), &known), Some(vec![9, 10]));
        assert_eq!(values(&mut fake, inline(true, 1), &known), None);
        let known = Attributed { before: [0, dict, 0, 0], ..known };
        assert_eq!(values(&mut fake, inline(true, 0), &known), Some(vec![77]));
    }

    #[test]
    fn indices_take_as_many_bytes_as_their_number_needs() {
        for (count, bytes) in [(8, 8), (0x100, 0x200), (0x1_0000, 0x4_0000), (1 << 32, 8 << 32)] {
            assert_eq!(bytes_of_indices(count), Some(bytes));
        }
        assert_eq!(bytes_of_indices(u64::MAX), None);
    }
}
