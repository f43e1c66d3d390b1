//! `sys.modules` of all interpreters, and modules by name in it.
//!
//! A large service has loaded more than 2,000, and a `dict` is walked from its begin to what is
//! looked for, or to its end: so it is walked once for all names.

use super::layout::flags;
use super::objects::Objects;
use crate::addr::Addr;
use crate::target::memory::MemoryExt as _;

/// The most interpreters of which modules are looked at.
const MAX_INTERPRETERS: usize = 64;

/// `sys.modules` of each interpreter: a `dict`.
pub fn sys_modules(objects: &Objects<'_>, interpreters: &[Addr]) -> impl Iterator<Item = Addr> {
    let of = |interpreter: &Addr| objects.pointer(*interpreter, objects.layout.interpreter.modules);
    interpreters.iter().take(MAX_INTERPRETERS).filter_map(of)
}

/// The modules that were looked for and are loaded.
pub struct Imported(Vec<(&'static str, Addr)>);

impl Imported {
    /// Looks for the modules of these names.
    pub fn find(
        objects: &Objects<'_>,
        interpreters: &[Addr],
        names: impl IntoIterator<Item = &'static str>,
    ) -> Imported {
        let names: Vec<&str> = names.into_iter().collect();
        let named = |key| {
            let len = len(objects, key)?;
            let mut candidates = names.iter().filter(|name| name.len() as u64 == len);
            candidates.find(|name| objects.is_str(key, name)).copied()
        };
        let all = sys_modules(objects, interpreters);
        let all = all.filter_map(|modules| objects.dict_items(modules)).flatten();
        Imported(all.filter_map(|(key, module)| Some((named(key)?, module))).collect())
    }

    /// The modules of this name, one of each interpreter that has loaded it.
    pub fn modules(&self, name: &str) -> impl Iterator<Item = Addr> {
        self.0.iter().filter(move |(known, _)| *known == name).map(|(_, module)| *module)
    }

    /// The attribute of this name of each module of this name.
    pub fn attributes(&self, objects: &Objects<'_>, module: &str, name: &str) -> Vec<Addr> {
        self.modules(module).filter_map(|module| objects.attribute(module, name)).collect()
    }

    /// The classes among these attributes.
    pub fn classes(&self, objects: &Objects<'_>, module: &str, name: &str) -> Vec<Addr> {
        let is_class = |class: &Addr| objects.has_flag(*class, flags::TYPE) == Some(true);
        self.attributes(objects, module, name).into_iter().filter(is_class).collect()
    }
}

/// How long a `str` says to be, by one read. What is none has some length, too.
fn len(objects: &Objects<'_>, string: Addr) -> Option<u64> {
    objects.memory.u64(string.checked_add(objects.layout.string.length)?).ok()
}
