//! Holding a layout against the process before it is believed.
//!
//! A version does not settle a layout: distributions patch structures, and a second, unused
//! `_PyRuntime` can be mapped. So what must be true of every living interpreter is looked at.

use super::frames::Walker;
use super::layout::Layout;
use super::objects::Objects;
use super::version::Version;
use crate::addr::Addr;
use crate::target::memory::{Fault, Memory, MemoryExt as _};

/// How many interpreters are looked at.
const CHECKED_INTERPRETERS: usize = 64;

/// How many threads of each are asked for a frame with code.
const CHECKED_THREADS: usize = 64;

/// How many frames of each.
const CHECKED_FRAMES: usize = 16;

/// How many of the names in `sys` are looked at; it is born with fewer than a hundred.
const CHECKED_NAMES: usize = 500;

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

/// What the process says of its version, in two places, is not the same.
pub const ANOTHER_VERSION: Rejected = Rejected::Contradicts("`sys.hexversion` is another version");

impl From<Fault> for Rejected {
    fn from(fault: Fault) -> Rejected {
        Rejected::Unreadable(fault)
    }
}

/// Whether the runtime at this address is alive and looks as the layout says; and which version it
/// is, as it tells its programs.
pub fn check(memory: &dyn Memory, layout: &Layout, runtime: Addr) -> Result<Version, Rejected> {
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
    let mut version = None;
    let mut interpreter = interpreter;
    for _ in 0..CHECKED_INTERPRETERS {
        check_interpreter(memory, layout, runtime, interpreter)?;
        code = code.or(code_of_threads(memory, layout, interpreter));
        if version.is_none() {
            version = version_of(memory, layout, interpreter)?;
        }
        interpreter = memory.ptr(interpreter.wrapping_add(layout.interpreter.next))?;
        if interpreter.is_null() {
            break;
        }
    }
    if code == CodeSeen::Otherwise {
        return Err(Rejected::Contradicts("its frames have no code objects"));
    }
    // It is among the first things that a new interpreter gets.
    version.ok_or(Rejected::Starting)
}

/// What an interpreter says of its version: `sys.hexversion`. `None` where it has no `sys` yet.
///
/// To read it takes the layouts of a type, a `dict` with its keys, a `str` and an `int`.
fn version_of(
    memory: &dyn Memory,
    layout: &Layout,
    interpreter: Addr,
) -> Result<Option<Version>, Rejected> {
    let objects = Objects { memory, layout };
    let sys = memory.ptr(interpreter.wrapping_add(layout.interpreter.sys))?;
    if sys.is_null() {
        return Ok(None);
    }
    let no_dict = Rejected::Contradicts("what should be the `dict` of `sys` is none");
    if !is_type_of(&objects, sys, "dict") {
        return Err(no_dict);
    }
    let mut items = objects.dict_items(sys).into_iter().flatten().take(CHECKED_NAMES);
    let number = items.find(|(name, _)| objects.is_str(*name, "hexversion"));
    let version = number.and_then(|(_, number)| objects.small_int(number));
    let version = version.and_then(|version| u32::try_from(version).ok()).map(Version);
    let Some(version) = version else {
        return Err(Rejected::Contradicts("`sys.hexversion` is not found"));
    };
    // The exact version is the caller's to compare, who may not have been told one.
    match (version.major(), version.minor()) == (layout.version.major(), layout.version.minor()) {
        true => Ok(Some(version)),
        false => Err(ANOTHER_VERSION),
    }
}

/// Whether the object's type has this name, and its own type is `type`, which is its own.
fn is_type_of(objects: &Objects<'_>, object: Addr, type_name: &str) -> bool {
    let kind = |object| objects.pointer(object, objects.layout.object.kind);
    let is = || {
        let metatype = kind(kind(object)?)?;
        Some(
            objects.is_exactly(object, type_name)
                && kind(metatype)? == metatype
                && objects.is_exactly(metatype, "type"),
        )
    };
    is().unwrap_or(false)
}

/// Finds where the collector has the heads of its generations: builds of one version differ in it
/// by 4 bytes (Debian makes the structure before them less aligned). Where they are not found, the
/// layout has none.
///
/// Three lists in a row are them, of which the last, that of the oldest objects, leads back to
/// itself: the others may change while they are read. It is not looked further: what follows them
/// are lists, too, of what is never collected.
pub fn probe_heads(memory: &dyn Memory, layout: &mut Layout, runtime: Addr) {
    /// `sizeof(struct gc_generation)`: a head and two numbers.
    const GENERATION: u64 = 24;
    let Some(gc) = &mut layout.gc else { return };
    let base = match gc.in_runtime {
        true => Ok(runtime),
        false => memory.ptr(runtime.wrapping_add(layout.runtime.interpreters)),
    };
    let Ok(base) = base else { return };
    let start = base.wrapping_add(gc.start);
    gc.generations = gc.generations.and_then(|claim| {
        [claim, claim.saturating_sub(4), claim.saturating_add(4)].into_iter().find(|offset| {
            let head = |number| start.wrapping_add(offset.wrapping_add(number * GENERATION));
            let begins = |number| memory.ptr(head(number)).is_ok_and(|next| !next.is_null());
            (0..2).all(begins) && is_list(memory, head(2)).unwrap_or(false)
        })
    });
}

/// Whether a doubly linked list of the collector's (`PyGC_Head`) has its head here: one of its
/// neighbours leads back to it.
fn is_list(memory: &dyn Memory, head: Addr) -> Result<bool, Fault> {
    // The low bits of the pointers are flags.
    let link = |addr: Addr| memory.ptr(addr).map(super::frames::untagged);
    let (next, previous) = (link(head)?, link(head.wrapping_add(8))?);
    if next.is_null() || previous.is_null() {
        return Ok(false);
    }
    Ok(link(next.wrapping_add(8))? == head || link(previous)? == head)
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
fn code_of_threads(memory: &dyn Memory, layout: &Layout, interpreter: Addr) -> CodeSeen {
    let walker = Walker::new(memory, layout);
    let mut seen = CodeSeen::Nowhere;
    let mut thread = memory.ptr(interpreter.wrapping_add(layout.interpreter.threads));
    for _ in 0..CHECKED_THREADS {
        // Threads come and go while this is read: where the list can not be followed, it ends.
        let Ok(at) = thread else { break };
        if at.is_null() || seen == CodeSeen::Yes {
            break;
        }
        seen = seen.or(code_of_frames(&walker, at));
        thread = memory.ptr(at.wrapping_add(layout.thread.next));
    }
    seen
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
