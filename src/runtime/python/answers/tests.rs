//! The table of handlers in a hand-made CPython, whole and damaged.

use super::handlers;
use super::table::{KEPT, sift};
use crate::addr::Addr;
use crate::runtime::python::fake::{Fake, V3_11};
use crate::runtime::python::objects::Objects;
use crate::runtime::{Handler, SignalHandler};
use crate::target::search::Search;

/// What stands in the entries of a table.
struct Known {
    default: Addr,
    ignored: Addr,
    none: Addr,
    called: Addr,
}

/// `tp_call` of a type.
const CALL: u64 = 13 * 8;

fn known(fake: &mut Fake) -> Known {
    let (default, ignored) = (fake.int(0), fake.int(1));
    let draft = fake.object(16, "NoneType");
    let none = fake.finish(draft);
    let draft = fake.object(16, "Handler");
    let called = fake.finish(draft);
    let kind = fake.kind("Handler");
    fake.poke(kind.wrapping_add(V3_11.object.type_name + CALL), 0x1000);
    Known { default, ignored, none, called }
}

/// A table in which these signals have handlers of their own, and the others the default.
fn table(fake: &mut Fake, known: &Known, set: &[(usize, Addr)]) -> Addr {
    let mut words = vec![0; 2];
    for signal in 1..=64 {
        let own = set.iter().find(|(with, _)| *with == signal).map(|(_, own)| *own);
        let kept = if KEPT.contains(&signal) { known.none } else { known.default };
        words.extend([u64::from(signal == 12), own.unwrap_or(kept).0]);
    }
    let bytes: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
    fake.place(bytes)
}

fn search(fake: &Fake, tables: &[Addr]) -> Search {
    let mut search = Search { tables: tables.to_vec(), ..Search::default() };
    sift(&mut search, Objects { memory: fake, layout: &V3_11 });
    search
}

fn is_table(fake: &Fake, at: Addr) -> bool {
    search(fake, &[at]).tables == [at]
}

#[test]
fn what_is_set_is_listed_and_defaults_are_not() {
    let mut fake = Fake::new();
    let known = known(&mut fake);
    let set = [(12, known.called), (13, known.ignored), (20, known.none), (64, known.called)];
    let at = table(&mut fake, &known, &set);
    let search = search(&fake, &[Addr(8), at]);
    let objects = Objects { memory: &fake, layout: &V3_11 };
    let function =
        Handler::Function { name: "an object of class Handler".into(), file: None, line: None };
    let expected = [(12, function.clone()), (20, Handler::Native), (64, function)]
        .map(|(signal, handler)| SignalHandler { signal, handler });
    assert_eq!(handlers(objects, &search), Some(expected.to_vec()));
    assert_eq!(handlers(objects, &Search::default()), None);
}

#[test]
fn of_two_places_that_could_be_it_none_is_believed() {
    let mut fake = Fake::new();
    let known = known(&mut fake);
    let tables = [table(&mut fake, &known, &[]), table(&mut fake, &known, &[])];
    assert_eq!(search(&fake, &tables).tables, []);
}

#[test]
fn a_table_that_can_not_be_one_is_not_believed() {
    let mut fake = Fake::new();
    let known = known(&mut fake);
    let (text, large, wild) = (fake.string("x"), fake.int(2), Addr(0x1230));
    let whole = table(&mut fake, &known, &[(12, known.called)]);
    assert!(is_table(&fake, whole));
    for (signal, object) in [
        // Nobody can catch these; nobody can ask for those.
        (9, known.called),
        (19, known.ignored),
        (32, known.default),
        (33, known.called),
        // What no handler is.
        (12, text),
        (12, large),
        (64, wild),
        (1, Addr(0)),
    ] {
        let at = table(&mut fake, &known, &[(signal, object)]);
        assert!(!is_table(&fake, at), "{signal}: {object}");
    }
    // Entry 0 is not used.
    fake.poke(whole.wrapping_add(8), known.default.0);
    assert!(!is_table(&fake, whole));
}
