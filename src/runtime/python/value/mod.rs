//! From the address of an object to a [`Value`]: plain data, bounded, secrets masked.
//!
//! No code of the process runs: what an object would say of itself (`__repr__`) is not known, what
//! it is made of is.

mod attribute;
mod instance;
mod leaf;
mod locals;
mod oslo;
mod parts;
mod path;
mod secret;
#[cfg(test)]
mod tests;
pub(super) mod types;

use std::cell::Cell;

use self::secret::Hint;
use self::types::{Kind, Type, Types};
use super::objects::Objects;
use crate::addr::Addr;
use crate::mask::{MASK, Secrets};
use crate::repr::{number, quote};
use crate::text::Text;
use crate::value::{Mark, Value};

/// How much of a value is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many levels of parts.
    pub depth: usize,
    /// How many items of each container or attributes of each object.
    pub items: usize,
    /// How many characters or bytes of each text are shown.
    pub characters: usize,
    /// How many values one variable or object may consist of, its parts counted.
    pub each: usize,
    /// How many values all together.
    pub total: usize,
}

/// The limits of local variables.
pub const LOCALS: Limits =
    Limits { depth: 4, items: 50, characters: 200, each: 500, total: 20_000 };

/// The limits of objects that were asked for one by one.
pub const OBJECTS: Limits =
    Limits { depth: 6, items: 1000, characters: 2000, each: 20_000, total: 100_000 };

/// The most bytes of text that one visit reads for values.
const MAX_TEXT: usize = 16 << 20;

/// Reads values, until what it may read is used up.
pub struct Values<'a> {
    objects: Objects<'a>,
    types: Types<'a>,
    limits: Limits,
    secrets: Secrets,
    left: Cell<usize>,
    left_of_this: Cell<usize>,
    text_left: Cell<usize>,
}

impl<'a> Values<'a> {
    /// A reader that has read nothing yet.
    pub fn new(objects: Objects<'a>, limits: Limits) -> Values<'a> {
        Values {
            objects,
            types: Types::new(objects),
            limits,
            secrets: Secrets::default(),
            left: Cell::new(limits.total),
            left_of_this: Cell::new(0),
            text_left: Cell::new(MAX_TEXT),
        }
    }

    /// The same with this done to secrets.
    pub fn with_secrets(self, secrets: Secrets) -> Values<'a> {
        Values { secrets, ..self }
    }

    /// Whether all that may be read was read.
    pub fn is_used_up(&self) -> bool {
        self.left.get() == 0 || self.text_left.get() == 0
    }

    /// How an object without parts is shown: a number of any size, `<function NAME>`; any other
    /// by its type and address.
    pub(super) fn word_of(&self, object: Addr) -> Option<Text> {
        let kind = self.types.of(object)?;
        let shown = match kind.kind {
            Kind::List | Kind::Tuple | Kind::Set | Kind::Dict | Kind::Cell | Kind::Instance => None,
            _ => self.leaf(object, &kind, Hint::None)?.shown,
        };
        Some(shown.unwrap_or_else(|| format!("<{} at {object}>", kind.name.raw()).into()))
    }

    /// The value of a variable, or the object at the end of a path.
    fn read(&self, object: Addr, hint: Hint<'_>) -> Value {
        self.left_of_this.set(self.limits.each);
        self.value(object, hint, &mut Vec::new())
    }

    /// Counts a value that is going to be read; `None` if it may not.
    fn take(&self) -> Option<()> {
        if self.is_used_up() {
            return None;
        }
        self.left.set(self.left.get().checked_sub(1)?);
        self.left_of_this.set(self.left_of_this.get().checked_sub(1)?);
        Some(())
    }

    /// `around` are the objects that this one is a part of, the outermost first.
    fn value(&self, object: Addr, hint: Hint<'_>, around: &mut Vec<Addr>) -> Value {
        if self.take().is_none() {
            return Value { mark: Some(Mark::Cut), ..Value::default() };
        }
        let unreadable =
            || Value { address: Some(object), mark: Some(Mark::Unreadable), ..Value::default() };
        let Some(kind) = self.types.of(object) else { return unreadable() };
        let value = match kind.kind {
            Kind::List | Kind::Tuple | Kind::Set | Kind::Dict | Kind::Cell | Kind::Instance => {
                self.parts(object, &kind, hint, around)
            }
            _ => self.leaf(object, &kind, hint),
        };
        value.unwrap_or_else(|| Value { type_name: kind.name.clone(), ..unreadable() })
    }

    fn parts(
        &self,
        object: Addr,
        kind: &Type,
        hint: Hint<'_>,
        around: &mut Vec<Addr>,
    ) -> Option<Value> {
        let mut value = Value {
            type_name: kind.name.clone(),
            address: Some(object),
            size: self.size(object, kind),
            ..Value::default()
        };
        if around.contains(&object) {
            value.mark = Some(Mark::Cycle);
            return Some(value);
        }
        let is_secret = hint.hides_parts() || secret::is_secret_type(kind.name.raw());
        if is_secret && !self.secrets.are_shown() && value.size != Some(0) {
            value.shown = Some(MASK.into());
            value.size = None;
            value.mark = Some(Mark::Masked);
            return Some(value);
        }
        if around.len() == self.limits.depth {
            value.mark = (value.size != Some(0)).then_some(Mark::Cut);
            return Some(value);
        }
        around.push(object);
        let read = match kind.kind {
            Kind::Dict => self.mapping(object, &mut value, around),
            Kind::Instance => self.instance(object, kind, &mut value, around),
            Kind::Cell => self.cell(object, &mut value, around),
            _ => self.sequence(object, kind, &mut value, around),
        };
        around.pop();
        read.map(|()| value)
    }
}
