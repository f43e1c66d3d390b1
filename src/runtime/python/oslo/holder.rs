//! What holds each object: the names by which a reader of the program's source knows it.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::Addr;
use crate::runtime::python::imported::MAX_INTERPRETERS;
use crate::runtime::python::objects::Objects;
use crate::text::Text;

/// The most holders of one object that are told.
const MAX_HOLDERS: usize = 5;

/// The most modules that are looked at, and attributes of one.
const MAX_MODULES: usize = 50_000;
const MAX_ATTRIBUTES: usize = 20_000;

/// How telling a holder is: the most comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// What oslo.config itself calls it.
    Global,
    /// An attribute of a module: how many dots its name has, and how long it is.
    Module(usize, usize),
    /// A local variable of a frame.
    Local,
    /// An attribute of an object.
    Attribute,
    /// A part of something that has a name.
    Part,
}

/// The objects, with what was found to hold each.
#[derive(Default)]
pub struct Holders(BTreeMap<Addr, BTreeSet<(Rank, String)>>);

impl Holders {
    /// None is known of these yet.
    pub fn of(objects: impl IntoIterator<Item = Addr>) -> Holders {
        Holders(objects.into_iter().map(|object| (object, BTreeSet::new())).collect())
    }

    /// Whether this is one of the objects.
    pub fn is_one(&self, object: Addr) -> bool {
        self.0.contains_key(&object)
    }

    /// Adds what holds an object.
    pub fn add(&mut self, object: Addr, rank: Rank, name: String) {
        let known = self.0.entry(object).or_default();
        known.insert((rank, name));
        if known.len() > MAX_HOLDERS {
            known.pop_last();
        }
    }

    /// Whether there is one that nothing is known to hold.
    pub fn is_one_left(&self) -> bool {
        self.0.values().any(BTreeSet::is_empty)
    }

    /// The objects, by address, each with what holds it.
    pub fn into_named(self) -> impl Iterator<Item = (Addr, Vec<Text>)> {
        self.0.into_iter().map(|(object, names)| {
            (object, names.into_iter().map(|(_, name)| name.into()).collect())
        })
    }

    /// Looks at the attributes of all modules (`sys.modules`). Those that are `another` one are
    /// added to the objects.
    pub fn look_at_modules(
        &mut self,
        objects: &Objects<'_>,
        interpreters: &[Addr],
        another: &dyn Fn(Addr) -> bool,
    ) {
        for (name, module) in modules(objects, interpreters) {
            for (key, value) in attributes(objects, module) {
                if !self.is_one(value) && !another(value) {
                    continue;
                }
                let Some((module, key)) = objects.text(name).zip(objects.text(key)) else {
                    continue;
                };
                let rank = match (module.raw(), key.raw()) {
                    ("oslo_config.cfg", "CONF") => Rank::Global,
                    (module, _) => Rank::Module(module.matches('.').count(), module.len()),
                };
                self.add(value, rank, format!("{}.{}", module.raw(), key.raw()));
            }
        }
    }
}

/// The modules that are loaded: the object that is the name, and the module.
pub fn modules<'a>(
    objects: &Objects<'a>,
    interpreters: &[Addr],
) -> impl Iterator<Item = (Addr, Addr)> {
    let of = |interpreter: &Addr| {
        let modules = objects.pointer(*interpreter, objects.layout.interpreter.modules)?;
        Some(objects.dict_items(modules)?.take(MAX_MODULES))
    };
    interpreters.iter().take(MAX_INTERPRETERS).filter_map(of).flatten()
}

/// The attributes of a module: the object that is the name, and the value.
pub fn attributes<'a>(
    objects: &Objects<'a>,
    module: Addr,
) -> impl Iterator<Item = (Addr, Addr)> + use<'a> {
    objects.attributes(module).into_iter().flatten().take(MAX_ATTRIBUTES)
}
