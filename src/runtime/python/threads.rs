//! The interpreters of a CPython and their threads: walking the two lists.

use std::collections::{HashMap, HashSet};

use super::layout::Layout;
use crate::addr::Addr;
use crate::runtime::Roster;
use crate::target::Tid;
use crate::target::memory::{Fault, Memory, MemoryExt as _};

/// The most interpreters in one process that are looked at.
pub const MAX_INTERPRETERS: usize = 1000;

/// The most threads of all interpreters together that are looked at.
pub const MAX_THREADS: usize = 100_000;

/// Where the C library keeps a thread's id for the kernel, from what `pthread_self` returns:
/// `tid` of `struct pthread` of glibc (x86-64, aarch64) and of musl.
const TID_OF_PTHREAD: [u64; 4] = [720, 208, 48, 32];

/// Reads the roster of the runtime at this address. `tids` has the threads of the process: the
/// ids that it sees itself, and those of the inspecting side.
///
/// A thread that is being made carries the id of its maker until it runs: an id may occur twice.
/// It does so, too, where one thread works in several interpreters.
pub fn roster(
    memory: &dyn Memory,
    layout: &Layout,
    runtime: Addr,
    tids: &HashMap<Tid, Tid>,
) -> Result<Roster, Fault> {
    let mut roster = Roster::default();
    let mut seen = HashSet::new();
    let mut interpreters = 0;
    let mut interpreter = memory.ptr(runtime.wrapping_add(layout.runtime.interpreters))?;
    while !interpreter.is_null() {
        if interpreters == MAX_INTERPRETERS || !seen.insert(interpreter) {
            roster.cut = Some(cut("interpreters", interpreters, interpreters == MAX_INTERPRETERS));
            break;
        }
        interpreters += 1;
        let offsets = &layout.interpreter;
        let generation = match offsets.next_thread_id {
            Some(offset) => memory.u64(interpreter.wrapping_add(offset))?,
            None => 0,
        };
        roster.generation = roster.generation.wrapping_add(generation);
        let mut thread = memory.ptr(interpreter.wrapping_add(offsets.threads))?;
        while !thread.is_null() {
            let count = roster.threads.len();
            if count == MAX_THREADS || !seen.insert(thread) {
                roster.cut = Some(cut("threads", count, count == MAX_THREADS));
                break;
            }
            roster.threads.push((kernel_id(memory, layout, thread, tids)?, thread));
            thread = memory.ptr(thread.wrapping_add(layout.thread.next))?;
        }
        interpreter = memory.ptr(interpreter.wrapping_add(offsets.next))?;
    }
    Ok(roster)
}

/// The interpreters, the one that the process began with first.
pub fn interpreters(memory: &dyn Memory, layout: &Layout, runtime: Addr) -> Vec<Addr> {
    let mut found: Vec<Addr> = Vec::new();
    let mut next = memory.ptr(runtime.wrapping_add(layout.runtime.interpreters));
    while let Ok(interpreter) = next
        && !interpreter.is_null()
        && found.len() < MAX_INTERPRETERS
        && !found.contains(&interpreter)
    {
        found.push(interpreter);
        next = memory.ptr(interpreter.wrapping_add(layout.interpreter.next));
    }
    // A new one is put before the others.
    found.reverse();
    found
}

/// The kernel's id of a thread, on the inspecting side; 0 where it can not be had.
fn kernel_id(
    memory: &dyn Memory,
    layout: &Layout,
    thread: Addr,
    tids: &HashMap<Tid, Tid>,
) -> Result<Tid, Fault> {
    if let Some(offset) = layout.thread.native_id {
        // What can not be a thread's id names no thread.
        let tid = memory.u64(thread.wrapping_add(offset))?;
        let tid = Tid::try_from(tid).unwrap_or(0);
        return Ok(tids.get(&tid).copied().unwrap_or(tid));
    }
    // To 3.10 the interpreter knows the C library's handle only; what that points to is believed
    // if it names a thread of this process.
    let handle = memory.ptr(thread.wrapping_add(layout.thread.ident))?;
    let known = TID_OF_PTHREAD
        .iter()
        .find_map(|offset| tids.get(&memory.i32(handle.checked_add(*offset)?).ok()?).copied());
    Ok(known.unwrap_or(0))
}

fn cut(what: &str, count: usize, limit: bool) -> crate::text::Text {
    let why = if limit { "the limit was reached" } else { "the list goes in a circle" };
    format!("{count} {what} of Python were read, then {why}").into()
}
