//! CPython: its threads and their frames, read from memory alone.
//!
//! The layout of its structures is data ([`layout`]) and is held against the
//! process ([`check`]) before anything is believed.

mod answers;
pub mod asyncio;
mod callable;
mod captured;
pub mod check;
pub mod code;
pub mod containers;
pub mod detect;
pub mod dict;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod fake;
pub mod frames;
pub mod gil;
pub mod greenlet;
mod imported;
pub mod layout;
pub mod lines;
pub mod modules;
pub mod names;
pub mod objects;
mod oslo;
pub mod oslo_reports;
mod registered;
mod settings;
mod subclasses;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
pub mod threads;
pub mod value;
mod variable;
pub mod version;

use std::collections::BTreeMap;
use std::iter;

pub use version::Version;

use super::{LanguageThread, Part, Preview, Roster, Runtime, Visit, Visited, Visitor};
use crate::addr::Addr;
use crate::asked::Asked;
use crate::config::settings::Settings;
use crate::note::Note;
use crate::report::RuntimeSummary;
use crate::target::Tid;
use crate::target::ids::ThreadIds;
use crate::target::memory::{Fault, Memory, MemoryExt as _};
use crate::target::search::{Search, SearchRequest};
use asyncio::TaskLayout;
use detect::Found;
use frames::{Chain, Walker};
use greenlet::Greenlets;
use imported::Imported;
use names::Registries;
use objects::Objects;
use value::Values;

/// CPython.
#[derive(Debug)]
pub struct Python;

impl Runtime for Python {
    fn detect(&self, process: &Preview<'_, '_>, notes: &mut Vec<Note>) -> Option<Box<dyn Visitor>> {
        let found = detect::detect(process, notes)?;
        let tids = process.tids.iter().copied().collect();
        let Found { layout, runtime, .. } = &found;
        let lists =
            threads::Lists { memory: process.memory, layout, runtime: *runtime, tids: &tids };
        let interpreters = lists.interpreters();
        let tasks = TaskLayout::find(&found, process.modules);
        let objects = Objects { memory: process.memory, layout };
        let names = Registries::find(&objects, &interpreters);
        let greenlets = Greenlets::detect(process, &objects, found.runtime);
        Some(Box::new(Interpreters { found, names, tids, tasks, greenlets }))
    }
}

/// Reads the threads of all interpreters of one CPython.
#[derive(Debug)]
struct Interpreters {
    found: Found,
    names: Registries,
    /// The threads of the process.
    tids: ThreadIds,
    /// How tasks of asyncio are laid out, if that is known.
    tasks: Option<TaskLayout>,
    /// Its greenlets, if it has the package.
    greenlets: Option<Greenlets>,
}

impl Visitor for Interpreters {
    fn summary(&self) -> RuntimeSummary {
        RuntimeSummary {
            name: "python".to_owned(),
            version: self.found.version.to_string(),
            layout: self.found.layout.name.clone(),
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
        self.lists(memory).roster()
    }

    fn holds(&self, roster: &Roster, free: &dyn Fn(Tid) -> bool, memory: &dyn Memory) -> bool {
        self.lists(memory).hold(roster, free).unwrap_or(false)
    }

    fn search_for(&self, memory: &dyn Memory) -> SearchRequest {
        let objects = Objects { memory, layout: &self.found.layout };
        let greenlets = self.greenlets.as_ref();
        let mut request = greenlets.map(|found| found.search_for(&objects)).unwrap_or_default();
        let imported = imported(&objects, &self.interpreters(memory));
        request.words.extend(oslo::types(&objects, &imported));
        request.words.extend(settings::types(&objects, &imported));
        request.tables = answers::request(&self.found.handlers);
        request
    }

    fn sift(&self, search: &mut Search, roster: &Roster, memory: &dyn Memory) {
        let objects = Objects { memory, layout: &self.found.layout };
        let interpreters = self.interpreters(memory);
        let imported = imported(&objects, &interpreters);
        oslo::sift(search, &imported, &interpreters, roster, objects);
        settings::sift(search, &imported, &interpreters, objects);
        answers::sift(search, objects);
        if let Some(greenlets) = &self.greenlets {
            greenlets.sift(search, roster, objects);
        }
    }

    fn visit(&self, visit: &Visit<'_>, memory: &dyn Memory) -> Visited {
        let mut walker = Walker::new(memory, &self.found.layout);
        if visit.asked.locals {
            walker = walker.with_locals(visit.asked.secrets);
        } else if visit.pages_only {
            walker = walker.pages_only();
        }
        let mut chains: BTreeMap<Tid, (Addr, Vec<Chain>)> = BTreeMap::new();
        for &(tid, thread) in
            visit.roster.threads.iter().filter(|(tid, _)| (visit.wanted)(Part::Thread(*tid)))
        {
            let (_, known) = chains.entry(tid).or_insert((thread, Vec::new()));
            known.push(walker.chain(thread));
        }
        let objects = &walker.objects;
        let named = self.names.threads(objects);
        let ident = |thread: Addr| {
            memory.u64(thread.wrapping_add(self.found.layout.thread.ident)).unwrap_or(0)
        };
        let join = |(tid, (thread, chains))| {
            let ident = ident(thread);
            let name = named.get(&ident).and_then(|thread| names::name(objects, *thread));
            LanguageThread { name, ..join(tid, ident, chains) }
        };
        let threads: Vec<_> = chains.into_iter().map(join).collect();
        let mut notes = Vec::new();
        let green = asyncio::tasks(&walker, self.tasks, visit, &threads, &mut notes);
        let mut visited = Visited { threads, green, notes, ..Visited::default() };
        if (visit.wanted)(Part::Moment) {
            self.add_locks(visit.roster, memory, &mut visited);
            self.add_objects(visit.asked, walker.objects, &mut visited);
        }
        if (visit.wanted)(Part::Lasting) {
            let interpreters = self.lists(memory).interpreters();
            visited.registered =
                registered::sections(walker.objects, &interpreters, &mut visited.notes);
            self.add_modules(walker.objects, &mut visited);
            let interpreters = self.interpreters(memory);
            let registries =
                oslo::registries(visit.search, &interpreters, *objects, &mut visited.notes);
            visited.secrets = oslo::secrets(&registries);
            visited.registries = registries;
            let settings =
                settings::settings(visit.search, &interpreters, *objects, &mut visited.notes);
            visited.secrets.extend(settings.iter().flat_map(Settings::secrets));
            visited.settings = settings;
            visited.handlers = answers::handlers(*objects, visit.search);
        }
        match &self.greenlets {
            Some(greenlets) => greenlets.visit(visit, &walker, &mut visited),
            None => visited.green = visited.green.or_else(|| Some(Vec::new())),
        }
        // When all frames were read.
        let green = visited.green.as_deref().unwrap_or_default();
        visited.watchers = answers::watchers(&walker, &visited.threads, green);
        visited.notes.extend(walker.note_of_locals());
        visited
    }
}

impl Interpreters {
    fn lists<'a>(&'a self, memory: &'a dyn Memory) -> threads::Lists<'a> {
        let Found { layout, runtime, .. } = &self.found;
        threads::Lists { memory, layout, runtime: *runtime, tids: &self.tids }
    }

