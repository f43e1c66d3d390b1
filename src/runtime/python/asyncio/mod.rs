//! The tasks of asyncio: name, state, thread, the chain of coroutines that each is in, and what
//! it waits for.
//!
//! Tasks of other loops' kinds (trio, curio) are not looked for.

mod awaits;
pub mod coroutine;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod fake;
mod find;
mod future;
mod layout;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use layout::TaskLayout;

use awaits::Awaits;
use coroutine::{Coroutines, End, Followed};
use find::{Finder, Found, Owners};
use future::{Futures, RawTask, State};

use super::frames::Walker;
use crate::note::Note;
use crate::report::ExecutionKind;
use crate::runtime::{GreenThread, LanguageThread, Part, Visit};
use crate::target::Tid;

/// What notes are about.
const ABOUT: &str = "asyncio";

/// The wanted tasks, each one that belongs to a wanted thread or to none; `None` where asyncio is
/// not in use. `threads` are the wanted threads.
pub fn tasks(
    walker: &Walker<'_>,
    layout: Option<TaskLayout>,
    visit: &Visit<'_>,
    threads: &[LanguageThread],
    notes: &mut Vec<Note>,
) -> Option<Vec<GreenThread>> {
    let objects = walker.objects;
    let lists = layout.and_then(|layout| layout.lists);
    let found = Finder::new(objects, lists, visit.roster).find()?;
    if let Some(why) = &found.cut {
        notes.push(Note::missing(ABOUT, why.clone()));
    }
    if layout.is_none() && found.in_c {
        let text = "how its tasks are laid out is not known: those made in C are not shown";
        notes.push(Note::missing(ABOUT, text));
    }
    let owners = Owners::new(objects, visit.roster, &found.loops);
    let futures = Futures::new(objects, layout);
    let reader = Reader {
        threads,
        found: &found,
        futures: &futures,
        coroutines: Coroutines::new(walker),
        awaits: Awaits::new(walker, &futures),
    };
    let mut tasks = Vec::new();
    let mut odd = 0;
    for &(address, list) in &found.tasks {
        // A weak reference to what is gone leads to `None`.
        if futures.kind(address).is_none() && futures.is_none(address) {
            continue;
        }
        let Some(raw) = futures.task(address) else {
            odd += 1;
            continue;
        };
        let told = found.running.get(&address).copied().flatten();
        let owner = told.or_else(|| owners.of(raw.event_loop)).or(list);
        if (visit.wanted)(Part::of(owner)) {
            tasks.push(reader.read(&raw, owner));
        }
    }
    if odd > 0 {
        let text = format!("{odd} tasks are not as expected, and not shown");
        notes.push(Note::missing(ABOUT, text));
    }
    // `Task-9` before `Task-10`.
    let order = |task: &GreenThread| {
        let name = task.name.clone().unwrap_or_default();
        (task.owner, name.raw().len(), name, task.address)
    };
    tasks.sort_by_cached_key(order);
    Some(tasks)
}

/// Reads tasks whole.
struct Reader<'a> {
    threads: &'a [LanguageThread],
    found: &'a Found,
    futures: &'a Futures<'a>,
    coroutines: Coroutines<'a>,
    awaits: Awaits<'a>,
}

impl Reader<'_> {
    fn read(&self, task: &RawTask, owner: Option<Tid>) -> GreenThread {
        let running = self.found.running.contains_key(&task.address);
        let mut chain = match task.coroutine {
            Some(coroutine) if task.state == State::Pending => self.coroutines.follow(coroutine),
            _ => Followed::default(),
        };
        let awaits = match task.state {
            State::Pending if !running => self.awaits.of(task, &chain),
            _ => Vec::new(),
        };
        if chain.end == End::Running {
            self.complete(&mut chain, owner);
        }
        GreenThread {
            kind: ExecutionKind::Task,
            address: task.address,
            type_name: self.futures.type_name(task.address).unwrap_or_default(),
            name: Some(task.name.clone()),
            role: None,
            state: if running { "running" } else { task.state.name() },
            owner,
            awaits,
            frames: chain.frames,
            broken: chain.broken,
        }
    }

    /// Adds to the chain of a running task what its innermost coroutine calls: the thread's frames
    /// further inwards.
    fn complete(&self, chain: &mut Followed, owner: Option<Tid>) {
        let Some(innermost) = chain.frames.first().map(|frame| frame.address) else { return };
        let thread = self.threads.iter().find(|thread| Some(thread.tid) == owner);
        let frames = thread.map(|thread| thread.frames.as_slice()).unwrap_or_default();
        if let Some(count) = frames.iter().position(|frame| frame.address == innermost) {
            chain.frames.splice(0..0, frames.iter().take(count).cloned());
        }
    }
}
