//! Values of a hand-made CPython, whole and damaged.

use proptest::prelude::*;

use super::*;
use crate::runtime::python::fake::{Fake, V3_11};

fn read(fake: &Fake, object: Addr, hint: Hint<'_>) -> Value {
    read_within(fake, object, hint, LOCALS)
}

fn read_within(fake: &Fake, object: Addr, hint: Hint<'_>, limits: Limits) -> Value {
    Values::new(Objects { memory: fake, layout: &V3_11 }, limits).read(object, hint)
}

fn shown(value: &Value) -> &str {
    value.shown.as_ref().map_or("", |shown| shown.raw())
}

/// A `list` of these objects; zeros are to be filled in later.
fn list(fake: &mut Fake, items: &[Addr]) -> (Addr, Addr) {
    let words: Vec<u8> = items.iter().flat_map(|item| item.0.to_le_bytes()).collect();
    let words = fake.place(words);
    let mut draft = fake.object(40, "list");
    draft.put_u64(V3_11.object.size, items.len() as u64).put_u64(V3_11.list, words.0);
    (fake.finish(draft), words)
}

#[test]
fn a_list_that_has_itself_as_an_item_is_marked() {
    let mut fake = Fake::new();
    let text = fake.string("x");
    let (outer, words) = list(&mut fake, &[text, Addr(0)]);
    fake.poke(words.wrapping_add(8), outer.0);
    let value = read(&fake, outer, Hint::None);
    assert_eq!((value.size, value.mark), (Some(2), None));
    assert_eq!(shown(&value.items[0].value), "'x'");
    assert_eq!(value.items[1].value.mark, Some(Mark::Cycle));
}

#[test]
fn depth_items_and_values_are_bounded() {
    let mut fake = Fake::new();
    let mut deep = fake.string("bottom");
    for _ in 0..10 {
        deep = list(&mut fake, &[deep]).0;
    }
    let mut value = read(&fake, deep, Hint::None);
    for _ in 0..LOCALS.depth {
        value = value.items.remove(0).value;
    }
    assert_eq!((value.items.len(), value.mark), (0, Some(Mark::Cut)));

    let text = fake.string("x");
    let (long, _) = list(&mut fake, &[text; 60]);
    let value = read(&fake, long, Hint::None);
    assert_eq!((value.items.len(), value.size, value.mark), (50, Some(60), Some(Mark::Cut)));

    let (wide, _) = list(&mut fake, &[long; 50]);
    let limits = Limits { each: 100, ..LOCALS };
    let value = read_within(&fake, wide, Hint::None, limits);
    let read = value.items.iter().map(|item| 1 + item.value.items.len()).sum::<usize>();
    assert!(read < 200, "{read}");
    assert_eq!(value.items[49].value.mark, Some(Mark::Cut));
}

#[test]
fn a_secret_is_masked_before_it_is_cut() {
    let mut fake = Fake::new();
    let padding = "x".repeat(190);
    let url = fake.string(&format!("{padding} mysql://root:hunter2hunter2@db/nova"));
    let value = read(&fake, url, Hint::None);
    assert_eq!(value.mark, Some(Mark::Masked));
    assert!(!shown(&value).contains("hunt"), "{value:?}");

    let word = fake.string("hunter2");
    let value = read(&fake, word, Hint::Name("admin_password"));
    assert_eq!((shown(&value), value.mark), ("***", Some(Mark::Masked)));
    let (words, _) = list(&mut fake, &[word, word]);
    let value = read(&fake, words, Hint::Name("passwords"));
    assert_eq!((shown(&value), value.items.len(), value.size), ("***", 0, None));
}

#[test]
fn secrets_in_commands_and_headers_are_masked() {
    let mut fake = Fake::new();
    let words = ["mysql", "--password", "hunter2", "-u", "root"].map(|word| fake.string(word));
    let (command, _) = list(&mut fake, &words);
    let value = read(&fake, command, Hint::None);
    let items: Vec<&str> = value.items.iter().map(|item| shown(&item.value)).collect();
    assert_eq!(items, ["'mysql'", "'--password'", "***", "'-u'", "'root'"]);

    let (name, secret) = (fake.string("X-Auth-Token"), fake.string("hunter2"));
    let mut draft = fake.object(40, "tuple");
    draft.put_u64(V3_11.object.size, 2);
    draft.put_u64(V3_11.tuple, name.0).put_u64(V3_11.tuple + 8, secret.0);
    let header = fake.finish(draft);
    assert_eq!(shown(&read(&fake, header, Hint::None).items[1].value), "***");
}

#[test]
fn what_is_no_object_is_unreadable() {
    let mut fake = Fake::new();
    let text = fake.string("x");
    for no_object in [Addr(0), Addr(8), Addr(u64::MAX), text.wrapping_add(1)] {
        assert_eq!(read(&fake, no_object, Hint::None).mark, Some(Mark::Unreadable));
    }
    let mut draft = fake.object(40, "list");
    draft.put_u64(V3_11.object.size, u64::MAX).put_u64(V3_11.list, text.0);
    let absurd = fake.finish(draft);
    assert_eq!(read(&fake, absurd, Hint::None).mark, Some(Mark::Unreadable));
}

proptest! {
    #[test]
    fn damaged_memory_is_read_to_an_end(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 1..20)
    ) {
        let mut fake = Fake::new();
        let text = fake.string("größe");
        let (inner, _) = list(&mut fake, &[text, text]);
        let (outer, _) = list(&mut fake, &[inner, text, inner]);
        let words = fake.data.len() / 8;
        for (place, value) in changes {
            let at = place.index(words) * 8;
            // Half of them are addresses of something.
            let value = if value % 2 == 0 { text.0 + value % 512 * 8 } else { value };
            fake.data[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        let value = read(&fake, outer, Hint::None);
        prop_assert!(value.items.len() <= LOCALS.items);
    }
}
