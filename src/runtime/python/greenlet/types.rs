//! The types of greenlets: the package's own, and all that are derived from it.

use std::collections::BTreeSet;

use crate::addr::Addr;
use crate::runtime::python::layout::flags;
use crate::runtime::python::objects::Objects;
use crate::target::memory::MemoryExt as _;
use crate::text::Text;

/// The most types that are followed.
const MAX_TYPES: usize = 1000;

/// The most subclasses of one type that are looked at.
const MAX_SUBCLASSES: usize = 1000;

/// A type and all that are derived from it, as far as they can be read.
pub fn with_subclasses(objects: &Objects<'_>, root: Addr) -> BTreeSet<Addr> {
    let layout = objects.layout;
    let mut known = BTreeSet::from([root]);
    let mut queue = vec![root];
    while let Some(kind) = queue.pop() {
        let subclasses = objects.pointer(kind, layout.object.subclasses);
        let Some(items) = subclasses.and_then(|dict| objects.dict_items(dict)) else { continue };
        for (_, reference) in items.take(MAX_SUBCLASSES) {
            let derived = objects.pointer(reference, layout.pointers.weak_reference);
            if let Some(derived) = derived
                && known.len() < MAX_TYPES
                && known.insert(derived)
            {
                queue.push(derived);
            }
        }
    }
    known
}

/// The name of a type, with its module: `eventlet.greenthread.GreenThread`.
pub fn name(objects: &Objects<'_>, kind: Addr) -> Option<Text> {
    let layout = &objects.layout.object;
    let flags = objects.memory.u64(kind.checked_add(layout.type_flags)?).ok()?;
    if flags & flags::HEAP_TYPE == 0 {
        return objects.memory.c_string(objects.pointer(kind, layout.type_name)?).ok();
    }
    let name = objects.text(objects.pointer(kind, layout.qualified_name)?)?;
    let attributes = objects.pointer(kind, layout.type_dict)?;
    let module = objects.lookup(attributes, "__module__").and_then(|module| objects.text(module));
    Some(match module {
        Some(module) => format!("{}.{}", module.raw(), name.raw()).into(),
        None => name,
    })
}
