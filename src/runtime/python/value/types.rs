//! Types of objects: their names, what they are made of, and where their slots are.
//!
//! Each is read once, however many objects have it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::addr::Addr;
use crate::runtime::python::layout::flags;
use crate::runtime::python::objects::Objects;
use crate::target::memory::MemoryExt as _;
use crate::text::Text;

/// How far a chain of base classes is followed.
const MAX_BASES: usize = 64;

/// The most classes of an order of resolution (`__mro__`) that are looked at.
const MAX_MRO: u64 = 256;

/// The most slots of one class that are known.
const MAX_SLOTS: usize = 200;

/// What an object is made of, as far as guru reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    None,
    Bool,
    Int,
    Float,
    Complex,
    Str,
    Bytes,
    ByteArray,
    List,
    Tuple,
    Set,
    Dict,
    Function,
    Builtin,
    Method,
    Type,
    Module,
    Cell,
    /// A generator, coroutine or asynchronous generator.
    Generator,
    WeakReference,
    /// A member of an `enum.Enum`.
    Enum,
    /// Any other: it has attributes or none.
    Instance,
}

/// What is known of a type.
#[derive(Debug)]
pub struct Type {
    /// Its name with its module: `int`, `oslo_config.cfg.ConfigOpts`.
    pub name: Text,
    /// What its instances are made of.
    pub kind: Kind,
    /// `tp_flags`.
    pub flags: u64,
    /// The slots of its instances (`__slots__`): names, and where the pointers are.
    pub slots: Vec<(Text, u64)>,
}

/// The types that were met.
pub struct Types<'a> {
    objects: Objects<'a>,
    known: RefCell<HashMap<Addr, Option<Rc<Type>>>>,
}

