//! What a program gave to be called, in words: the generators of registered sections, the handlers
//! of signals.

use super::layout::flags;
use super::objects::Objects;
use super::value::types::{Kind, Types};
use crate::addr::Addr;
use crate::target::memory::MemoryExt as _;
use crate::text::Text;

/// How deep a callable may be wrapped.
const MAX_WRAPS: usize = 8;

/// `m_ml` of a `PyCFunctionObject`, from the end of the header (`Include/cpython/methodobject.h`, the
/// same in all versions): a pointer to a `PyMethodDef`, which begins with a pointer to the name.
const BUILTIN_DEFINITION: u64 = 0;

/// `m_module`, behind it and `m_self`: the name of the module, if it is a function of one.
const BUILTIN_MODULE: u64 = 16;

/// `tp_call` of a type is 13 pointers behind `tp_name` (`Include/cpython/object.h`, the same in all
/// versions).
const CALL: u64 = 13 * 8;

/// A callable.
#[derive(Debug, Default)]
pub struct Callable {
    /// What it is, from outside inwards, with modules: `functools.partial of mini.extra_section`.
    pub words: String,
    /// The code object of the function that is called in the end, if it is one of Python's.
    pub code: Option<Addr>,
}

/// Reads callables.
pub struct Callables<'a> {
    objects: Objects<'a>,
    types: Types<'a>,
}

impl<'a> Callables<'a> {
    /// Those in this memory.
    pub fn new(objects: Objects<'a>) -> Callables<'a> {
        Callables { objects, types: Types::new(objects) }
    }

    /// Whether an object can be called: its type has a function for that.
    pub fn is_callable(&self, object: Addr) -> bool {
        let layout = &self.objects.layout.object;
        let call = || {
            let kind = self.objects.pointer(object, layout.kind)?;
            // Only what is a type has that field.
            let is_type = self.objects.has_flag(kind, flags::TYPE)?;
            let call = self.objects.pointer(kind, layout.type_name.checked_add(CALL)?);
            is_type.then_some(call)?
        };
        call().is_some()
    }

    /// What an object is that is called.
    pub fn read(&self, object: Addr) -> Callable {
        let mut object = object;
        let (mut words, mut code) = (Vec::new(), None);
        for _ in 0..MAX_WRAPS {
            let Some(kind) = self.types.of(object) else {
                words.push("something that can not be read".to_owned());
                break;
            };
            let (layout, name) = (self.objects.layout, kind.name.raw());
            let inner = match kind.kind {
                Kind::Function => {
                    words.push(self.function(object).unwrap_or_else(|| "a function".to_owned()));
                    code = self.objects.pointer(object, layout.pointers.function_code);
                    break;
                }
                Kind::Builtin => {
                    let builtin = builtin_with_module(&self.objects, object);
                    words.push(builtin.unwrap_or_else(|| "a built-in function".to_owned()));
                    break;
                }
                Kind::Type => {
                    let class = self.types.get(object).map(|class| class.name.clone());
                    words.push(class.as_ref().map_or("a class", Text::raw).to_owned());
                    break;
                }
                Kind::Method => {
                    words.push("the method".to_owned());
                    self.objects.pointer(object, layout.pointers.method_function)
                }
                // Behind its header lies what it calls (`Modules/_functoolsmodule.c`).
                _ if name == "functools.partial" => {
                    words.push("functools.partial of".to_owned());
                    self.objects.pointer(object, layout.object.header)
                }
                _ => {
                    words.push(format!("an object of class {name}"));
                    break;
                }
            };
            match inner {
                Some(inner) => object = inner,
                None => break,
            }
        }
        Callable { words: words.join(" "), code }
    }

    /// A function, with its module.
    fn function(&self, function: Addr) -> Option<String> {
        let offset = self.objects.layout.pointers.function_name;
        let name = self.objects.text(self.objects.pointer(function, offset)?)?;
        Some(match module_of(&self.objects, function) {
            Some(module) => format!("{}.{}", module.raw(), name.raw()),
            None => name.raw().to_owned(),
        })
    }
}

/// The name of the module that a function was defined in, by its globals.
pub fn module_of(objects: &Objects<'_>, function: Addr) -> Option<Text> {
    // `func_globals` lies before `func_builtins`, `func_name` and `func_qualname`; to 3.9 nine
    // fields are between it and the last of these.
    let before = if objects.layout.version.minor() <= 9 { 10 * 8 } else { 3 * 8 };
    let offset = objects.layout.pointers.function_name.checked_sub(before)?;
    let globals = objects.pointer(function, offset)?;
    objects.text(objects.lookup(globals, "__name__")?)
}

/// The name of a `builtin_function_or_method`.
pub fn builtin_name(objects: &Objects<'_>, object: Addr) -> Option<Text> {
    let definition = objects.pointer(object, objects.layout.object.header + BUILTIN_DEFINITION)?;
    objects.memory.c_string(objects.pointer(definition, 0)?).ok()
}

/// The same with its module: `_signal.default_int_handler`.
fn builtin_with_module(objects: &Objects<'_>, object: Addr) -> Option<String> {
    let name = builtin_name(objects, object)?;
    let module = objects.pointer(object, objects.layout.object.header + BUILTIN_MODULE);
    Some(match module.and_then(|module| objects.text(module)) {
        Some(module) => format!("{}.{}", module.raw(), name.raw()),
        None => name.raw().to_owned(),
    })
}
