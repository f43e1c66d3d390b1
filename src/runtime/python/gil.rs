//! The global interpreter lock: who holds it, and where those are who wait for it; and whether
//! the collector of garbage runs, which it does in the thread that holds the lock.

use super::layout::{Gil, GilPlace, Layout};
use crate::addr::Addr;
use crate::target::memory::{Fault, Memory, MemoryExt as _};

/// What follows `locked` in `_gil_runtime_state` until the condition variable that threads wait
/// at: an `int` with its padding and the counter `switch_number`.
const WAITED_FROM: u64 = 16;

/// The length of that condition variable and its mutex (glibc: 48 + 40 on x86-64, 48 + 48 on
/// aarch64; musl: 48 + 40).
const WAITED_LEN: u64 = 88;

/// A lock: one for all interpreters, or one for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The thread that holds it, by its record.
    pub holder: Option<Addr>,
    /// Where threads wait for it, and how long that is.
    pub waited: (Addr, u64),
    /// Whether the holder collects garbage.
    pub collecting: bool,
}

/// The locks of these interpreters of the runtime at this address.
pub fn locks(
    memory: &dyn Memory,
    layout: &Layout,
    runtime: Addr,
    interpreters: &[Addr],
) -> Result<Vec<Lock>, Fault> {
    let mut locks: Vec<Lock> = Vec::new();
    let Some(gil) = layout.gil.filter(|_| !layout.free_threaded) else { return Ok(locks) };
    for &interpreter in interpreters {
        let at = match gil.place {
            GilPlace::Runtime => runtime,
            GilPlace::Interpreter(pointer) => memory.ptr(interpreter.wrapping_add(pointer))?,
        };
        let collecting = collecting(memory, layout, runtime, interpreter)?;
        let mut lock = read(memory, &gil, at)?;
        lock.collecting = collecting && lock.holder.is_some();
        match locks.iter_mut().find(|known| known.waited == lock.waited) {
            Some(known) => known.collecting |= lock.collecting,
            None => locks.push(lock),
        }
    }
    Ok(locks)
}

/// The lock at this address; of one in the runtime the offsets count from the runtime's begin.
fn read(memory: &dyn Memory, gil: &Gil, at: Addr) -> Result<Lock, Fault> {
    let locked = at.wrapping_add(gil.locked);
    // -1 before it is made, 0 while nobody holds it.
    let held = memory.i32(locked)? == 1;
    let holder = memory.ptr(at.wrapping_add(gil.last_holder))?;
    Ok(Lock {
        holder: Some(holder).filter(|holder| held && !holder.is_null()),
        waited: (locked.wrapping_add(WAITED_FROM), WAITED_LEN),
        collecting: false,
    })
}

fn collecting(
    memory: &dyn Memory,
    layout: &Layout,
    runtime: Addr,
    interpreter: Addr,
) -> Result<bool, Fault> {
    let Some(gc) = layout.gc else { return Ok(false) };
    let owner = if gc.in_runtime { runtime } else { interpreter };
    Ok(memory.i32(owner.wrapping_add(gc.start).wrapping_add(gc.collecting))? == 1)
}
