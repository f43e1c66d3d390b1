//! One attribute of an object, found as Python finds it, without running any code.
//!
//! What would have to be computed (a property, another descriptor, `__getattr__`) is told to be
//! that.

use super::Values;
use super::types::{Kind, Type};
use crate::addr::Addr;
use crate::runtime::python::dict::Items;
use crate::runtime::python::layout::flags;

/// Why there is no attribute to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAttribute {
    /// There is none.
    Missing,
    /// It would have to be computed: what it is.
    Computed(String),
}

impl Values<'_> {
    /// The attribute of an object, a class or a module; in the order in which Python looks.
    pub(super) fn attribute(&self, object: Addr, name: &str) -> Result<Addr, NoAttribute> {
        let computed = |what: String| Err(NoAttribute::Computed(what));
        let found = self.objects.pointer(object, self.objects.layout.object.kind);
        let class = found.ok_or(NoAttribute::Missing)?;
        let kind = self.types.get(class).ok_or(NoAttribute::Missing)?;
        if kind.kind == Kind::Type
            && let Some(found) = self.of_class(object, name)
        {
            return Ok(found);
        }
        let of_class = self.of_class(class, name);
        let descriptor = of_class.and_then(|found| self.types.of(found));
        let descriptor_name = descriptor.as_ref().map_or("", |descriptor| descriptor.name.raw());
        match (of_class, descriptor_name) {
            (_, "property") => return computed("is a property".to_owned()),
            (Some(found), "member_descriptor") => {
                let slot = self.types.member(found);
                let value = slot.and_then(|offset| self.objects.pointer(object, offset));
                return value.ok_or(NoAttribute::Missing);
            }
            (Some(found), _) if self.defines(found, "__set__") => {
                return computed(format!("is a descriptor of class `{descriptor_name}`"));
            }
            _ => {}
        }
        let own = self.objects.attributes(object).and_then(|items| self.find(items, name));
        match own.or_else(|| self.kept_apart(object, &kind, name)).or(of_class) {
            Some(found) if Some(found) != of_class => Ok(found),
            Some(_) if descriptor_name == "getset_descriptor" => {
                computed("is computed by native code".to_owned())
            }
            Some(found) if self.defines(found, "__get__") => {
                computed(format!("is a descriptor of class `{descriptor_name}`"))
            }
            Some(found) => Ok(found),
            None if self.of_class(class, "__getattr__").is_some() => {
                computed("is no attribute of its own, but `__getattr__` may know it".to_owned())
            }
            None => Err(NoAttribute::Missing),
        }
    }

    /// The value that a `dict` has for a `str`.
    pub(super) fn item(&self, dict: Addr, key: &str) -> Option<Addr> {
        self.find(self.objects.dict_items(dict)?, key)
    }

    fn find(&self, mut items: Items<'_>, name: &str) -> Option<Addr> {
        let found = items.find(|(key, _)| match name.is_ascii() {
            true => self.objects.is_str(*key, name),
            false => self.objects.text(*key).is_some_and(|text| text.raw() == name),
        });
        found.map(|(_, value)| value)
    }

    /// What a class or the first of its bases that knows it has under this name.
    fn of_class(&self, class: Addr, name: &str) -> Option<Addr> {
        let order = self.types.order(class).into_iter();
        order.filter_map(|class| self.item(self.types.dict(class)?, name)).next()
    }

    /// Whether an object's class, made by a `class` statement, has a method of this name.
    fn defines(&self, object: Addr, method: &str) -> bool {
        let class = self.objects.pointer(object, self.objects.layout.object.kind);
        let is_python = |class: &Addr| {
            self.types.get(*class).is_some_and(|kind| kind.flags & flags::HEAP_TYPE != 0)
        };
        class.filter(is_python).is_some_and(|class| self.of_class(class, method).is_some())
    }

    /// The attributes of built-in objects that are commonly asked for: the names of functions and
    /// classes, what a method is made of.
    fn kept_apart(&self, object: Addr, kind: &Type, name: &str) -> Option<Addr> {
        let (pointers, layout) = (&self.objects.layout.pointers, self.objects.layout);
        let offset = match (kind.kind, name) {
            (_, "__class__") => layout.object.kind,
            (Kind::Function, "__qualname__") => pointers.function_name,
            (Kind::Function, "__code__") => pointers.function_code,
            // `func_name` lies before `func_qualname`; to 3.9 four fields are between them.
            (Kind::Function, "__name__") => {
                let before = if layout.version.minor() <= 9 { 5 * 8 } else { 8 };
                pointers.function_name.checked_sub(before)?
            }
            (Kind::Type, "__qualname__")
                if self.types.get(object)?.flags & flags::HEAP_TYPE != 0 =>
            {
                layout.object.qualified_name
            }
            (Kind::Method, "__self__") => pointers.method_self,
            (Kind::Method, "__func__") => pointers.method_function,
            _ => return None,
        };
        self.objects.pointer(object, offset)
    }
}
