//! The visitor over a hand-made CPython, whole and damaged.

use proptest::prelude::*;

use super::check::{self, Rejected, check};
use super::fake::{Activation, Fake, V3_11, VERSION};

use super::*;
use crate::asked::Asked;
use crate::target::search::Search;

fn visitor(runtime: Addr, tids: &[(Tid, Tid)]) -> Interpreters {
    let (layout, handlers) = (V3_11.clone(), Vec::new());
    let found = Found { runtime, code: Addr(1), version: VERSION, layout, handlers };
    // Those of the process below call themselves what they are called here, unless they are told not to.
    let plain = [11, 12, 13].map(|tid| (tid, tid));
    let tids = plain.iter().chain(tids).copied().collect();
    Interpreters { found, names: Registries::default(), tids, tasks: None, greenlets: None }
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
    let wanted = &|part| matches!(part, Part::Thread(tid) if wanted(tid));
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
fn an_id_that_is_no_thread_of_the_process_is_not_taken_for_one() {
    for lie in [1, 14, 4711, 0, u64::MAX, 1 << 32 | 12] {
        let (mut fake, runtime) = process();
        let visitor = visitor(runtime, &[]);
        let (_, idle) = visitor.roster(&fake).unwrap().threads[1];
        fake.poke(idle.wrapping_add(V3_11.thread.native_id.unwrap()), lie);
        let roster = visitor.roster(&fake).unwrap();
        let tids: Vec<Tid> = roster.threads.iter().map(|(tid, _)| *tid).collect();
        assert_eq!(tids, [11, 0, 13, 11], "{lie}");
        assert_eq!(roster.strangers, usize::from(lie != 0), "{lie}");
    }
}

/// The roster of that process still holds after a change, if these threads were free to make it.
fn holds_after(change: impl Fn(&mut Fake, &Roster, Addr), free: &[Tid]) -> bool {
    let (mut fake, runtime) = process();
    let visitor = visitor(runtime, &[(12, 4712)]);
    let roster = visitor.roster(&fake).unwrap();
    change(&mut fake, &roster, runtime);
    visitor.holds(&roster, &|tid| free.contains(&tid), &fake)
}

fn next() -> u64 {
    V3_11.thread.next
}

/// Where the first interpreter is.
fn interpreter(fake: &Fake, runtime: Addr) -> Addr {
    fake.ptr(runtime.wrapping_add(V3_11.runtime.interpreters)).unwrap()
}

#[test]
fn a_roster_holds_where_nothing_happened() {
    let nothing = |_: &mut Fake, _: &Roster, _: Addr| {};
    for free in [&[][..], &[11], &[4712], &[13], &[11, 4712, 13]] {
        assert!(holds_after(nothing, free), "{free:?}");
    }
}

#[test]
fn a_roster_does_not_hold_after_a_thread_was_added() {
    let added = |fake: &mut Fake, roster: &Roster, runtime: Addr| {
        let interpreter = interpreter(fake, runtime);
        let new = fake.thread(14, Addr(0));
        fake.poke(new.wrapping_add(next()), roster.threads[0].1.0);
        fake.poke(interpreter.wrapping_add(V3_11.interpreter.threads), new.0);
        fake.poke(interpreter.wrapping_add(V3_11.interpreter.next_thread_id.unwrap()), 14);
    };
    assert!(!holds_after(added, &[11]));
    // Also if it has ended again.
    let counted = |fake: &mut Fake, _: &Roster, runtime: Addr| {
        let interpreter = interpreter(fake, runtime);
        fake.poke(interpreter.wrapping_add(V3_11.interpreter.next_thread_id.unwrap()), 14);
    };
    assert!(!holds_after(counted, &[]));
    // And if its interpreter is new, and another one's end evens out the numbers.
    let replaced = |fake: &mut Fake, roster: &Roster, runtime: Addr| {
        let interpreter = interpreter(fake, runtime);
        let new = fake.thread(14, Addr(0));
        fake.poke(new.wrapping_add(next()), roster.threads[0].1.0);
        fake.poke(interpreter.wrapping_add(V3_11.interpreter.threads), new.0);
    };
    assert!(!holds_after(replaced, &[]));
}

#[test]
fn a_roster_does_not_hold_after_a_free_thread_removed_itself() {
    let first = |fake: &mut Fake, roster: &Roster, runtime: Addr| {
        let interpreter = interpreter(fake, runtime);
        fake.poke(interpreter.wrapping_add(V3_11.interpreter.threads), roster.threads[1].1.0);
    };
    assert!(!holds_after(first, &[11]));
    let second = |fake: &mut Fake, roster: &Roster, _: Addr| {
        fake.poke(roster.threads[0].1.wrapping_add(next()), roster.threads[2].1.0);
    };
    assert!(!holds_after(second, &[4712]));
    let last = |fake: &mut Fake, roster: &Roster, _: Addr| {
        fake.poke(roster.threads[1].1.wrapping_add(next()), 0);
    };
    assert!(!holds_after(last, &[13]));
}

#[test]
fn a_roster_does_not_hold_where_a_free_thread_got_its_own_id() {
    let named = |fake: &mut Fake, roster: &Roster, _: Addr| {
        fake.poke(roster.threads[2].1.wrapping_add(V3_11.thread.native_id.unwrap()), 15);
    };
    assert!(!holds_after(named, &[13]));
}

#[test]
fn a_roster_does_not_hold_where_the_runtime_ends_or_can_not_be_read() {
    let ends = |fake: &mut Fake, _: &Roster, runtime: Addr| {
        fake.poke(runtime.wrapping_add(V3_11.runtime.finalizing.unwrap()), 1);
    };
    assert!(!holds_after(ends, &[]));
    let unmapped = |fake: &mut Fake, _: &Roster, runtime: Addr| {
        fake.poke(runtime.wrapping_add(V3_11.runtime.interpreters), 8);
    };
    assert!(!holds_after(unmapped, &[]));
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
    assert_eq!(check(&fake, &V3_11, runtime), Ok(VERSION));
}

#[test]
fn a_runtime_without_python_frames_is_believed() {
    let mut fake = Fake::new();
    let idle = fake.thread(12, Addr(0));
    let runtime = fake.runtime(&[&[idle]]);
    assert_eq!(check(&fake, &V3_11, runtime), Ok(VERSION));
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

#[test]
fn a_runtime_that_says_to_be_of_another_version_is_not_believed() {
    let (fake, runtime) = process();
    let layout = layout::Layout { version: Version::of_minor(10), ..V3_11.clone() };
    assert_eq!(check(&fake, &layout, runtime), Err(check::ANOTHER_VERSION));
}

#[test]
fn an_interpreter_without_a_sys_is_starting() {
    let (mut fake, runtime) = process();
    let mut interpreter = fake.ptr(runtime.wrapping_add(V3_11.runtime.interpreters)).unwrap();
    while !interpreter.is_null() {
        fake.poke(interpreter.wrapping_add(V3_11.interpreter.sys), 0);
        interpreter = fake.ptr(interpreter.wrapping_add(V3_11.interpreter.next)).unwrap();
    }
    assert_eq!(check(&fake, &V3_11, runtime), Err(Rejected::Starting));
}

#[test]
fn the_heads_of_the_collectors_lists_are_looked_for() {
    // Debian's 3.13 has them at 20, where upstream has 24; null is no list.
    for at in [20u64, 24] {
        let (mut fake, runtime) = process();
        let interpreter = fake.place(vec![0; 1024]);
        fake.poke(runtime.wrapping_add(V3_11.runtime.interpreters), interpreter.0);
        let start = interpreter.wrapping_add(V3_11.gc.unwrap().start);
        for generation in 0..4 {
            let head = start.wrapping_add(at + 24 * generation);
            // One list is empty, the others have one object.
            let object = fake.place([head.0 | 1, head.0 | 3].map(u64::to_le_bytes).concat());
            let link = if generation == 1 { head } else { object };
            fake.poke(head, link.0);
            fake.poke(head.wrapping_add(8), link.0);
        }
        let mut layout = V3_11.clone();
        check::probe_heads(&fake, &mut layout, runtime);
        assert_eq!(layout.gc.unwrap().generations, Some(at));
        fake.poke(start.wrapping_add(at + 24), 0);
        check::probe_heads(&fake, &mut layout, runtime);
        assert_eq!(layout.gc.unwrap().generations, None);
    }
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
