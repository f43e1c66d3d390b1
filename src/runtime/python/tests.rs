//! The visitor over a hand-made CPython, whole and damaged.

use proptest::prelude::*;

use super::check::{Rejected, check};
use super::fake::{Activation, Fake, V3_11};

use super::*;
use crate::asked::Asked;
use crate::target::search::Search;

fn visitor(runtime: Addr, tids: &[(Tid, Tid)]) -> Interpreters {
    let version = Version(0x030b_07f0);
    let found = Found { runtime, code: Addr(1), version, layout: V3_11.clone() };
    Interpreters { found, tids: tids.iter().copied().collect(), greenlets: None }
}

/// Two interpreters; thread 11 works in both, deepest in the second; 12 has no frames.
fn process() -> (Fake, Addr) {
    let mut fake = Fake::new();
    let (outer, middle, inner) =
        (fake.code("outer", "o.py", 1), fake.code("middle", "m.py", 1), fake.code("in", "i.py", 1));
    let at = |code| Activation { code, instruction: 2, entry: true, owner: 0 };
    // Placed first, at the lower address: the deeper one.
    let frame = fake.frames(&[at(inner)]);
    let sub = fake.thread(11, frame);
    let frame = fake.frames(&[at(middle), Activation { entry: false, ..at(outer) }, at(outer)]);
    let main = fake.thread(11, frame);
    let idle = fake.thread(12, Addr(0));
    let frame = fake.frames(&[at(outer)]);
    let other = fake.thread(13, frame);
    let runtime = fake.runtime(&[&[main, idle, other], &[sub]]);
    (fake, runtime)
}

fn threads(
    visitor: &dyn Visitor,
    roster: &Roster,
    wanted: &dyn Fn(Tid) -> bool,
    memory: &dyn Memory,
) -> Vec<LanguageThread> {
    let wanted = &|tid: Option<Tid>| tid.is_some_and(wanted);
    let (asked, search) = (&Asked::default(), &Search::default());
    visitor.visit(&Visit { roster, wanted, asked, search, pages_only: false }, memory).threads
}

fn names(thread: &LanguageThread) -> Vec<&str> {
    thread.frames.iter().map(|frame| frame.function.raw()).collect()
}

#[test]
fn threads_of_all_interpreters_are_found_and_one_thread_has_one_stack() {
    let (fake, runtime) = process();
    let visitor = visitor(runtime, &[]);
    let roster = visitor.roster(&fake).unwrap();
    let tids: Vec<Tid> = roster.threads.iter().map(|(tid, _)| *tid).collect();
    assert_eq!(tids, [11, 12, 13, 11]);
    assert_eq!(roster.generation, 13 + 11);
    assert_eq!(roster.cut, None);
    let threads = threads(&visitor, &roster, &|_| true, &fake);
    assert_eq!(threads.iter().map(|thread| thread.tid).collect::<Vec<_>>(), [11, 12, 13]);
    assert_eq!(names(&threads[0]), ["in", "middle", "outer", "outer"]);
    assert_eq!(names(&threads[1]), [""; 0]);
    assert_eq!(threads[2].ident, 0x7f00_0000 + 13);
}

#[test]
fn only_wanted_threads_are_visited() {
    let (fake, runtime) = process();
    let visitor = visitor(runtime, &[]);
    let roster = visitor.roster(&fake).unwrap();
    let threads = threads(&visitor, &roster, &|tid| tid == 13, &fake);
    assert_eq!(threads.len(), 1);
    assert_eq!(names(&threads[0]), ["outer"]);
}

#[test]
fn ids_of_a_pid_namespace_are_translated() {
    let (fake, runtime) = process();
    let roster = visitor(runtime, &[(11, 4711), (13, 4713)]).roster(&fake).unwrap();
    let tids: Vec<Tid> = roster.threads.iter().map(|(tid, _)| *tid).collect();
    assert_eq!(tids, [4711, 12, 4713, 4711]);
}

