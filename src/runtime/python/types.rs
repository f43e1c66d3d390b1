//! The names of types, as the report shows them.

use super::layout::flags;
use super::objects::Objects;
use crate::addr::Addr;
use crate::target::memory::MemoryExt as _;
use crate::text::Text;

impl Objects<'_> {
    /// The name of an object's type, with its module: `_asyncio.Task`, `nova.compute.Job`; of the
    /// built-in types without.
    pub fn type_name(&self, object: Addr) -> Option<Text> {
        self.name_of_type(self.pointer(object, self.layout.object.kind)?)
    }

    /// The name of a type, with its module.
    pub fn name_of_type(&self, kind: Addr) -> Option<Text> {
        let layout = &self.layout.object;
        if !self.has_flag(kind, flags::TYPE)? {
            return None;
        }
        let name = self.memory.c_string(self.pointer(kind, layout.type_name)?).ok()?;
        let flags = self.memory.u64(kind.checked_add(layout.type_flags)?).ok()?;
        // Classes of Python bear the bare name there.
        if flags & flags::HEAP_TYPE == 0 || name.raw().contains('.') {
            return Some(name);
        }
        let qualified = self.text(self.pointer(kind, layout.qualified_name)?)?;
        let dict = self.pointer(kind, layout.type_dict);
        let module = dict.and_then(|dict| self.text(self.lookup(dict, "__module__")?));
        Some(match module {
            Some(module) if module.raw() != "builtins" => {
                format!("{}.{}", module.raw(), qualified.raw()).into()
            }
            _ => qualified,
        })
    }
}
