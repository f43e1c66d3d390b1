//! The names that a program gives its threads: `threading._active`, a `dict` from `pthread_self()`
//! to `Thread`, in each interpreter.
//!
//! Where the dictionaries are is found once, before anything is held; they live as long as their
//! interpreter.

use std::collections::HashMap;

use super::dict::Items;
use super::layout::Layout;
use super::objects::Objects;
use super::threads::MAX_INTERPRETERS;
use crate::addr::Addr;
use crate::target::memory::{Memory, MemoryExt as _};
use crate::text::Text;

/// Where the interpreters keep their `Thread`s. One that did not import `threading` has none.
#[derive(Debug, Default)]
pub struct Registries(Vec<Addr>);

impl Registries {
    /// Finds them.
    pub fn find(memory: &dyn Memory, layout: &Layout, runtime: Addr) -> Registries {
        let objects = Objects { memory, layout };
        let mut found = Vec::new();
        let mut interpreter = memory.ptr(runtime.wrapping_add(layout.runtime.interpreters)).ok();
        for _ in 0..MAX_INTERPRETERS {
            let Some(at) = interpreter.filter(|at| !at.is_null()) else { break };
            found.extend(registry(&objects, at));
            interpreter = memory.ptr(at.wrapping_add(layout.interpreter.next)).ok();
        }
        Registries(found)
    }

    /// The `Thread`s by what `pthread_self` returns in them.
    pub fn threads(&self, objects: &Objects<'_>) -> HashMap<u64, Addr> {
        let registries = self.0.iter().filter_map(|registry| objects.dict_items(*registry));
        // The hash of such a number is the number: the key itself need not be read.
        registries.flat_map(Items::hashed).collect()
    }
}

fn registry(objects: &Objects<'_>, interpreter: Addr) -> Option<Addr> {
    let modules = objects.pointer(interpreter, objects.layout.interpreter.modules)?;
    let threading = objects.lookup(modules, "threading")?;
    objects.attribute(threading, "_active")
}

/// The name of a `Thread`.
pub fn name(objects: &Objects<'_>, thread: Addr) -> Option<Text> {
    objects.text(objects.attribute(thread, "_name")?)
}
