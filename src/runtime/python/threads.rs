//! The interpreters of a CPython and their threads: walking the two lists.

use std::collections::HashSet;

use super::layout::Layout;
use crate::addr::Addr;
use crate::runtime::Roster;
use crate::target::Tid;
use crate::target::ids::{ClaimedTid, ThreadIds};
use crate::target::memory::{Fault, Memory, MemoryExt as _};

/// The most interpreters in one process that are looked at.
pub const MAX_INTERPRETERS: usize = 1000;

/// The most threads of all interpreters together that are looked at.
pub const MAX_THREADS: usize = 100_000;

/// Where the C library keeps a thread's id for the kernel, from what `pthread_self` returns:
/// `tid` of `struct pthread` of glibc (x86-64, aarch64) and of musl.
const TID_OF_PTHREAD: [u64; 4] = [720, 208, 48, 32];

/// What stands for the id of a thread that is none of the process's: no thread has it.
const NO_THREAD: Tid = 0;

/// The lists of a runtime.
pub struct Lists<'a> {
    /// Where they are read.
    pub memory: &'a dyn Memory,
    /// How they lie there.
    pub layout: &'a Layout,
    /// Where `_PyRuntime` is.
    pub runtime: Addr,
    /// The threads of the process.
    pub tids: &'a ThreadIds,
}

impl Lists<'_> {
    /// Reads the roster.
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
                let claimed = self.claimed(thread)?;
                let tid = claimed.and_then(|claimed| self.tids.of(claimed));
                roster.strangers +=
                    usize::from(tid.is_none() && claimed.is_some_and(|claimed| !claimed.is_zero()));
                roster.threads.push((tid.unwrap_or(NO_THREAD), thread));
                thread = self.next(thread)?;
            }
            interpreter = self.next_interpreter(interpreter)?;
        }
        Ok(roster)
    }

    /// The interpreters, the one that the process began with first.
    pub fn interpreters(&self) -> Vec<Addr> {
        let mut found: Vec<Addr> = Vec::new();
        let mut next = self.first_interpreter();
        while let Ok(interpreter) = next
            && !interpreter.is_null()
            && found.len() < MAX_INTERPRETERS
            && !found.contains(&interpreter)
        {
            found.push(interpreter);
            next = self.next_interpreter(interpreter);
        }
        // A new one is put before the others.
        found.reverse();
        found
    }

    /// Whether the lists are still those of a roster, read when all its threads but the `free` ones
    /// had been stopped for good.
    ///
    /// No thread was added if the generation is the same, and none is there that begins a list
    /// without being known. So threads were removed at most, each by itself: a free one is still in
    /// its list if its list begins with it, or the one before it leads to it. Where all are, every
    /// link that was followed then was true, and is.
    pub fn hold(&self, roster: &Roster, free: &dyn Fn(Tid) -> bool) -> Result<bool, Fault> {
        if roster.cut.is_some()
            || self.layout.interpreter.next_thread_id.is_none()
            || self.is_finalizing()?
        {
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
            if !linked || self.id(*thread)? != *tid {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the runtime ends, as far as that can be told.
    fn is_finalizing(&self) -> Result<bool, Fault> {
        let Some(offset) = self.layout.runtime.finalizing else { return Ok(false) };
        Ok(!self.memory.ptr(self.runtime.wrapping_add(offset))?.is_null())
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
        let generation = match offsets.next_thread_id {
            Some(offset) => self.memory.u64(interpreter.wrapping_add(offset))?,
            None => 0,
        };
        Ok((generation, self.memory.ptr(interpreter.wrapping_add(offsets.threads))?))
    }

    /// A thread of the process, by what its record says; [`NO_THREAD`] where that names none.
    fn id(&self, thread: Addr) -> Result<Tid, Fault> {
        let claimed = self.claimed(thread)?;
        Ok(claimed.and_then(|claimed| self.tids.of(claimed)).unwrap_or(NO_THREAD))
    }

    /// The kernel's id of a thread, as its record has it. It is whatever the process wrote there.
    fn claimed(&self, thread: Addr) -> Result<Option<ClaimedTid>, Fault> {
        if let Some(offset) = self.layout.thread.native_id {
            let number = self.memory.u64(thread.wrapping_add(offset))?;
            return Ok(Some(ClaimedTid::new(number)));
        }
        // To 3.10 the interpreter knows the C library's handle only. Where that keeps the id differs:
        // it is where one of the process's threads is named.
        let handle = self.memory.ptr(thread.wrapping_add(self.layout.thread.ident))?;
        let named = |offset: &u64| {
            let number = self.memory.u32(handle.checked_add(*offset)?).ok()?;
            Some(ClaimedTid::new(number)).filter(|claimed| self.tids.of(*claimed).is_some())
        };
        Ok(TID_OF_PTHREAD.iter().find_map(named))
    }

    fn next(&self, thread: Addr) -> Result<Addr, Fault> {
        self.memory.ptr(thread.wrapping_add(self.layout.thread.next))
    }
}

fn cut(what: &str, count: usize, limit: bool) -> crate::text::Text {
    let why = if limit { "the limit was reached" } else { "the list goes in a circle" };
    format!("{count} {what} of Python were read, then {why}").into()
}
