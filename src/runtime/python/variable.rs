//! One variable of a function's frame, its own or an outer function's, by its name; [`super::value`] reads all of them.

use std::cell::RefCell;
use std::collections::HashMap;

use super::frames::{RawFrame, untagged};
use super::layout::{Frame, VariableNames};
use super::objects::Objects;
use crate::addr::Addr;

/// The most variables of one function that are looked at.
const MAX_VARIABLES: u64 = 100;

/// Finds variables, and remembers where those of each function are.
pub struct Variables<'a> {
    objects: Objects<'a>,
    /// By code object and name: the number of the variable, if there is one.
    numbers: RefCell<HashMap<(Addr, &'static str), Option<u64>>>,
}

impl<'a> Variables<'a> {
    /// Knows none yet.
    pub fn new(objects: Objects<'a>) -> Variables<'a> {
        Variables { objects, numbers: RefCell::default() }
    }

    /// The object that an argument or local variable has; `None` while it has none.
    pub fn get(&self, frame: &RawFrame, name: &'static str) -> Option<Addr> {
        let objects = &self.objects;
        let key = (frame.code, name);
        let known = self.numbers.borrow().get(&key).copied();
        let number = known.unwrap_or_else(|| {
            let number = self.number(frame.code, name);
            self.numbers.borrow_mut().insert(key, number);
            number
        })?;
        let first = match &objects.layout.frame {
            Frame::Object(layout) => layout.variables,
            Frame::Internal(layout) => layout.variables,
        };
        let value = untagged(objects.pointer(frame.addr, first.checked_add(8 * number)?)?);
        // An inner function uses it, too.
        if objects.is_exactly(value, "cell") {
            return objects.pointer(value, objects.layout.pointers.cell);
        }
        (!value.is_null()).then_some(value)
    }

    fn number(&self, code: Addr, name: &str) -> Option<u64> {
        let objects = &self.objects;
        let tuple = |offset| objects.tuple_items(objects.pointer(code, offset)?, MAX_VARIABLES);
        let names = match objects.layout.code.names {
            VariableNames::Apart { locals, cells, free } => {
                [tuple(locals)?, tuple(cells)?, tuple(free)?].concat()
            }
            VariableNames::Together { names, .. } => tuple(names)?,
        };
        // An argument that an inner function uses, too, has a second place: its cell (to 3.10).
        let named = (0..).zip(names).filter(|(_, text)| objects.is_str(*text, name));
        named.last().map(|(number, _)| number)
    }
}
