//! The names that a program gives its threads: `threading._active`, a `dict` from `pthread_self()`
//! to `Thread`, in each interpreter.
//!
//! Where the dictionaries are is found once, before anything is held; they live as long as their
//! interpreter.

use std::collections::HashMap;

use super::dict::Items;
use super::objects::Objects;
use crate::addr::Addr;
use crate::text::Text;

/// Where the interpreters keep their `Thread`s. One that did not import `threading` has none.
#[derive(Debug, Default)]
pub struct Registries(Vec<Addr>);

impl Registries {
    /// Finds those of these interpreters, of which the first is the one that the process began with.
    pub fn find(objects: &Objects<'_>, interpreters: &[Addr]) -> Registries {
        // Last the first one's: a thread of it that visits another keeps the name that it has there.
        let last_first = interpreters.iter().rev();
        Registries(last_first.filter_map(|at| registry(objects, *at)).collect())
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
