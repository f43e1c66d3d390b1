//! Which objects with settings there are, and what holds them.

use std::collections::BTreeSet;

use super::MAX_OBJECTS;
use crate::addr::Addr;
use crate::runtime::python::imported::Imported;
use crate::runtime::python::layout::flags;
use crate::runtime::python::objects::Objects;
use crate::runtime::python::oslo::holder::Holders;
use crate::runtime::python::oslo::is_alive;
use crate::runtime::python::subclasses::with_subclasses;
use crate::target::memory::MemoryExt as _;
use crate::target::search::{HeldObject, Search};

/// Classes whose instances may be held by anything, each with an attribute that is a `dict` in all
/// of them. gunicorn's application is a local variable only.
const CLASSES: &[(&str, &str, &str)] = &[
    ("flask.app", "Flask", "config"),
    ("celery.app.base", "Celery", "_preconf"),
    ("gunicorn.config", "Config", "settings"),
];

/// Settings that have one place: the module and the attribute.
const PLACES: &[(&str, &str)] = &[("django.conf", "settings"), ("uwsgi", "opt")];

/// The modules in which there may be some.
pub fn modules() -> impl Iterator<Item = &'static str> {
    let of_classes = CLASSES.iter().map(|(module, ..)| *module);
    of_classes.chain(PLACES.iter().map(|(module, _)| *module))
}

/// The classes and what is derived from them, as far as they are loaded.
pub fn types(objects: &Objects<'_>, imported: &Imported) -> BTreeSet<Addr> {
    let classes = |(module, class, _): &(&str, &str, _)| imported.classes(objects, module, class);
    CLASSES.iter().flat_map(classes).flat_map(|class| with_subclasses(objects, class)).collect()
}

/// Takes out of the findings of a search what are words of these types, and keeps the objects among
/// them, each with what holds it; and those that have one place.
pub fn sift(search: &mut Search, imported: &Imported, interpreters: &[Addr], objects: Objects<'_>) {
    let types = types(&objects, imported);
    let mut found = Vec::new();
    for (module, name) in PLACES {
        let held_by = vec![format!("{module}.{name}").into()];
        let here = imported.attributes(&objects, module, name);
        found.extend(here.into_iter().map(|addr| HeldObject { addr, held_by: held_by.clone() }));
    }
    if !types.is_empty() {
        let places = std::mem::take(&mut search.places);
        let is_type = |addr| objects.memory.ptr(addr).is_ok_and(|word| types.contains(&word));
        let (ours, others) = places.into_iter().partition(|place| is_type(place.addr));
        search.places = others;
        let begin = |addr: Addr| addr.0.checked_sub(objects.layout.object.kind).map(Addr);
        let ours = Vec::into_iter(ours).filter_map(|place| begin(place.addr));
        let ours: Vec<Addr> = ours.filter(|object| is_one(&objects, &types, *object)).collect();
        if !ours.is_empty() {
            let mut holders = Holders::of(ours);
            holders.look_at_modules(&objects, interpreters, &|_| false);
            let named = holders.into_named().map(|(addr, held_by)| HeldObject { addr, held_by });
            found.extend(named);
        }
    }
    found.truncate(MAX_OBJECTS);
    search.settings = found;
}

/// Whether the object at this address is one of these types, and alive: memory that was freed keeps
/// for a while what it held. The class is a word of other things, too: in the tuple of its own bases
/// (`__mro__`) it stands behind a number, as in an object, and what lies around may look like the
/// attributes of one.
fn is_one(objects: &Objects<'_>, types: &BTreeSet<Addr>, object: Addr) -> bool {
    let is = || {
        let kind = objects.pointer(object, objects.layout.object.kind)?;
        if !types.contains(&kind) || !is_alive(objects, object) {
            return None;
        }
        let is_dict = |name| {
            let value = objects.attribute(object, name)?;
            objects.has_flag(value, flags::DICT)
        };
        Some(CLASSES.iter().any(|(_, _, name)| is_dict(name) == Some(true)))
    };
    is().unwrap_or(false)
}
