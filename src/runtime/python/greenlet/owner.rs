//! Whose a greenlet is: the thread on whose stack its part lies.

use std::collections::{BTreeMap, HashMap};

use super::object::{Greenlet, State};
use crate::addr::Addr;
use crate::target::Tid;

/// The most greenlets from one to its main one.
const MAX_PARENTS: usize = 1000;

/// The stacks of the threads, as far as they can be told.
#[derive(Clone, Debug, Default)]
pub struct Stacks<'a> {
    /// The mapping `[stack]`, and whose it is.
    first: Option<(Addr, Addr, Tid)>,
    /// Memory that no file backs: where stacks can be.
    mappings: &'a [(Addr, Addr)],
    /// What `pthread_self` returns, which lies at the outer end of a thread's stack.
    threads: BTreeMap<Addr, Tid>,
}

impl<'a> Stacks<'a> {
    /// `mappings` are those that no file backs, sorted; `idents` what `pthread_self` returns in
    /// each thread.
    pub fn new(
        first: Option<(Addr, Addr, Tid)>,
        mappings: &'a [(Addr, Addr)],
        idents: impl IntoIterator<Item = (Addr, Tid)>,
    ) -> Stacks<'a> {
        Stacks { first, mappings, threads: idents.into_iter().collect() }
    }

    /// The thread on whose stack this address lies.
    fn owner(&self, addr: Addr) -> Option<Tid> {
        if let Some((start, end, tid)) = self.first
            && (start..end).contains(&addr)
        {
            return Some(tid);
        }
        // Stacks that touch are one mapping: the next thread's end above is its own.
        let (ident, tid) = self.threads.range(addr..).next()?;
        let nth = self.mappings.partition_point(|(start, _)| *start <= addr).checked_sub(1)?;
        let (_, end) = self.mappings.get(nth)?;
        (addr < *end && ident < end).then_some(*tid)
    }
}

/// The owners of greenlets, where they can be told. `only` is the one thread that Python has, if
/// it has no other.
pub fn owners(
    greenlets: &[Greenlet],
    stacks: &Stacks<'_>,
    only: Option<Tid>,
) -> HashMap<Addr, Tid> {
    let by_object: HashMap<Addr, &Greenlet> =
        greenlets.iter().map(|greenlet| (greenlet.object, greenlet)).collect();
    let mut owners = HashMap::new();
    let mut of_main = HashMap::new();
    for greenlet in greenlets {
        let place = match greenlet.state() {
            State::Unstarted | State::Dead => continue,
            State::Running if greenlet.is_main() => continue,
            State::Suspended if greenlet.is_main() => greenlet.start,
            State::Running | State::Suspended => greenlet.stop,
        };
        if let Some(tid) = stacks.owner(place) {
            owners.insert(greenlet.object, tid);
            of_main.extend(main_of(greenlet, &by_object).map(|main| (main, tid)));
        }
    }
    // The others belong to the thread of their main greenlet: they would run there.
    for greenlet in greenlets {
        let of_main = || of_main.get(&main_of(greenlet, &by_object)?).copied();
        if !owners.contains_key(&greenlet.object)
            && let Some(tid) = of_main().or(only)
        {
            owners.insert(greenlet.object, tid);
        }
    }
    owners
}

/// The main greenlet of the thread that one runs in or would run in.
fn main_of(greenlet: &Greenlet, known: &HashMap<Addr, &Greenlet>) -> Option<Addr> {
    let mut greenlet = greenlet;
    for _ in 0..MAX_PARENTS {
        if greenlet.is_main() {
            return Some(greenlet.object);
        }
        if !greenlet.main.is_null() {
            return Some(greenlet.main);
        }
        greenlet = known.get(&greenlet.parent)?;
    }
    None
}