    fn interpreters(&self, memory: &dyn Memory) -> Vec<Addr> {
        self.lists(memory).interpreters()
    }

    /// The objects that were asked for.
    fn add_objects(&self, asked: &Asked, objects: Objects<'_>, visited: &mut Visited) {
        if asked.paths().next().is_none() {
            return;
        }
        let interpreters = self.interpreters(objects.memory);
        let values = Values::new(objects, value::OBJECTS).with_secrets(asked.secrets);
        for path in asked.paths() {
            visited.objects.push(values.object(&interpreters, path));
        }
    }

    /// The modules that are loaded in all interpreters, each once.
    fn add_modules(&self, objects: Objects<'_>, visited: &mut Visited) {
        for modules in imported::sys_modules(&objects, &self.interpreters(objects.memory)) {
            let (found, more) = modules::loaded(&objects, modules);
            visited.loaded.extend(found);
            visited.knows_modules |= objects.dict_items(modules).is_some();
            if more {
                let text = format!("only {} loaded modules are looked at", modules::MAX_MODULES);
                visited.notes.push(Note::missing("modules", text));
            }
        }
        visited.loaded.sort();
        visited.loaded.dedup();
    }

    /// Who holds the lock, and where it is waited for. Where that can not be read, nothing is said.
    fn add_locks(&self, roster: &Roster, memory: &dyn Memory, visited: &mut Visited) {
        let Found { layout, runtime, .. } = &self.found;
        let interpreters = self.interpreters(memory);
        let locks = gil::locks(memory, layout, *runtime, &interpreters);
        for lock in locks.unwrap_or_default() {
            visited.locks.push(lock.waited);
            let holder = roster.threads.iter().find(|(_, thread)| Some(*thread) == lock.holder);
            visited.holders.extend(holder.map(|(tid, _)| (*tid, lock.collecting)));
        }
    }
}

/// The modules whose objects are searched for.
fn imported(objects: &Objects<'_>, interpreters: &[Addr]) -> Imported {
    let names = iter::once(oslo::MODULE).chain(settings::modules());
    Imported::find(objects, interpreters, names)
}

/// One thread of the kernel's can have a record in several interpreters, and a record that is
/// being made bears its maker's id. Those without frames have nothing to tell; the others lie on
/// one stack, which grows downwards: the deepest activation is the innermost.
fn join(tid: Tid, ident: u64, mut chains: Vec<Chain>) -> LanguageThread {
    chains.sort_by_key(|chain| chain.activation);
    let mut thread = LanguageThread { tid, ident, ..LanguageThread::default() };
    for chain in chains {
        thread.frames.extend(chain.frames);
        thread.broken = thread.broken.or(chain.broken);
    }
    thread
}
