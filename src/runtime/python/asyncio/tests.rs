//! The tasks of a hand-made CPython, whole and damaged.

use proptest::prelude::*;

use super::fake::task_layout;
use super::*;
use crate::addr::Addr;
use crate::asked::Asked;
use crate::runtime::python::fake::{Fake, V3_11};
use crate::runtime::{Part, Roster};
use crate::target::memory::MemoryExt as _;
use crate::target::search::Search;

/// The tasks of this process, with the thread 11 alone or with what belongs to no thread.
fn tasks_of(
    fake: &Fake,
    roster: &Roster,
    wanted: Option<Tid>,
) -> (Option<Vec<GreenThread>>, Vec<Note>) {
    let walker = Walker::new(fake, &V3_11);
    let (asked, search) = (&Asked::default(), &Search::default());
    let wanted = &|part| part == Part::of(wanted);
    let visit = Visit { roster, wanted, asked, search, pages_only: false };
    let mut notes = Vec::new();
    let tasks = tasks(&walker, Some(task_layout()), &visit, &[], &mut notes);
    (tasks, notes)
}

/// A process with one thread, and the module `asyncio.tasks` with these tasks.
fn process(fake: &mut Fake, tasks: &[Addr]) -> Roster {
    let references: Vec<Addr> = tasks.iter().map(|task| fake.wrapper("weakref", *task)).collect();
    let set = fake.set(&references);
    let set = fake.instance("WeakSet", &[("data", set)]);
    let current = fake.dict(&[]);
    let module = fake.instance("module", &[("_all_tasks", set), ("_current_tasks", current)]);
    let modules = fake.dict(&[("asyncio.tasks", module), ("_asyncio", module)]);
    let roster = idle(fake);
    let interpreter = fake.ptr(roster.threads[0].1.wrapping_add(V3_11.thread.interpreter)).unwrap();
    fake.poke(interpreter.wrapping_add(V3_11.interpreter.modules), modules.0);
    roster
}

/// A process with one thread and no modules.
fn idle(fake: &mut Fake) -> Roster {
    let thread = fake.thread(11, Addr(0));
    fake.poke(thread.wrapping_add(V3_11.thread.ident), 4711);
    fake.runtime(&[&[thread]]);
    Roster { threads: vec![(11, thread)], ..Roster::default() }
}

/// A task that waits for a future in two coroutines, one that waits for that task and one that has
/// ended; the last has no running loop.
fn usual(fake: &mut Fake) -> Vec<Addr> {
    let ident = fake.int(4711);
    let event_loop = fake.instance("Loop", &[("_thread_id", ident)]);
    let closed = fake.instance("Loop", &[]);
    let nothing = fake.wrapper("NoneType", Addr(0));
    let future = fake.task("_asyncio.Future", event_loop, 0, [Addr(0); 3]);
    let iterator = fake.wrapper("_asyncio.FutureIter", future);
    let inner = fake.awaiting("inner", iterator);
    let outer = fake.awaiting("outer", inner);
    let name = fake.string("größe");
    let first = fake.task("_asyncio.Task", event_loop, 0, [outer, future, name]);
    let iterator = fake.wrapper("_asyncio.FutureIter", first);
    let outer = fake.awaiting("second", iterator);
    let name = fake.int(2);
    let second = fake.task("_asyncio.Task", event_loop, 0, [outer, first, name]);
    let name = fake.int(3);
    let third = fake.task("_asyncio.Task", closed, 2, [nothing, nothing, name]);
    vec![first, second, third]
}

#[test]
fn tasks_have_a_name_a_state_a_thread_a_stack_and_something_that_they_wait_for() {
    let mut fake = Fake::new();
    let usual = usual(&mut fake);
    let roster = process(&mut fake, &usual);
    let (tasks, notes) = tasks_of(&fake, &roster, Some(11));
    let tasks = tasks.unwrap();
    assert_eq!(notes, []);
    let shown: Vec<_> = tasks
        .iter()
        .map(|task| {
            let frames: Vec<&str> = task.frames.iter().map(|f| f.function.raw()).collect();
            let awaits: Vec<&str> = task.awaits.iter().map(|each| each.what.raw()).collect();
            (task.name.as_ref().unwrap().raw(), task.state, frames, awaits)
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("Task-2", "pending", vec!["second"], vec!["task größe"]),
            ("größe", "pending", vec!["inner", "outer"], vec!["_asyncio.Future"]),
        ]
    );
    assert_eq!(tasks[0].awaits[0].address, Some(usual[0]));
    assert_eq!(tasks[0].type_name.raw(), "_asyncio.Task");
    assert!(tasks.iter().all(|task| task.owner == Some(11) && task.broken.is_none()));
}

#[test]
fn a_task_of_a_loop_that_does_not_run_belongs_to_no_thread() {
    let mut fake = Fake::new();
    let usual = usual(&mut fake);
    let roster = process(&mut fake, &usual);
    let (tasks, _) = tasks_of(&fake, &roster, None);
    let tasks = tasks.unwrap();
    assert_eq!(tasks.len(), 1);
    assert_eq!((tasks[0].state, tasks[0].owner), ("done", None));
    assert!(tasks[0].frames.is_empty());
}

#[test]
fn where_asyncio_is_not_loaded_there_are_no_tasks() {
    let mut fake = Fake::new();
    let roster = idle(&mut fake);
    assert_eq!(tasks_of(&fake, &roster, None), (None, Vec::new()));
}

#[test]
fn what_is_not_as_a_task_must_be_is_counted_and_not_shown() {
    let mut fake = Fake::new();
    let mut usual = usual(&mut fake);
    // A state that there is not; a name that is none; and one that is gone, which is no loss.
    let layout = task_layout();
    fake.poke(usual[0].wrapping_add(layout.state), 7);
    fake.poke(usual[1].wrapping_add(layout.name), usual[2].0);
    usual.push(fake.wrapper("NoneType", Addr(0)));
    let roster = process(&mut fake, &usual);
    let (tasks, notes) = tasks_of(&fake, &roster, Some(11));
    assert_eq!(tasks, Some(Vec::new()));
    assert_eq!(notes.len(), 1);
    assert!(notes[0].message.raw().starts_with("2 tasks are not as expected"));
}

proptest! {
    /// Whatever the memory holds, looking for tasks ends.
    #[test]
    fn damaged_memory_never_harms(
        pokes in prop::collection::vec((any::<prop::sample::Index>(), 0u8..4, any::<u64>()), 1..40),
    ) {
        let mut fake = Fake::new();
        let usual = usual(&mut fake);
        let roster = process(&mut fake, &usual);
        let words = fake.data.len() / 8;
        let base = usual[0].0 & !0xffff;
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
        for wanted in [Some(11), None] {
            let (tasks, _) = tasks_of(&fake, &roster, wanted);
            for task in tasks.unwrap_or_default() {
                prop_assert!(task.frames.len() <= coroutine::MAX_LINKS);
            }
        }
    }
}
