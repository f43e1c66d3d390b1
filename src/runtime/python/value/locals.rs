//! The arguments and local variables of a frame.
//!
//! A function keeps them in the frame, in the order of the names in its code; one that an inner
//! function uses, too, is in a cell. The body of a class or module has them in a `dict`.

use super::Values;
use super::secret::Hint;
use super::types::Kind;
use crate::addr::Addr;
use crate::runtime::python::frames::untagged;
use crate::runtime::python::layout::{Frame, VariableNames};
use crate::target::memory::MemoryExt as _;
use crate::text::Text;
use crate::value::{Local, Value};

/// The most variables of one frame that are looked at.
const MAX_VARIABLES: u64 = 1000;

/// `CO_OPTIMIZED`, a flag of a code object: its variables are in the frame.
const OPTIMIZED: u32 = 1;

/// `CO_FAST_CELL` and `CO_FAST_FREE`, kinds of a variable (3.11+): it is in a cell.
const IN_CELL: u8 = 0x40 | 0x80;

/// A variable of a frame: its name, and whether it is in a cell.
struct Variable {
    name: Text,
    in_cell: bool,
}

impl Values<'_> {
    /// The variables of a frame that have a value; as many as may be read.
    pub fn locals(&self, frame: Addr, code: Addr) -> Vec<Local> {
        let flags = code.checked_add(self.objects.layout.code.flags);
        let flags = flags.and_then(|at| self.objects.memory.u32(at).ok());
        let locals = match flags {
            Some(flags) if flags & OPTIMIZED != 0 => self.in_frame(frame, code),
            Some(_) => self.in_dict(frame),
            None => None,
        };
        locals.unwrap_or_default()
    }

    /// The objects that the variables of a function's frame are; those that have none, and numbers
    /// that are no objects, are left out.
    pub fn objects_of(&self, frame: Addr, code: Addr) -> Vec<(Text, Addr)> {
        let references = self.references(frame, code).unwrap_or_default().into_iter();
        let object = |(variable, reference): (Variable, u64)| {
            let object = match self.number(reference) {
                Some(_) => None,
                None => self.referenced(&variable, reference),
            };
            Some((variable.name, object?))
        };
        references.filter_map(object).collect()
    }

    fn in_frame(&self, frame: Addr, code: Addr) -> Option<Vec<Local>> {
        let mut locals = Vec::new();
        for (variable, reference) in self.references(frame, code)? {
            if self.is_used_up() {
                break;
            }
            let value = self.variable(&variable, reference);
            locals.extend(value.map(|value| Local { name: variable.name, value }));
        }
        Some(locals)
    }

    /// The variables of a function's frame, and what stands there for each.
    fn references(&self, frame: Addr, code: Addr) -> Option<Vec<(Variable, u64)>> {
        let first = match &self.objects.layout.frame {
            Frame::Object(layout) => frame.checked_add(layout.variables)?,
            Frame::Internal(layout) => frame.checked_add(layout.variables)?,
        };
        let variables = self.variables(code)?;
        let values = self.objects.memory.bytes(first, variables.len() * 8).ok()?;
        let values = values.as_chunks().0.iter().map(|value| u64::from_le_bytes(*value));
        Some(variables.into_iter().zip(values).collect())
    }

    /// The value of a variable; `None` while it has none.
    fn variable(&self, variable: &Variable, reference: u64) -> Option<Value> {
        if let Some(number) = self.number(reference) {
            let shown = Some(number.to_string().into());
            return Some(Value { type_name: "int".into(), shown, ..Value::default() });
        }
        let object = self.referenced(variable, reference)?;
        Some(self.read(object, Hint::Name(variable.name.raw())))
    }

    /// The number that a reference is, which is no address then (3.14+).
    fn number(&self, reference: u64) -> Option<i64> {
        /// The two bits that tell it.
        const NUMBER: u64 = 3;
        let is_number = reference & NUMBER == NUMBER && self.objects.layout.version.minor() >= 14;
        is_number.then(|| reference.cast_signed() >> 2)
    }

    /// The object that a variable is; `None` while it has none.
    fn referenced(&self, variable: &Variable, reference: u64) -> Option<Addr> {
        let object = untagged(Addr(reference));
        // An argument is put into its cell by the first instructions of the function.
        if variable.in_cell && self.types.of(object).is_some_and(|kind| kind.kind == Kind::Cell) {
            return self.objects.pointer(object, self.objects.layout.pointers.cell);
        }
        (!object.is_null()).then_some(object)
    }

    fn variables(&self, code: Addr) -> Option<Vec<Variable>> {
        let objects = &self.objects;
        let names = |offset| self.names(objects.pointer(code, offset)?);
        match objects.layout.code.names {
            VariableNames::Together { names: offset, kinds } => {
                let kinds = objects.bytes(objects.pointer(code, kinds)?, MAX_VARIABLES)?;
                let in_cell = kinds.into_iter().map(|kind| kind & IN_CELL != 0);
                let both = names(offset)?.into_iter().zip(in_cell);
                Some(both.map(|(name, in_cell)| Variable { name, in_cell }).collect())
            }
            VariableNames::Apart { locals, cells, free } => {
                let mut variables = Vec::new();
                for (offset, in_cell) in [(locals, false), (cells, true), (free, true)] {
                    let named = |name| Variable { name, in_cell };
                    variables.extend(names(offset)?.into_iter().map(named));
                }
                Some(variables)
            }
        }
    }

    /// The texts of a `tuple`. One that can not be read has no text, but keeps its place.
    fn names(&self, tuple: Addr) -> Option<Vec<Text>> {
        let kind = self.types.of(tuple).filter(|kind| kind.kind == Kind::Tuple)?;
        let count = self.size(tuple, &kind).filter(|count| *count <= MAX_VARIABLES)?;
        let first = tuple.checked_add(self.objects.layout.tuple)?;
        let bytes = self.objects.memory.bytes(first, usize::try_from(count).ok()? * 8).ok()?;
        let names = bytes.as_chunks().0.iter().map(|name| Addr(u64::from_le_bytes(*name)));
        Some(names.map(|name| self.objects.text(name).unwrap_or_default()).collect())
    }

    /// The variables of the body of a class or module. What it only defines or imports (functions,
    /// classes, modules) and the interpreter's own names are left out.
    fn in_dict(&self, frame: Addr) -> Option<Vec<Local>> {
        let offset = match &self.objects.layout.frame {
            Frame::Object(layout) => layout.locals,
            Frame::Internal(layout) => layout.locals,
        };
        let dict = untagged(self.objects.pointer(frame, offset)?);
        let mut locals = Vec::new();
        for (key, value) in self.objects.dict_items(dict)? {
            if self.is_used_up() || locals.len() == self.limits.items {
                break;
            }
            let Some(name) = self.objects.text(key) else { continue };
            let special = name.raw().starts_with("__") && name.raw().ends_with("__");
            let is_definition = self.types.of(value).is_some_and(|kind| {
                matches!(kind.kind, Kind::Function | Kind::Builtin | Kind::Type | Kind::Module)
            });
            if !special && !is_definition {
                let value = self.read(value, Hint::Name(name.raw()));
                locals.push(Local { name, value });
            }
        }
        Some(locals)
    }
}
