//! Holding a layout against the process before it is believed.
//!
//! A version does not settle a layout: distributions patch structures, and a second, unused
//! `_PyRuntime` can be mapped. So what must be true of every living interpreter is looked at.

use super::frames::Walker;
use super::layout::Layout;
use crate::addr::Addr;
use crate::target::memory::{Fault, Memory, MemoryExt as _};

/// How many interpreters are looked at.
const CHECKED_INTERPRETERS: usize = 64;

/// How many threads of each are asked for a frame with code.
const CHECKED_THREADS: usize = 64;

/// How many frames of each.
const CHECKED_FRAMES: usize = 16;

/// Why a runtime can not be read by a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// No interpreter is there: it was not started, or this copy of the library is not the one
    /// in use.
    NotStarted,
    /// It is between start and readiness.
    Starting,
    /// It is ending.
    Ending,
    /// Its memory contradicts the layout.
    Contradicts(&'static str),
    /// Its memory can not be read.
    Unreadable(Fault),
}

impl From<Fault> for Rejected {
    fn from(fault: Fault) -> Rejected {
        Rejected::Unreadable(fault)
    }
}

/// Whether the runtime at this address is alive and looks as the layout says.
pub fn check(memory: &dyn Memory, layout: &Layout, runtime: Addr) -> Result<(), Rejected> {
    let interpreter = memory.ptr(runtime.wrapping_add(layout.runtime.interpreters))?;
    if let Some(finalizing) = layout.runtime.finalizing
        && !memory.ptr(runtime.wrapping_add(finalizing))?.is_null()
    {
        return Err(Rejected::Ending);
    }
    let ready = match layout.runtime.initialized {
        Some(initialized) => memory.u32(runtime.wrapping_add(initialized))?,
        None => u32::from(!interpreter.is_null()),
    };
    match (interpreter.is_null(), ready) {
        (true, 0) => return Err(Rejected::NotStarted),
        (false, 0) => return Err(Rejected::Starting),
        (false, 1) => {}
        _ => return Err(Rejected::Contradicts("it says to be ready and has no interpreter")),
    }
    let mut code = CodeSeen::Nowhere;
    let mut interpreter = interpreter;
    for _ in 0..CHECKED_INTERPRETERS {
        check_interpreter(memory, layout, runtime, interpreter)?;
        code = code.or(code_of_threads(memory, layout, interpreter)?);
        interpreter = memory.ptr(interpreter.wrapping_add(layout.interpreter.next))?;
        if interpreter.is_null() {
            break;
        }
    }
    match code {
        CodeSeen::Otherwise => Err(Rejected::Contradicts("its frames have no code objects")),
        CodeSeen::Yes | CodeSeen::Nowhere => Ok(()),
    }
}

fn check_interpreter(
    memory: &dyn Memory,
    layout: &Layout,
    runtime: Addr,
    interpreter: Addr,
) -> Result<(), Rejected> {
    if let Some(back) = layout.interpreter.runtime
        && memory.ptr(interpreter.wrapping_add(back))? != runtime
    {
        return Err(Rejected::Contradicts("an interpreter does not belong to its runtime"));
    }
    // Each thread raises the number that the next one gets.
    let next = match layout.interpreter.next_thread_id {
        Some(offset) => memory.u64(interpreter.wrapping_add(offset))?,
        None => 1,
    };
    let head = memory.ptr(interpreter.wrapping_add(layout.interpreter.threads))?;
    if head.is_null() {
        return Ok(());
    }
    if next == 0 {
        return Err(Rejected::Contradicts("an interpreter has threads and never made one"));
    }
    if memory.ptr(head.wrapping_add(layout.thread.interpreter))? != interpreter {
        return Err(Rejected::Contradicts("a thread does not belong to its interpreter"));
    }
    if let Some(id) = layout.thread.native_id
        && i32::try_from(memory.u64(head.wrapping_add(id))?).is_err()
    {
        return Err(Rejected::Contradicts("a thread's id is no thread's id"));
    }
    Ok(())
}

/// Whether a frame with a code object was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CodeSeen {
    /// Yes: the layouts of threads, frames, objects and types hold.
    Yes,
    /// Frames were read, and not one has a code object.
    Otherwise,
    /// No frame could be read: no thread runs Python, or it ran on while being read.
    Nowhere,
}

impl CodeSeen {
    fn or(self, other: CodeSeen) -> CodeSeen {
        match (self, other) {
            (CodeSeen::Yes, _) | (_, CodeSeen::Yes) => CodeSeen::Yes,
            (CodeSeen::Nowhere, CodeSeen::Nowhere) => CodeSeen::Nowhere,
            _ => CodeSeen::Otherwise,
        }
    }
}

/// Looks for a code object in the first frames of the first threads. One is enough: the others
/// may be changing while they are read.
fn code_of_threads(
    memory: &dyn Memory,
    layout: &Layout,
    interpreter: Addr,
) -> Result<CodeSeen, Fault> {
    let walker = Walker::new(memory, layout);
    let mut seen = CodeSeen::Nowhere;
    let mut thread = memory.ptr(interpreter.wrapping_add(layout.interpreter.threads))?;
    for _ in 0..CHECKED_THREADS {
        if thread.is_null() || seen == CodeSeen::Yes {
            break;
        }
        seen = seen.or(code_of_frames(&walker, thread));
        thread = memory.ptr(thread.wrapping_add(layout.thread.next))?;
    }
    Ok(seen)
}

fn code_of_frames(walker: &Walker<'_>, thread: Addr) -> CodeSeen {
    let mut seen = CodeSeen::Nowhere;
    let Ok((_, mut frame)) = walker.innermost(thread) else { return seen };
    for _ in 0..CHECKED_FRAMES {
        let Ok(Some(raw)) = walker.raw(frame) else { break };
        if walker.is_code(raw.code) {
            return CodeSeen::Yes;
        }
        seen = CodeSeen::Otherwise;
        frame = raw.previous;
    }
    seen
}
