//! Which objects there are: what the search found, and what the attributes of modules are.

use std::collections::BTreeSet;

use super::MAX_REGISTRIES;
use super::holder::Holders;
use super::walk::Walk;
use crate::addr::Addr;
use crate::runtime::Roster;
use crate::runtime::python::greenlet::{GC_HEAD, is_tracked};
use crate::runtime::python::imported::Imported;
use crate::runtime::python::layout::flags;
use crate::runtime::python::objects::Objects;
use crate::runtime::python::subclasses::with_subclasses;
use crate::target::memory::MemoryExt as _;
use crate::target::search::{HeldObject, Search};

/// The module that defines the class.
pub const MODULE: &str = "oslo_config.cfg";

/// The class.
const CLASS: &str = "ConfigOpts";

/// `_PyGC_PREV_MASK_COLLECTING`, a bit of what the collector of garbage keeps before an object: it
/// is at work there, and what it keeps beside is a number.
const COLLECTING: u64 = 2;

/// The part of `ob_refcnt` that counts: of a word, 48 bits (16 are flags since 3.14). Pointers are
/// larger than any count.
const COUNT: u64 = (1 << 48) - 1;
const MAX_COUNT: u64 = 1 << 32;

/// The class and what is derived from it; none where oslo.config is not loaded.
pub fn types(objects: &Objects<'_>, imported: &Imported) -> BTreeSet<Addr> {
    let classes = imported.classes(objects, MODULE, CLASS).into_iter();
    classes.flat_map(|class| with_subclasses(objects, class)).collect()
}

/// Takes out of the findings of a search what are words of these types, and keeps the objects
/// among them, each with what holds it.
pub fn sift(
    search: &mut Search,
    imported: &Imported,
    interpreters: &[Addr],
    roster: &Roster,
    objects: Objects<'_>,
) {
    let types = types(&objects, imported);
    if types.is_empty() {
        return;
    }
    let places = std::mem::take(&mut search.places);
    let is_type = |addr| objects.memory.ptr(addr).is_ok_and(|word| types.contains(&word));
    let (ours, others) = places.into_iter().partition(|place| is_type(place.addr));
    search.places = others;
    let begin = |addr: Addr| addr.0.checked_sub(objects.layout.object.kind).map(Addr);
    let found = Vec::into_iter(ours).filter_map(|place| begin(place.addr));
    let found: BTreeSet<Addr> =
        found.filter(|object| is_registry(&objects, &types, *object)).collect();
    let is_whole = search.bytes > 0 && search.cut.is_none();
    let is_another = |object| !is_whole && is_registry(&objects, &types, object);
    let mut holders = Holders::of(found);
    holders.look_at_modules(&objects, interpreters, &is_another);
    if holders.is_one_left() {
        let mut walk = Walk::new(objects, &mut holders);
        walk.go_from_locals(roster);
        walk.go_from_modules(interpreters);
    }
    let named = holders.into_named().map(|(addr, held_by)| HeldObject { addr, held_by });
    search.registries = named.take(MAX_REGISTRIES).collect();
}

/// Whether an object of one of these types is at this address, and alive. Memory that was freed
/// keeps for a while what it held, and a class is a word of other things, too: in the tuple of its
/// own bases (`__mro__`) it stands behind a number, as in an object.
fn is_registry(objects: &Objects<'_>, types: &BTreeSet<Addr>, object: Addr) -> bool {
    let is = || {
        let kind = objects.pointer(object, objects.layout.object.kind)?;
        let is_one = types.contains(&kind) && is_alive(objects, object);
        is_one.then(|| has_options(objects, object))?
    };
    is().unwrap_or(false)
}

/// Whether what lies here is an object of a class written in Python, as far as the collector of garbage
/// knows, and alive.
pub(in crate::runtime::python) fn is_alive(objects: &Objects<'_>, object: Addr) -> bool {
    object.0.is_multiple_of(16)
        && (objects.layout.free_threaded
            || is_tracked(objects, object)
            || is_being_collected(objects, object) == Some(true))
}

/// Whether the collector of garbage looks at the object at this moment: its list leads nowhere then.
/// What stands there instead can be a part of a tuple, too, but for the count of references.
fn is_being_collected(objects: &Objects<'_>, object: Addr) -> Option<bool> {
    let head = Addr(object.0.checked_sub(GC_HEAD)?);
    let next = Addr(objects.memory.u64(head).ok()? & !3);
    let prev = objects.memory.u64(head.checked_add(8)?).ok()?;
    let count = objects.memory.u64(object).ok()? & COUNT;
    let is_at_work = prev & COLLECTING != 0 && objects.memory.ptr(next).is_ok();
    Some(is_at_work && (1..MAX_COUNT).contains(&count))
}

/// Whether an object has what one that was made has.
pub(super) fn has_options(objects: &Objects<'_>, object: Addr) -> Option<bool> {
    let is_dict = |name| objects.has_flag(objects.attribute(object, name)?, flags::DICT);
    Some(is_dict("_opts")? && is_dict("_groups")?)
}
