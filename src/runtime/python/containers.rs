//! The elements of the built-in containers: tuples, lists and sets.
//!
//! Only the references are read; what they lead to may be garbage as well. A container that can
//! not be read is `None`; a longer one than the caller's limit is cut.

use super::layout::flags;
use super::objects::Objects;
use crate::addr::Addr;
use crate::target::memory::MemoryExt as _;

/// The largest table of a set that is read, in entries: it has more than it has elements.
const MAX_TABLE: u64 = 4 << 20;

/// How many references are read at once.
const CHUNK: u64 = 512;

impl Objects<'_> {
    /// The first `limit` items of a `list`.
    pub fn list_items(&self, list: Addr, limit: u64) -> Option<Vec<Addr>> {
        if !self.has_flag(list, flags::LIST)? {
            return None;
        }
        let count = self.count(list)?.min(limit);
        if count == 0 {
            return Some(Vec::new());
        }
        self.references(self.pointer(list, self.layout.list)?, count)
    }

    /// The first `limit` items of a `tuple`.
    pub fn tuple_items(&self, tuple: Addr, limit: u64) -> Option<Vec<Addr>> {
        if !self.has_flag(tuple, flags::TUPLE)? {
            return None;
        }
        let count = self.count(tuple)?.min(limit);
        self.references(tuple.checked_add(self.layout.tuple)?, count)
    }

    /// At most `limit` elements of a `set`, in the order of its table.
    pub fn set_items(&self, set: Addr, limit: usize) -> Option<Vec<Addr>> {
        if !self.is_exactly(set, "set") {
            return None;
        }
        let layout = &self.layout.set;
        let entries = self.memory.u64(set.checked_add(layout.mask)?).ok()?.checked_add(1)?;
        let table = self.pointer(set, layout.table)?;
        let mut items = Vec::new();
        // Each entry is a reference and a hash; that of an element is never -1, which marks what was
        // taken out.
        let mut words = self.words(table, entries.min(MAX_TABLE).checked_mul(2)?);
        while let Some(item) = words.next() {
            let (item, hash) = (item?, words.next()??);
            if items.len() == limit {
                break;
            }
            if !item.is_null() && hash.0 != u64::MAX {
                items.push(item);
            }
        }
        Some(items)
    }

    /// How many items a `tuple` or `list` says to have.
    fn count(&self, sequence: Addr) -> Option<u64> {
        self.memory.u64(sequence.checked_add(self.layout.object.size)?).ok()
    }

    fn references(&self, start: Addr, count: u64) -> Option<Vec<Addr>> {
        self.words(start, count).collect()
    }

    /// Words that follow each other; what can not be read is one `None`, and the last.
    fn words(&self, start: Addr, count: u64) -> impl Iterator<Item = Option<Addr>> {
        let chunks = (0..count).step_by(CHUNK as usize).map(move |at| {
            let len = usize::try_from((count - at).min(CHUNK)).ok()?.checked_mul(8)?;
            let bytes = self.memory.bytes(start.checked_add(at.checked_mul(8)?)?, len).ok()?;
            let words = bytes.as_chunks().0.iter().map(|word| Addr(u64::from_le_bytes(*word)));
            Some(words.collect::<Vec<_>>())
        });
        let mut failed = false;
        let until_failure = chunks.take_while(move |chunk| {
            let go_on = !failed;
            failed = chunk.is_none();
            go_on
        });
        until_failure.flat_map(|chunk| match chunk {
            Some(words) => words.into_iter().map(Some).collect(),
            None => vec![None],
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::fake::{Fake, V3_11};
    use super::*;

    fn objects(fake: &Fake) -> Objects<'_> {
        Objects { memory: fake, layout: &V3_11 }
    }

    #[test]
    fn elements_of_a_set_come_without_what_was_taken_out() {
        let mut fake = Fake::new();
        let (first, second) = (fake.int(1), fake.int(2));
        let set = fake.set(&[first, Addr(0), second, Addr(0)]);
        assert_eq!(objects(&fake).set_items(set, 10), Some(vec![first, second]));
        assert_eq!(objects(&fake).set_items(set, 1), Some(vec![first]));
        // What was taken out leaves an object of its own, with a hash that no element has.
        let table = fake.ptr(set.wrapping_add(V3_11.set.table)).unwrap();
        fake.poke(table.wrapping_add(8), u64::MAX);
        assert_eq!(objects(&fake).set_items(set, 10), Some(vec![second]));
    }

    #[test]
    fn items_of_a_sequence_come_in_order_up_to_the_limit() {
        let mut fake = Fake::new();
        let (first, second) = (fake.int(1), fake.int(2));
        let items = [first, second].map(|item| item.0.to_le_bytes()).concat();
        let mut draft = fake.object(48, "tuple");
        draft.put_u64(V3_11.object.size, 2).put(V3_11.tuple, &items);
        let tuple = fake.finish(draft);
        let items = fake.place(items);
        let mut draft = fake.object(40, "list");
        draft.put_u64(V3_11.object.size, 2).put_u64(V3_11.list, items.0);
        let list = fake.finish(draft);
        let empty = fake.object(40, "list");
        let empty = fake.finish(empty);
        let objects = objects(&fake);
        assert_eq!(objects.tuple_items(tuple, 10), Some(vec![first, second]));
        assert_eq!(objects.list_items(list, 10), Some(vec![first, second]));
        assert_eq!(objects.list_items(list, 1), Some(vec![first]));
        assert_eq!(objects.list_items(empty, 10), Some(Vec::new()));
        assert_eq!(objects.list_items(tuple, 10), None);
        assert_eq!(objects.tuple_items(Addr(8), 10), None);
    }

    #[test]
    fn a_container_that_leads_out_of_memory_has_no_items() {
        let mut fake = Fake::new();
        let set = fake.set(&[]);
        fake.poke(set.wrapping_add(V3_11.set.mask), u64::MAX >> 1);
        assert_eq!(objects(&fake).set_items(set, 10), None);
        fake.poke(set.wrapping_add(V3_11.set.mask), u64::MAX);
        assert_eq!(objects(&fake).set_items(set, 10), None);
    }
}
