//! The names of the types of greenlets.

use crate::addr::Addr;
use crate::runtime::python::layout::flags;
use crate::runtime::python::objects::Objects;
use crate::target::memory::MemoryExt as _;
use crate::text::Text;

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
