//! Finding the tasks of asyncio, those that run right now, and the threads of event loops.
//!
//! To 3.13 the module `asyncio.tasks` has them in sets, and the running one of each loop in a
//! `dict`. From 3.14 on threads and interpreters have lists of those made in C, and each thread
//! knows what it runs; tasks made in Python are in the sets still.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use super::layout::Lists;
use crate::addr::Addr;
use crate::runtime::Roster;
use crate::runtime::python::frames::LoopDetector;
use crate::runtime::python::objects::Objects;
use crate::target::Tid;
use crate::target::memory::MemoryExt as _;
use crate::text::Text;

/// The most tasks that are looked at.
pub const MAX_TASKS: usize = 200_000;

/// What was found of asyncio.
#[derive(Debug, Default)]
pub struct Found {
    /// The tasks, each with the thread in whose list it was, if it was in one.
    pub tasks: Vec<(Addr, Option<Tid>)>,
    /// Those that run right now, with their thread where a thread told it.
    pub running: HashMap<Addr, Option<Tid>>,
    /// The loops that run, as far as threads tell it, with their thread.
    pub loops: HashMap<Addr, Tid>,
    /// Why there may be more, if there may.
    pub cut: Option<Text>,
    /// Whether `_asyncio` is loaded.
    pub in_c: bool,
}

/// Where to look.
pub struct Finder<'a> {
    objects: Objects<'a>,
    lists: Option<Lists>,
    roster: &'a Roster,
    found: Found,
    seen: HashSet<Addr>,
    /// The type of weak references, once one was met.
    reference: Option<Addr>,
}