impl<'a> Types<'a> {
    /// None yet.
    pub fn new(objects: Objects<'a>) -> Types<'a> {
        Types { objects, known: RefCell::default() }
    }

    /// The type of an object; `None` if it is no object.
    pub fn of(&self, object: Addr) -> Option<Rc<Type>> {
        if !object.0.is_multiple_of(8) {
            return None;
        }
        self.get(self.objects.pointer(object, self.objects.layout.object.kind)?)
    }

    /// The type at this address, if it is one.
    pub fn get(&self, addr: Addr) -> Option<Rc<Type>> {
        if let Some(known) = self.known.borrow().get(&addr) {
            return known.clone();
        }
        let found = self.read(addr).map(Rc::new);
        self.known.borrow_mut().insert(addr, found.clone());
        found
    }

    /// Only the name of a type: less is read for it.
    pub fn name_of(&self, addr: Addr) -> Option<Text> {
        let (objects, layout) = (&self.objects, &self.objects.layout.object);
        if !objects.has_flag(addr, flags::TYPE)? {
            return None;
        }
        let flags = objects.memory.u64(addr.checked_add(layout.type_flags)?).ok()?;
        self.name(addr, flags)
    }

    /// The classes in which an attribute of an instance is looked for, in their order, the type
    /// itself first.
    pub fn order(&self, kind: Addr) -> Vec<Addr> {
        let layout = self.objects.layout;
        let read = || {
            let mro = self.objects.pointer(kind, layout.object.mro)?;
            if !self.objects.has_flag(mro, flags::TUPLE)? {
                return None;
            }
            let count = self.objects.memory.u64(mro.checked_add(layout.object.size)?).ok()?;
            let first = mro.checked_add(layout.tuple)?;
            let entry = |nth| self.objects.pointer(first, 8 * nth);
            Some((0..count.min(MAX_MRO)).map_while(entry).collect())
        };
        read().unwrap_or_else(|| vec![kind])
    }

    /// What a class itself defines; `None` where that is kept elsewhere (built-in types, 3.12+).
    pub fn dict(&self, kind: Addr) -> Option<Addr> {
        self.objects.pointer(kind, self.objects.layout.object.type_dict)
    }

    fn read(&self, addr: Addr) -> Option<Type> {
        let (objects, layout) = (&self.objects, &self.objects.layout.object);
        if !objects.has_flag(addr, flags::TYPE)? {
            return None;
        }
        let flags = objects.memory.u64(addr.checked_add(layout.type_flags)?).ok()?;
        let name = self.name(addr, flags)?;
        let kind = self.kind(addr, flags);
        let slots = if kind == Kind::Instance { self.slots(addr) } else { Vec::new() };
        Some(Type { name, kind, flags, slots })
    }

    /// `ht_qualname` behind `__module__` for a class, else `tp_name`, which has the module in it.
    fn name(&self, addr: Addr, type_flags: u64) -> Option<Text> {
        let (objects, layout) = (&self.objects, &self.objects.layout.object);
        let qualified = || {
            if type_flags & flags::HEAP_TYPE == 0 {
                return None;
            }
            let name = objects.text(objects.pointer(addr, layout.qualified_name)?)?;
            let module = objects.lookup(self.dict(addr)?, "__module__");
            Some(match module.and_then(|module| objects.text(module)) {
                Some(module) if module.raw() != "builtins" => {
                    format!("{}.{}", module.raw(), name.raw()).into()
                }
                _ => name,
            })
        };
        qualified().or_else(|| self.plain_name(addr))
    }

    fn plain_name(&self, addr: Addr) -> Option<Text> {
        let name = self.objects.pointer(addr, self.objects.layout.object.type_name)?;
        self.objects.memory.c_string(name).ok()
    }

    fn kind(&self, addr: Addr, type_flags: u64) -> Kind {
        let is = |flag| type_flags & flag != 0;
        if is(flags::HEAP_TYPE) && self.is_enum(addr) {
            return Kind::Enum;
        }
        for (flag, kind) in [
            (flags::TYPE, Kind::Type),
            (flags::STR, Kind::Str),
            (flags::BYTES, Kind::Bytes),
            (flags::LIST, Kind::List),
            (flags::TUPLE, Kind::Tuple),
            (flags::DICT, Kind::Dict),
        ] {
            if is(flag) {
                return kind;
            }
        }
        match self.built_in_base(addr) {
            Some(name) if name.raw() == "bool" => Kind::Bool,
            _ if is(flags::INT) => Kind::Int,
            Some(name) => kind_of_built_in(name.raw()),
            None => Kind::Instance,
        }
    }

    /// Whether its class is that of enumerations (`enum.EnumMeta`; `enum.EnumType` since 3.11).
    fn is_enum(&self, addr: Addr) -> bool {
        let is_exactly = |name| self.objects.is_exactly(addr, name);
        is_exactly("EnumType") || is_exactly("EnumMeta")
    }

    /// The name of the first base that no `class` statement made.
    fn built_in_base(&self, addr: Addr) -> Option<Text> {
        let layout = &self.objects.layout.object;
        let mut base = addr;
        for _ in 0..MAX_BASES {
            let flags = self.objects.memory.u64(base.checked_add(layout.type_flags)?).ok()?;
            if flags & flags::HEAP_TYPE == 0 {
                return self.plain_name(base);
            }
            base = self.objects.pointer(base, layout.base)?;
        }
        None
    }

    /// The pointers that `__slots__` put into an instance: descriptors of members in its classes.
    fn slots(&self, addr: Addr) -> Vec<(Text, u64)> {
        let mut slots: Vec<(Text, u64)> = Vec::new();
        for class in self.order(addr).into_iter().rev() {
            let items = self.dict(class).and_then(|dict| self.objects.dict_items(dict));
            for (key, value) in items.into_iter().flatten() {
                if slots.len() == MAX_SLOTS {
                    return slots;
                }
                let Some(offset) = self.member(value) else { continue };
                slots.extend(self.objects.text(key).map(|name| (name, offset)));
            }
        }
        slots
    }

    /// Where the pointer is that a descriptor of a member stands for (`PyMemberDescrObject` of
    /// `Include/descrobject.h`, `PyMemberDef` of `Include/structmember.h`, the same in all
    /// versions).
    pub fn member(&self, descriptor: Addr) -> Option<u64> {
        /// `d_member`, behind `d_type`, `d_name` and `d_qualname`.
        const MEMBER: u64 = 3 * 8;
        /// `type` and `offset` of a `PyMemberDef`.
        const TYPE: u64 = 8;
        const OFFSET: u64 = 16;
        /// `_Py_T_OBJECT` and `Py_T_OBJECT_EX`.
        const POINTERS: [u32; 2] = [6, 16];
        let objects = &self.objects;
        if !objects.is_exactly(descriptor, "member_descriptor") {
            return None;
        }
        let member = objects.pointer(descriptor, objects.layout.object.header + MEMBER)?;
        let kind = objects.memory.u32(member.checked_add(TYPE)?).ok()?;
        let offset = objects.memory.u64(member.checked_add(OFFSET)?).ok()?;
        POINTERS.contains(&kind).then_some(offset)
    }
}

/// By `tp_name`.
fn kind_of_built_in(name: &str) -> Kind {
    match name {
        "NoneType" => Kind::None,
        "float" => Kind::Float,
        "complex" => Kind::Complex,
        "bytearray" => Kind::ByteArray,
        "set" | "frozenset" => Kind::Set,
        "function" => Kind::Function,
        "builtin_function_or_method" => Kind::Builtin,
        "method" => Kind::Method,
        "module" => Kind::Module,
        "cell" => Kind::Cell,
        "generator" | "coroutine" | "async_generator" => Kind::Generator,
        // The second since 3.12.
        "weakref" | "weakref.ReferenceType" => Kind::WeakReference,
        _ => Kind::Instance,
    }
}
