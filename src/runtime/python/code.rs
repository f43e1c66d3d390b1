//! Code objects: a function's names, and which line an instruction is on.
//!
//! Each is decoded once, however many frames run it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::lines::Lines;
use super::objects::Objects;
use crate::addr::Addr;
use crate::target::memory::MemoryExt as _;
use crate::text::Text;

/// The longest table of lines that is read, in bytes. It has one byte or more for each
/// instruction; the largest of the standard library has 11 KiB.
pub const MAX_LINE_TABLE: u64 = 4 << 20;

/// The most bytes of line tables that one visit reads.
const MAX_LINE_TABLES_TOTAL: u64 = 64 << 20;

/// What is known of a code object.
#[derive(Debug)]
pub struct Code {
    /// `co_filename`.
    pub file: Text,
    /// `co_name`.
    pub name: Text,
    /// `co_qualname`, where there is one.
    pub qualified_name: Option<Text>,
    /// Its lines.
    pub lines: Lines,
    /// Where its instructions begin, where they are a part of it (3.11+).
    pub start: Addr,
    /// From which of its bytes on a frame counts as running.
    pub first_traceable: u64,
}

/// The code objects that were met.
pub struct Codes<'a> {
    objects: Objects<'a>,
    known: RefCell<HashMap<Addr, Option<Rc<Code>>>>,
    tables_left: Cell<u64>,
}

impl<'a> Codes<'a> {
    /// None yet.
    pub fn new(objects: Objects<'a>) -> Codes<'a> {
        Codes { objects, known: RefCell::default(), tables_left: Cell::new(MAX_LINE_TABLES_TOTAL) }
    }

    /// Whether this is a code object, by the name of its type.
    pub fn is_code(&self, object: Addr) -> bool {
        self.objects.is_exactly(object, "code")
    }

    /// The code object at this address, if it is one.
    pub fn get(&self, object: Addr) -> Option<Rc<Code>> {
        if let Some(known) = self.known.borrow().get(&object) {
            return known.clone();
        }
        let code = self.read(object).map(Rc::new);
        self.known.borrow_mut().insert(object, code.clone());
        code
    }

    /// Where the instructions begin that a frame runs: a free-threaded interpreter makes copies
    /// of them, one for each thread (3.14+).
    pub fn copy(&self, object: Addr, index: i32) -> Option<Addr> {
        /// The most copies that a code object may have: one for each thread that ever ran it.
        const MAX_COPIES: u64 = 100_000;
        let copies = self.objects.pointer(object, self.objects.layout.code.copies?)?;
        let memory = self.objects.memory;
        // `_PyCodeArray`: how many there are, then where.
        let count = memory.u64(copies).ok()?.min(MAX_COPIES);
        let index = u64::try_from(index).ok().filter(|index| *index < count)?;
        memory.ptr(copies.checked_add(8 + 8 * index)?).ok()
    }

    fn read(&self, object: Addr) -> Option<Code> {
        let layout = &self.objects.layout.code;
        if !self.is_code(object) {
            return None;
        }
        let text = |offset| self.objects.text(self.objects.pointer(object, offset)?);
        let number = |offset| self.objects.memory.i32(object.checked_add(offset)?).ok();
        let first_line = number(layout.first_line)?;
        let first_traceable = match layout.first_traceable {
            Some(offset) => u64::try_from(number(offset)?).ok()?.checked_mul(layout.unit)?,
            None => 0,
        };
        // Without its table a frame still has its name.
        let table = self.line_table(object).unwrap_or_default();
        Some(Code {
            file: text(layout.file)?,
            name: text(layout.name)?,
            qualified_name: layout.qualified_name.and_then(text),
            lines: Lines::parse(layout.lines, &table, first_line),
            start: object.checked_add(layout.instructions.unwrap_or(0))?,
            first_traceable,
        })
    }

    fn line_table(&self, code: Addr) -> Option<Vec<u8>> {
        let table = self.objects.pointer(code, self.objects.layout.code.line_table)?;
        let table = self.objects.bytes(table, MAX_LINE_TABLE.min(self.tables_left.get()))?;
        self.tables_left.set(self.tables_left.get() - table.len() as u64);
        Some(table)
    }
}
