//! CPython: its threads and their frames, read from memory alone.
//!
//! 3.11 for now. The layout of its structures is data ([`offsets`]) and is held against the
//! process ([`check`]) before anything is believed. Locals, greenlets and tasks are not read.

pub mod check;
pub mod detect;
#[cfg(test)]
mod fake;
pub mod frames;
pub mod lines;
pub mod objects;
pub mod offsets;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
pub mod threads;
pub mod version;

use std::collections::{BTreeMap, HashMap};

pub use version::Version;

use super::{LanguageThread, Preview, Roster, Runtime, Visitor};
use crate::addr::Addr;
use crate::note::Note;
use crate::report::RuntimeSummary;
use crate::target::Tid;
use crate::target::memory::{Fault, Memory, MemoryExt as _};
use detect::Found;
use frames::{Chain, Walker};

/// CPython.
#[derive(Debug)]
pub struct Python;

impl Runtime for Python {
    fn detect(&self, process: &Preview<'_, '_>, notes: &mut Vec<Note>) -> Option<Box<dyn Visitor>> {
        let found = detect::detect(process, notes)?;
        let tids = process.inner_tids.iter().copied().collect();
        Some(Box::new(Interpreters { found, tids }))
    }
}

/// Reads the threads of all interpreters of one CPython.
#[derive(Debug)]
struct Interpreters {
    found: Found,
    /// From the ids that the process itself sees to those of the inspecting side.
    tids: HashMap<Tid, Tid>,
}

impl Interpreters {
    /// The inspecting side's id of a thread that the process knows by `inner`.
    fn outer(&self, inner: Tid) -> Tid {
        self.tids.get(&inner).copied().unwrap_or(inner)
    }
}

impl Visitor for Interpreters {
    fn summary(&self) -> RuntimeSummary {
        RuntimeSummary {
            name: "python".to_owned(),
            version: self.found.version.to_string(),
            layout: self.found.layout.name.to_owned(),
        }
    }

    fn interpreter(&self) -> Addr {
        self.found.code
    }

    fn runs_frames(&self, function: &str) -> bool {
        // Compilers make variants: `.cold`, `.lto_priv.0`, `.localalias`, `.constprop.0`.
        function
            .strip_prefix(detect::EVALUATOR)
            .is_some_and(|suffix| suffix.is_empty() || suffix.starts_with('.'))
    }

    fn roster(&self, memory: &dyn Memory) -> Result<Roster, Fault> {
        let lists =
            threads::Lists { memory, layout: self.found.layout, runtime: self.found.runtime };
        let mut roster = lists.roster()?;
        for (tid, _) in &mut roster.threads {
            *tid = self.outer(*tid);
        }
        Ok(roster)
    }

    fn holds(&self, roster: &Roster, free: &dyn Fn(Tid) -> bool, memory: &dyn Memory) -> bool {
        let lists =
            threads::Lists { memory, layout: self.found.layout, runtime: self.found.runtime };
        lists.hold(roster, free, &|tid| self.outer(tid)).unwrap_or(false)
    }

    fn visit(
        &self,
        roster: &Roster,
        wanted: &dyn Fn(Tid) -> bool,
        memory: &dyn Memory,
    ) -> Vec<LanguageThread> {
        let walker = Walker::new(memory, self.found.layout);
        let mut chains: BTreeMap<Tid, (Addr, Vec<Chain>)> = BTreeMap::new();
        for &(tid, thread) in roster.threads.iter().filter(|(tid, _)| wanted(*tid)) {
            let (_, known) = chains.entry(tid).or_insert((thread, Vec::new()));
            known.push(walker.chain(thread));
        }
        let ident = |thread: Addr| {
            memory.u64(thread.wrapping_add(self.found.layout.thread.ident)).unwrap_or(0)
        };
        let join = |(tid, (thread, chains))| join(tid, ident(thread), chains);
        chains.into_iter().map(join).collect()
    }
}

/// One thread of the kernel's can have a record in several interpreters, and a record that is
/// being made bears its maker's id. Those without frames have nothing to tell; the others lie on
/// one stack, which grows downwards: the deepest activation is the innermost.
fn join(tid: Tid, ident: u64, mut chains: Vec<Chain>) -> LanguageThread {
    chains.sort_by_key(|chain| chain.activation);
    let mut thread = LanguageThread { tid, ident, frames: Vec::new(), broken: None };
    for chain in chains {
        thread.frames.extend(chain.frames);
        thread.broken = thread.broken.or(chain.broken);
    }
    thread
}
