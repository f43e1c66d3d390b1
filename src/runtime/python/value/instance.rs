//! Instances of classes: their attributes, wherever they are kept.

use super::secret::Hint;
use super::types::{Kind, Type};
use super::{Values, quote};
use crate::addr::Addr;
use crate::runtime::python::layout::flags;
use crate::text::Text;
use crate::value::{Item, Mark, Value};

impl Values<'_> {
    /// The attributes that an instance itself has: `__dict__`, `__slots__`, and the arguments of an
    /// exception. Sorted as they are kept.
    fn own_attributes(&self, object: Addr, kind: &Type) -> (Vec<(Text, Addr)>, bool) {
        let mut found: Vec<(Text, Addr)> = Vec::new();
        if kind.flags & flags::EXCEPTION != 0 {
            let args = self.objects.pointer(object, self.objects.layout.object.header + ARGS);
            found.extend(args.map(|args| (Text::from("args"), args)));
        }
        for (name, offset) in &kind.slots {
            found.extend(self.objects.pointer(object, *offset).map(|value| (name.clone(), value)));
        }
        let mut items = self.objects.attributes(object).into_iter().flatten();
        let room = self.limits.items.saturating_sub(found.len());
        let named = |(key, value)| Some((self.objects.text(key)?, value));
        found.extend(items.by_ref().take(room).filter_map(named));
        (found, items.next().is_some())
    }

    pub(super) fn instance(
        &self,
        object: Addr,
        kind: &Type,
        value: &mut Value,
        around: &mut Vec<Addr>,
    ) -> Option<()> {
        let (attributes, more) = self.own_attributes(object, kind);
        if attributes.is_empty() {
            value.shown = Some(format!("<{} at {object}>", kind.name.raw()).into());
            return Some(());
        }
        if more {
            value.mark = Some(Mark::Cut);
        }
        let secret = attributes.iter().any(|(name, value)| self.is_secret_mark(name, *value));
        for (name, attribute) in attributes {
            let hint = match name.raw() {
                "default" if secret => Hint::Secret,
                name => Hint::Name(name),
            };
            let attribute = self.value(attribute, hint, around);
            let quoted = quote::string(name.raw().chars().map(u32::from));
            let shown = Some(Text::from(quoted));
            let key = Value { type_name: "str".into(), shown, ..Value::default() };
            value.items.push(Item { key: Some(key), value: attribute });
        }
        Some(())
    }

    /// Whether an object has an attribute `secret` that is true, as an option of oslo.config does
    /// whose value must not be shown.
    pub(super) fn calls_itself_secret(&self, object: Addr) -> bool {
        let mark = self.objects.attribute(object, SECRET);
        mark.is_some_and(|mark| self.is_secret_mark(&SECRET.into(), mark))
    }

    fn is_secret_mark(&self, name: &Text, value: Addr) -> bool {
        name.raw() == SECRET
            && self.types.of(value).is_some_and(|kind| kind.kind == Kind::Bool)
            && self.objects.small_int(value) == Some(1)
    }
}

/// The attribute by which an option of oslo.config tells that its value must not be shown.
const SECRET: &str = "secret";

/// `args` of a `PyBaseExceptionObject`, behind the header and `dict`
/// (`Include/cpython/pyerrors.h`, the same in all versions).
const ARGS: u64 = 8;