#[test]
fn lists_that_go_in_a_circle_end_and_say_so() {
    let (mut fake, runtime) = process();
    let roster = visitor(runtime, &[]).roster(&fake).unwrap();
    let (_, first) = roster.threads[0];
    let (_, third) = roster.threads[2];
    fake.poke(third.wrapping_add(V3_11.thread.next), first.0);
    let roster = visitor(runtime, &[]).roster(&fake).unwrap();
    assert_eq!(roster.threads.len(), 4);
    assert!(roster.cut.unwrap().raw().contains("circle"));
}

#[test]
fn only_the_function_that_runs_frames_runs_frames() {
    let visitor = visitor(Addr(0), &[]);
    for function in ["", ".cold", ".lto_priv.0", ".localalias"] {
        assert!(visitor.runs_frames(&format!("_PyEval_EvalFrameDefault{function}")));
    }
    for function in ["_PyEval_EvalFrame", "_PyEval_EvalFrameDefault2", "main", ""] {
        assert!(!visitor.runs_frames(function));
    }
}

#[test]
fn a_living_runtime_is_believed() {
    let (fake, runtime) = process();
    assert_eq!(check(&fake, &V3_11, runtime), Ok(()));
}

#[test]
fn a_runtime_without_python_frames_is_believed() {
    let mut fake = Fake::new();
    let idle = fake.thread(12, Addr(0));
    let runtime = fake.runtime(&[&[idle]]);
    assert_eq!(check(&fake, &V3_11, runtime), Ok(()));
}

#[test]
fn a_runtime_that_is_not_alive_or_looks_otherwise_is_not_believed() {
    let poked = |offset: u64, value| {
        let (mut fake, runtime) = process();
        fake.poke(runtime.wrapping_add(offset), value);
        check(&fake, &V3_11, runtime).unwrap_err()
    };
    assert_eq!(poked(V3_11.runtime.initialized.unwrap(), 0), Rejected::Starting);
    assert_eq!(poked(V3_11.runtime.finalizing.unwrap(), 0x1000), Rejected::Ending);
    assert!(matches!(poked(V3_11.runtime.interpreters, 0), Rejected::Contradicts(_)));
    assert!(matches!(poked(V3_11.runtime.interpreters, 8), Rejected::Unreadable(_)));
    let mut fake = Fake::new();
    let unused = fake.place([0; 64]);
    assert_eq!(check(&fake, &V3_11, unused), Err(Rejected::NotStarted));
}

#[test]
fn frames_without_code_are_not_believed() {
    let mut fake = Fake::new();
    let code = fake.string("no code");
    let frame = fake.frames(&[Activation { code, instruction: 2, entry: true, owner: 0 }]);
    let thread = fake.thread(12, frame);
    let runtime = fake.runtime(&[&[thread]]);
    assert!(matches!(check(&fake, &V3_11, runtime), Err(Rejected::Contradicts(_))));
}

proptest! {
    /// Whatever the memory holds, the visitor ends, and what it returns is bounded.
    #[test]
    fn damaged_memory_never_harms(
        pokes in prop::collection::vec((any::<prop::sample::Index>(), 0u8..4, any::<u64>()), 1..40),
    ) {
        let (mut fake, runtime) = process();
        let words = fake.data.len() / 8;
        let base = runtime.0 & !0xffff;
        for (at, how, value) in pokes {
            let at = at.index(words) * 8;
            let value = match how {
                // A pointer to elsewhere in the memory; to nothing; a small number; anything.
                0 => base + value % fake.data.len() as u64,
                1 => 0,
                2 => value % 5000,
                _ => value,
            };
            fake.data[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        let _ = check(&fake, &V3_11, runtime);
        let visitor = visitor(runtime, &[]);
        if let Ok(roster) = visitor.roster(&fake) {
            prop_assert!(roster.threads.len() <= 8 * words);
            for thread in threads(&visitor, &roster, &|_| true, &fake) {
                prop_assert!(thread.frames.len() <= 64 * words);
            }
        }
    }
}