impl<'a> Finder<'a> {
    /// A finder that found nothing yet.
    pub fn new(objects: Objects<'a>, lists: Option<Lists>, roster: &'a Roster) -> Finder<'a> {
        Finder {
            objects,
            lists,
            roster,
            found: Found::default(),
            seen: HashSet::new(),
            reference: None,
        }
    }

    /// Looks in all interpreters. `None` if none of them uses asyncio.
    pub fn find(mut self) -> Option<Found> {
        let mut used = false;
        for interpreter in self.interpreters() {
            let layout = &self.objects.layout.interpreter;
            let modules = self.objects.pointer(interpreter, layout.modules);
            let module = |name| self.objects.lookup(modules?, name);
            let Some(tasks) = module("asyncio.tasks") else { continue };
            used = true;
            self.found.in_c |= module("_asyncio").is_some();
            self.of_module(tasks);
            if let Some(lists) = self.lists {
                self.of_list(interpreter.wrapping_add(lists.of_interpreter), None);
            }
        }
        if !used {
            return None;
        }
        if let Some(lists) = self.lists {
            for (tid, thread) in &self.roster.threads {
                self.of_thread(lists, *tid, *thread);
            }
        }
        Some(self.found)
    }

    /// The interpreters that have threads.
    fn interpreters(&self) -> Vec<Addr> {
        let mut seen = HashSet::new();
        let offset = self.objects.layout.thread.interpreter;
        let threads = self.roster.threads.iter();
        let interpreters = threads.filter_map(|(_, thread)| self.objects.pointer(*thread, offset));
        interpreters.filter(|interpreter| seen.insert(*interpreter)).collect()
    }

    fn of_module(&mut self, module: Addr) {
        let objects = self.objects;
        // The first to 3.11, the second since.
        let mut names = ["_all_tasks", "_scheduled_tasks"].iter();
        match names.find_map(|name| objects.attribute(module, name)) {
            Some(weak) => self.of_weak_set(weak),
            None => self.cut("its set of tasks was not found".to_owned()),
        }
        // Those that run before their loop comes to them (3.12+).
        if let Some(eager) = objects.attribute(module, "_eager_tasks") {
            for task in self.elements(eager) {
                self.add(task, None);
            }
        }
        let current = objects.attribute(module, "_current_tasks");
        let current = current.and_then(|current| objects.dict_items(current));
        for (_, task) in current.into_iter().flatten() {
            self.found.running.entry(task).or_insert(None);
        }
    }

    /// The tasks of a `weakref.WeakSet`, which keeps weak references in a set.
    fn of_weak_set(&mut self, weak: Addr) {
        let offset = self.objects.layout.pointers.weak_reference;
        let Some(set) = self.objects.attribute(weak, "data") else {
            return self.cut("its set of tasks could not be read".to_owned());
        };
        for reference in self.elements(set) {
            if self.is_reference(reference)
                && let Some(task) = self.objects.pointer(reference, offset)
            {
                self.add(task, None);
            }
        }
    }

    /// Whether this is a weak reference.
    fn is_reference(&mut self, object: Addr) -> bool {
        let kind = self.objects.pointer(object, self.objects.layout.object.kind);
        // The one to 3.11, the other since.
        let mut names = ["weakref", "weakref.ReferenceType"].iter();
        let known = kind.is_some() && kind == self.reference;
        if known || names.any(|name| self.objects.is_exactly(object, name)) {
            self.reference = kind;
            return true;
        }
        false
    }

    fn elements(&mut self, set: Addr) -> Vec<Addr> {
        let elements = self.objects.set_items(set, MAX_TASKS + 1);
        elements.unwrap_or_else(|| {
            self.cut(format!("its set of tasks at {set} could not be read"));
            Vec::new()
        })
    }

    fn of_thread(&mut self, lists: Lists, tid: Tid, thread: Addr) {
        let running = |offset| self.objects.pointer(thread, offset);
        if let Some(event_loop) = running(lists.running_loop) {
            self.found.loops.insert(event_loop, tid);
        }
        if let Some(task) = running(lists.running_task) {
            self.found.running.insert(task, Some(tid));
        }
        self.of_list(thread.wrapping_add(lists.of_thread), Some(tid));
    }

    /// The tasks of a list (`struct llist_node`: next, previous), whose last leads back to its
    /// head.
    fn of_list(&mut self, head: Addr, tid: Option<Tid>) {
        let Some(node) = self.lists.map(|lists| lists.node) else { return };
        let mut loops = LoopDetector::default();
        let mut link = head;
        loop {
            match self.objects.memory.ptr(link) {
                // A head that was never used is null.
                Ok(next) if next == head || link == head && next.is_null() => return,
                Ok(next) if !loops.sees_again(next) && next.0 > node => link = next,
                _ => return self.cut(format!("its list of tasks is broken at {link}")),
            }
            if !self.add(Addr(link.0.wrapping_sub(node)), tid) {
                return;
            }
        }
    }

    /// Notes a task, if there is room.
    fn add(&mut self, task: Addr, tid: Option<Tid>) -> bool {
        if self.found.tasks.len() == MAX_TASKS {
            self.cut(format!("the limit of {MAX_TASKS} tasks was reached"));
            return false;
        }
        if self.seen.insert(task) {
            self.found.tasks.push((task, tid));
        }
        true
    }

    fn cut(&mut self, why: String) {
        self.found.cut.get_or_insert(why.into());
    }
}

/// Knows in which thread an event loop runs.
pub struct Owners<'a> {
    objects: Objects<'a>,
    /// From what `pthread_self` returns to the kernel's ids.
    idents: HashMap<i64, Tid>,
    known: RefCell<HashMap<Addr, Option<Tid>>>,
}

impl<'a> Owners<'a> {
    /// The threads of the roster, with the loops that are known to run in them.
    pub fn new(objects: Objects<'a>, roster: &Roster, loops: &HashMap<Addr, Tid>) -> Owners<'a> {
        let offset = objects.layout.thread.ident;
        let ident = |thread: Addr| objects.memory.i64(thread.checked_add(offset)?).ok();
        let threads = roster.threads.iter();
        let idents = threads.filter_map(|(tid, thread)| Some((ident(*thread)?, *tid))).collect();
        let known = loops.iter().map(|(event_loop, tid)| (*event_loop, Some(*tid))).collect();
        Owners { objects, idents, known: RefCell::new(known) }
    }

    /// The thread that runs a loop, which the loop itself says in `_thread_id`, if it does.
    pub fn of(&self, event_loop: Addr) -> Option<Tid> {
        if let Some(known) = self.known.borrow().get(&event_loop) {
            return *known;
        }
        let ident = self.objects.attribute(event_loop, "_thread_id");
        let ident = ident.and_then(|ident| self.objects.small_int(ident));
        let tid = ident.and_then(|ident| self.idents.get(&ident)).copied();
        self.known.borrow_mut().insert(event_loop, tid);
        tid
    }
}
