//! The greenlets that were made since the search began: at the young ends of the lists of the
//! collector of garbage.
//!
//! New objects are added at the end of the youngest list; what survives a collection moves to the
//! end of an older one. So each list is walked from its end back to an object that was in it before
//! the search. A collection of the oldest list in between may put it in another order: then such a
//! mark tells nothing, and it is said.

use std::collections::BTreeSet;

use crate::addr::Addr;
use crate::runtime::python::layout::{Gc, Layout};
use crate::runtime::python::objects::Objects;
use crate::runtime::python::threads::MAX_INTERPRETERS;
use crate::target::memory::{Fault, Memory, MemoryExt as _};

/// How many generations there are.
const GENERATIONS: usize = 3;

/// `sizeof(struct gc_generation)`: the head of a list, `threshold`, `count`.
const GENERATION: u64 = 24;

/// `sizeof(PyGC_Head)`: `_gc_next` and `_gc_prev`, before each object and as head of each list.
const HEAD: u64 = 16;

/// The lowest bits of `_gc_prev`, which are flags.
const FLAGS: u64 = 3;

/// The most objects of one list that are looked at: 5,000 new green threads a second make 15,000
/// while the memory is searched.
const MAX_OBJECTS: usize = 50_000;

/// How far from the end of a list its mark lies: what is that old is not about to go.
const MARK_DEPTH: usize = 200;

/// How often a list that moves is walked for its mark.
const TRIES: usize = 10;

/// An object of a list and the one before it: by both it is known again. The memory of one that is
/// gone may be used for a new one, but hardly for two in the same order.
type Pair = [Addr; 2];

/// What is remembered of each interpreter before the search.
struct Mark {
    interpreter: Addr,
    /// How often the oldest list was collected.
    collections: u64,
    /// Of each list.
    pairs: [Pair; GENERATIONS],
}

/// How many words a [`Mark`] is.
const MARK_WORDS: usize = 2 + 2 * GENERATIONS;

impl Mark {
    fn of(lists: &Lists<'_>, interpreter: Addr) -> Mark {
        let collections = lists.collections();
        let mut pairs = [[Addr(0); 2]; GENERATIONS];
        for (generation, pair) in (0..).zip(&mut pairs) {
            // Without a mark the list is walked to its begin, as far as the limit allows.
            *pair = (0..TRIES).find_map(|_| lists.pair(generation)).unwrap_or_default();
        }
        Mark { interpreter, collections, pairs }
    }

    fn from_words(words: &[Addr; MARK_WORDS]) -> Mark {
        let [interpreter, collections, pairs @ ..] = words;
        let mut mark = Mark {
            interpreter: *interpreter,
            collections: collections.0,
            pairs: [[Addr(0); 2]; GENERATIONS],
        };
        for (to, from) in mark.pairs.iter_mut().zip(pairs.as_chunks().0) {
            *to = *from;
        }
        mark
    }

