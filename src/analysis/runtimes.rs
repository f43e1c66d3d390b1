//! What the language runtimes know: found again in the evidence, and visited over it.

use std::collections::HashMap;

use crate::addr::Addr;
use crate::arch::Registers;
use crate::config::oslo::registry::Registry;
use crate::config::settings::Settings;
use crate::evidence::Evidence;
use crate::module::Modules;
use crate::note::Note;
use crate::report::GilUse;
use crate::runtime::{
    self, GreenThread, LanguageThread, LoadedModule, Preview, Reached, RegisteredSection,
    ReportWatcher, SignalHandler, Visit, Visitor,
};
use crate::target::search::Search;
use crate::target::{Thread, Tid};
use crate::text::Text;

/// Finds the runtimes in the evidence.
pub fn detect(
    evidence: &Evidence,
    modules: &Modules<'_>,
    notes: &mut Vec<Note>,
) -> Vec<Box<dyn Visitor>> {
    let threads = &evidence.snapshot.threads;
    let tids: Vec<(Tid, Tid)> = threads.iter().map(|thread| thread.facts.tids()).collect();
    let preview = Preview {
        mappings: &evidence.snapshot.mappings,
        modules,
        memory: &evidence.snapshot.memory,
        tids: &tids,
        first: evidence.snapshot.target.process.pid,
    };
    runtime::RUNTIMES.iter().filter_map(|runtime| runtime.detect(&preview, notes)).collect()
}

/// What the runtimes know.
#[derive(Default)]
pub struct Interpreted<'v> {
    /// What each thread runs, with the visitor that knows.
    pub threads: HashMap<Tid, (LanguageThread, &'v dyn Visitor)>,
    /// The green threads, if any kind of them was looked for.
    pub green: Option<Vec<GreenThread>>,
    /// The objects that were asked for.
    pub objects: Vec<Result<Reached, Text>>,
    /// The configurations of oslo.config.
    pub registries: Vec<Registry>,
    /// The settings of programs of other makes.
    pub settings: Vec<Settings>,
    /// The modules that are loaded.
    pub loaded: Vec<LoadedModule>,
    /// Whether it is known which are loaded.
    pub knows_modules: bool,
    /// The sections that programs have registered for reports of their own.
    pub registered: Vec<RegisteredSection>,
    /// What they have set to be called on signals.
    pub handlers: Option<Vec<SignalHandler>>,
    /// The files that they watch for a wish to report on themselves.
    pub watchers: Vec<ReportWatcher>,
    /// Where threads wait for a lock that lets one at a time run a language.
    locks: Vec<(Addr, u64)>,
    /// Who holds such a lock, and whether it collects garbage.
    pub holders: HashMap<Tid, bool>,
}

impl Interpreted<'_> {
    /// Whether a lock that lets one thread at a time run a language was read.
    pub fn knows_gil(&self) -> bool {
        !self.locks.is_empty()
    }

    /// What a thread has to do with the global lock, if anything.
    pub fn gil(&self, thread: &Thread) -> Option<GilUse> {
        if self.holders.contains_key(&thread.facts.tid) {
            return Some(GilUse::Holds);
        }
        let in_lock = |at: Addr| {
            // Where a lock lies is told by the target: near the end of all addresses, too.
            self.locks.iter().any(|(start, len)| at.0.wrapping_sub(start.0) < *len)
        };
        // Where it waited before the stop; and still does, as far as its registers tell.
        let futex = thread.facts.wait.as_ref().and_then(|wait| wait.futex)?;
        let argument = thread.registers.as_ref().and_then(Registers::first_argument);
        (in_lock(futex) && argument.is_none_or(in_lock)).then_some(GilUse::Waits)
    }
}

/// Lets the visitors read what was recorded.
pub fn visit<'v>(
    evidence: &Evidence,
    visitors: &'v [Box<dyn Visitor>],
    notes: &mut Vec<Note>,
) -> Interpreted<'v> {
    let snapshot = &evidence.snapshot;
    let (memory, asked) = (&snapshot.memory, &snapshot.asked);
    let mut known = Interpreted::default();
    let none = Search::default();
    for (nth, visitor) in visitors.iter().enumerate() {
        let search = snapshot.searches.get(nth).unwrap_or(&none);
        let name = visitor.summary().name;
        match visitor.roster(memory) {
            Ok(roster) => {
                if let Some(why) = &roster.cut {
                    notes.push(Note::missing(name.as_str(), why.clone()));
                }
                if roster.strangers > 0 {
                    let text = format!(
                        "records of threads that this process has not are left out: {}",
                        roster.strangers
                    );
                    notes.push(Note::remark(name.as_str(), text));
                }
                let wanted = &|_| true;
                let visit = Visit { roster: &roster, wanted, asked, search, pages_only: false };
                let visited = visitor.visit(&visit, memory);
                for thread in visited.threads {
                    known.threads.insert(thread.tid, (thread, &**visitor));
                }
                if let Some(green) = visited.green {
                    known.green.get_or_insert_default().extend(green);
                }
                known.objects = visited.objects;
                known.registries.extend(visited.registries);
                known.settings.extend(visited.settings);
                known.loaded.extend(visited.loaded);
                known.knows_modules |= visited.knows_modules;
                known.registered.extend(visited.registered);
                if let Some(handlers) = visited.handlers {
                    known.handlers.get_or_insert_default().extend(handlers);
                }
                known.watchers.extend(visited.watchers);
                known.locks.extend(visited.locks);
                known.holders.extend(visited.holders);
                notes.extend(visited.notes);
            }
            Err(fault) => {
                let text = format!("its threads could not be listed: {fault}; native stacks only");
                notes.push(Note::missing(name.as_str(), text));
            }
        }
    }
    known
}
