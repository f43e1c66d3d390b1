//! What holds each object: the names by which a reader of the program's source knows it.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::Addr;
use crate::runtime::python::imported::sys_modules;
use crate::runtime::python::objects::Objects;
use crate::text::Text;

/// The most holders of one object that are told.
const MAX_HOLDERS: usize = 5;

/// The most modules that are looked at, and attributes of one.
const MAX_MODULES: usize = 50_000;
const MAX_ATTRIBUTES: usize = 20_000;

/// The most attributes of all modules together; a large service has 200,000.
pub const MAX_ATTRIBUTES_TOTAL: usize = 2_000_000;

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

    /// Adds what holds an object. The modules are looked at twice where one object has no name
    /// yet: each name is kept once, by its most telling rank.
    pub fn add(&mut self, object: Addr, rank: Rank, name: String) {
        let known = self.0.entry(object).or_default();
        let same = known.iter().find(|(_, other)| *other == name).cloned();
        if same.as_ref().is_some_and(|(other, _)| *other <= rank) {
            return;
        }
        if let Some(same) = same {
            known.remove(&same);
        }
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
        let mut left = MAX_ATTRIBUTES_TOTAL;
        for (name, module) in modules(objects, interpreters) {
            for (key, value) in attributes(objects, module, &mut left) {
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
    let of = |modules| Some(objects.dict_items(modules)?.take(MAX_MODULES));
    sys_modules(objects, interpreters).filter_map(of).flatten()
}

/// The attributes of a module: the object that is the name, and the value. As many as are left are
/// looked at: one module may have many names.
pub fn attributes<'l, 'a>(
    objects: &Objects<'a>,
    module: Addr,
    left: &'l mut usize,
) -> impl Iterator<Item = (Addr, Addr)> + use<'l, 'a> {
    let found = objects.attributes(module).into_iter().flatten().take(MAX_ATTRIBUTES);
    found.take_while(|_| {
        let more = *left > 0;
        *left = left.saturating_sub(1);
        more
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_once_where_it_is_most_telling() {
        let object = Addr(0x10);
        let mut holders = Holders::of([object]);
        let module = || Rank::Module(1, 5);
        holders.add(object, Rank::Part, "a.b._CONF".into());
        holders.add(object, module(), "a.b._CONF".into());
        holders.add(object, Rank::Part, "a.b._CONF".into());
        holders.add(object, Rank::Local, "conf".into());
        let (_, names) = holders.into_named().next().unwrap();
        assert_eq!(names, ["a.b._CONF".into(), "conf".into()] as [Text; 2]);
    }
}