    fn into_words(self) -> impl Iterator<Item = Addr> {
        let first = [self.interpreter, Addr(self.collections)];
        first.into_iter().chain(self.pairs.into_iter().flatten())
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Newest {
    /// Objects that have the type of a greenlet, old ones among them.
    pub objects: Vec<Addr>,
    /// Why there may be others, if there may.
    pub incomplete: Option<String>,
}

/// The lists of one interpreter.
#[derive(Clone, Copy)]
struct Lists<'a> {
    memory: &'a dyn Memory,
    layout: &'a Layout,
    /// `struct _gc_runtime_state`.
    state: Addr,
    gc: Gc,
    /// The head of the youngest list, from there.
    generations: u64,
}

impl<'a> Lists<'a> {
    fn of(objects: &Objects<'a>, runtime: Addr, interpreter: Addr) -> Option<Lists<'a>> {
        let gc = objects.layout.gc.filter(|_| !objects.layout.free_threaded)?;
        let holder = if gc.in_runtime { runtime } else { interpreter };
        let (state, generations) = (holder.wrapping_add(gc.start), gc.generations?);
        Some(Lists { memory: objects.memory, layout: objects.layout, state, gc, generations })
    }

    fn head(&self, generation: u64) -> Addr {
        self.state.wrapping_add(self.generations + generation * GENERATION)
    }

    fn previous(&self, head: Addr) -> Option<Addr> {
        let previous = self.memory.u64(head.checked_add(8)?).ok()? & !FLAGS;
        (previous != 0).then_some(Addr(previous))
    }

    /// Whether a collection is going on: then the lists are in pieces.
    fn collecting(&self) -> bool {
        self.memory.u32(self.state.wrapping_add(self.gc.collecting)) != Ok(0)
    }

    /// How often the oldest list was collected: `generation_stats[2].collections`, the last of
    /// three structures of three numbers before `collecting` (to 3.14); later, how often the
    /// younger was since: `generations[2].count`.
    fn collections(&self) -> u64 {
        if self.layout.version.minor() <= 14 {
            let stats = self.state.wrapping_add(self.gc.collecting.saturating_sub(24));
            return self.memory.u64(stats).unwrap_or(0);
        }
        let count = self.head(2).wrapping_add(HEAD + 4);
        self.memory.u32(count).map_or(0, u64::from)
    }

    /// The mark of a list: what is some steps from its end, or its first object.
    fn pair(&self, generation: u64) -> Option<Pair> {
        let end = self.head(generation);
        let mut pair = [end, self.previous(end)?];
        for _ in 0..MARK_DEPTH {
            let [_, before] = pair;
            if before == end {
                break;
            }
            pair = [before, self.previous(before)?];
        }
        Some(pair)
    }

    /// Walks a list from its end to its mark or its begin, and adds the objects of these types.
    /// Whether it came there.
    fn walk(
        &self,
        generation: u64,
        mark: &Pair,
        types: &BTreeSet<Addr>,
        found: &mut Vec<Addr>,
    ) -> Result<bool, Fault> {
        let end = self.head(generation);
        let previous = |head: Addr| Ok(Addr(self.memory.u64(head.wrapping_add(8))? & !FLAGS));
        let mut at = previous(end)?;
        for _ in 0..MAX_OBJECTS {
            if at == end {
                return Ok(true);
            }
            let object = at.wrapping_add(HEAD);
            if types.contains(&self.memory.ptr(object.wrapping_add(self.layout.object.kind))?) {
                found.push(object);
            }
            let before = previous(at)?;
            if *mark == [at, before] {
                return Ok(true);
            }
            at = before;
        }
        Ok(false)
    }
}

/// What is to be remembered before the search.
pub fn marks(objects: &Objects<'_>, runtime: Addr) -> Vec<Addr> {
    let mark =
        |interpreter: Addr| Some(Mark::of(&Lists::of(objects, runtime, interpreter)?, interpreter));
    let marks = interpreters(objects, runtime).into_iter().filter_map(mark);
    marks.flat_map(Mark::into_words).collect()
}

/// The objects of these types that were made since the marks were taken.
pub fn since(
    objects: &Objects<'_>,
    runtime: Addr,
    marks: &[Addr],
    types: &BTreeSet<Addr>,
) -> Newest {
    let mut newest = Newest::default();
    let marks: Vec<Mark> = marks.as_chunks().0.iter().map(Mark::from_words).collect();
    for interpreter in interpreters(objects, runtime) {
        let mark = marks.iter().find(|mark| mark.interpreter == interpreter);
        let walked = match (mark, Lists::of(objects, runtime, interpreter)) {
            (Some(mark), Some(lists)) => walk(&lists, mark, types, &mut newest.objects),
            _ => Err("where the collector has its lists is not known".to_owned()),
        };
        newest.incomplete = newest.incomplete.or(walked.err());
    }
    newest
}

fn walk(
    lists: &Lists<'_>,
    mark: &Mark,
    types: &BTreeSet<Addr>,
    found: &mut Vec<Addr>,
) -> Result<(), String> {
    if lists.collecting() {
        return Err("garbage was being collected".to_owned());
    }
    for (generation, pair) in (0..).zip(&mark.pairs) {
        match lists.walk(generation, pair, types, found) {
            Ok(true) => {}
            Ok(false) => return Err("too many objects were made meanwhile".to_owned()),
            Err(fault) => return Err(format!("the collector's lists: {fault}")),
        }
    }
    if lists.collections() != mark.collections {
        return Err("all garbage was collected meanwhile".to_owned());
    }
    Ok(())
}

/// The interpreters of the process.
fn interpreters(objects: &Objects<'_>, runtime: Addr) -> Vec<Addr> {
    let layout = objects.layout;
    let mut found = Vec::new();
    let mut next = objects.pointer(runtime, layout.runtime.interpreters);
    while let Some(interpreter) = next
        && found.len() < MAX_INTERPRETERS
        && !found.contains(&interpreter)
    {
        found.push(interpreter);
        next = objects.pointer(interpreter, layout.interpreter.next);
    }
    found
}
