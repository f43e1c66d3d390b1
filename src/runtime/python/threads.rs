//! The interpreters of a CPython and their threads: walking the two lists.

use std::collections::HashSet;

use super::offsets::Layout;
use crate::addr::Addr;
use crate::runtime::Roster;
use crate::target::Tid;
use crate::target::memory::{Fault, Memory, MemoryExt as _};

/// The most interpreters in one process that are looked at.
pub const MAX_INTERPRETERS: usize = 1000;

/// The most threads of all interpreters together that are looked at.
pub const MAX_THREADS: usize = 100_000;

/// The lists of a runtime.
pub struct Lists<'a> {
    /// Where they are read.
    pub memory: &'a dyn Memory,
    /// How they lie there.
    pub layout: &'a Layout,
    /// Where `_PyRuntime` is.
    pub runtime: Addr,
}

impl Lists<'_> {
    /// Reads the roster. The ids are those that the process itself sees.
    ///
    /// A thread that is being made carries the id of its maker until it runs: an id may occur
    /// twice. It does so, too, where one thread works in several interpreters.
    pub fn roster(&self) -> Result<Roster, Fault> {
        let mut roster = Roster::default();
        let mut seen = HashSet::new();
        let mut interpreters = 0;
        let mut interpreter = self.first_interpreter()?;
        while !interpreter.is_null() {
            if interpreters == MAX_INTERPRETERS || !seen.insert(interpreter) {
                let limit = interpreters == MAX_INTERPRETERS;
                roster.cut = Some(cut("interpreters", interpreters, limit));
                break;
            }
            interpreters += 1;
            let (generation, mut thread) = self.generation_and_head(interpreter)?;
            roster.generation = roster.generation.wrapping_add(generation);
            while !thread.is_null() {
                let count = roster.threads.len();
                if count == MAX_THREADS || !seen.insert(thread) {
                    roster.cut = Some(cut("threads", count, count == MAX_THREADS));
                    break;
                }
                roster.threads.push((self.id(thread)?, thread));
                thread = self.next(thread)?;
            }
            interpreter = self.next_interpreter(interpreter)?;
        }
        Ok(roster)
    }

    /// Whether the lists are still those of a roster, read when all its threads but the `free` ones
    /// had been stopped for good. `outer` makes the roster's ids of those of the process.
    ///
    /// No thread was added if the generation is the same, and none is there that begins a list
    /// without being known. So threads were removed at most, each by itself: a free one is still in
    /// its list if its list begins with it, or the one before it leads to it. Where all are, every
    /// link that was followed then was true, and is.
    pub fn hold(
        &self,
        roster: &Roster,
        free: &dyn Fn(Tid) -> bool,
        outer: &dyn Fn(Tid) -> Tid,
    ) -> Result<bool, Fault> {
        let finalizing =
            self.memory.ptr(self.runtime.wrapping_add(self.layout.runtime.finalizing))?;
        if roster.cut.is_some() || !finalizing.is_null() {
            return Ok(false);
        }
        let mut generation = 0u64;
        let mut heads = HashSet::new();
        let mut known = roster.threads.iter();
        let mut interpreter = self.first_interpreter()?;
        for _ in 0..MAX_INTERPRETERS {
            if interpreter.is_null() {
                break;
            }
            let (next_id, head) = self.generation_and_head(interpreter)?;
            generation = generation.wrapping_add(next_id);
            if !head.is_null() && !known.any(|(_, thread)| *thread == head) {
                return Ok(false);
            }
            heads.insert(head);
            interpreter = self.next_interpreter(interpreter)?;
        }
        if generation != roster.generation || !interpreter.is_null() {
            return Ok(false);
        }
        let mut before = None;
        for (tid, thread) in &roster.threads {
            let before = before.replace(*thread);
            if !free(*tid) {
                continue;
            }
            let linked = match before {
                _ if heads.contains(thread) => true,
                Some(before) => self.next(before)? == *thread,
                None => false,
            };
            if !linked || outer(self.id(*thread)?) != *tid {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn first_interpreter(&self) -> Result<Addr, Fault> {
        self.memory.ptr(self.runtime.wrapping_add(self.layout.runtime.interpreters))
    }

    fn next_interpreter(&self, interpreter: Addr) -> Result<Addr, Fault> {
        self.memory.ptr(interpreter.wrapping_add(self.layout.interpreter.next))
    }

    /// The number that the next thread gets, and the first thread.
    fn generation_and_head(&self, interpreter: Addr) -> Result<(u64, Addr), Fault> {
        let offsets = &self.layout.interpreter;
        let generation = self.memory.u64(interpreter.wrapping_add(offsets.next_thread_id))?;
        Ok((generation, self.memory.ptr(interpreter.wrapping_add(offsets.threads))?))
    }

    /// What can not be a thread's id names no thread; 0 is an id that could not be had.
    fn id(&self, thread: Addr) -> Result<Tid, Fault> {
        let tid = self.memory.u64(thread.wrapping_add(self.layout.thread.native_id))?;
        Ok(Tid::try_from(tid).unwrap_or(0))
    }

    fn next(&self, thread: Addr) -> Result<Addr, Fault> {
        self.memory.ptr(thread.wrapping_add(self.layout.thread.next))
    }
}

fn cut(what: &str, count: usize, limit: bool) -> crate::text::Text {
    let why = if limit { "the limit was reached" } else { "the list goes in a circle" };
    format!("{count} {what} of Python were read, then {why}").into()
}
