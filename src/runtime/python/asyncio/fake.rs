//! Hand-made coroutines, futures and tasks of CPython 3.11.

use super::TaskLayout;
use crate::addr::Addr;
use crate::runtime::python::fake::{Fake, V3_11, frame_layout};
use crate::runtime::python::layout::{GeneratorFrame, StackEnd};

/// States of a generator in 3.11.
pub const CREATED: i8 = -2;
pub const SUSPENDED: i8 = -1;
pub const EXECUTING: i8 = 0;
pub const CLEARED: i8 = 4;

/// Arguments of `RESUME`: after a `yield`, and after an `await`.
pub const YIELD: u8 = 1;
pub const AWAIT: u8 = 3;

/// How its tasks are laid out.
pub fn task_layout() -> TaskLayout {
    TaskLayout::table(11, 16).unwrap()
}

/// Where the attributes of objects with attributes are kept here.
const DICT: u64 = 16;

impl Fake {
    /// An object of a type with this name that has these attributes, `size` bytes long.
    pub fn instance(&mut self, type_name: &'static str, items: &[(&str, Addr)]) -> Addr {
        let dict = self.dict(items);
        let kind = self.kind(type_name);
        self.poke(kind.wrapping_add(V3_11.object.dict_offset), DICT);
        let mut draft = self.object(24, type_name);
        draft.put_u64(DICT, dict.0);
        self.finish(draft)
    }

    /// A `coroutine`, `generator` or `async_generator` that runs the function of this name, at its
    /// second line; what it awaits is on its stack of values.
    pub fn generator(
        &mut self,
        kind: &'static str,
        name: &str,
        state: i8,
        resume: u8,
        awaited: Addr,
    ) -> Addr {
        let code = self.code(name, "/usr/lib/python3.11/asyncio/x.py", 1);
        let at = code.wrapping_add(V3_11.code.instructions.unwrap() + 2);
        self.poke(at, u64::from_le_bytes([0, 0, 151, resume, 0, 0, 0, 0]));
        let GeneratorFrame::Inside { frame, state: state_at } = V3_11.generator.frame else {
            unreachable!()
        };
        let layout = frame_layout();
        let StackEnd::FromVariables(count_at) = layout.stack_end else { unreachable!() };
        let count = if state == SUSPENDED { 1i32 } else { -1 };
        let mut draft = self.object(160, kind);
        draft.put(state_at, &[state.cast_unsigned()]);
        draft.put_u64(frame + layout.code, code.0);
        draft.put_u64(frame + layout.instruction, at.0);
        draft.put(frame + layout.owner, &[layout.owned_by_generator]);
        draft.put(frame + count_at, &count.to_le_bytes());
        draft.put_u64(frame + layout.variables, awaited.0);
        self.finish(draft)
    }

    /// A coroutine that is suspended because it awaits this.
    pub fn awaiting(&mut self, name: &str, awaited: Addr) -> Addr {
        self.generator("coroutine", name, SUSPENDED, AWAIT, awaited)
    }

    /// An object that has only a pointer to another.
    pub fn wrapper(&mut self, type_name: &'static str, inner: Addr) -> Addr {
        let mut draft = self.object(24, type_name);
        draft.put_u64(V3_11.object.header, inner.0);
        self.finish(draft)
    }

    /// A task of C, or a future (which has no coroutine, waiter or name).
    pub fn task(
        &mut self,
        type_name: &'static str,
        event_loop: Addr,
        state: u32,
        [coroutine, waiter, name]: [Addr; 3],
    ) -> Addr {
        let layout = task_layout();
        let mut draft = self.object(176, type_name);
        draft.put_u64(layout.event_loop, event_loop.0).put(layout.state, &state.to_le_bytes());
        draft.put_u64(layout.coroutine, coroutine.0).put_u64(layout.waiter, waiter.0);
        draft.put_u64(layout.name, name.0);
        self.finish(draft)
    }

    /// A `set` of these.
    pub fn set(&mut self, elements: &[Addr]) -> Addr {
        let mut table = vec![0; 16 * elements.len().next_power_of_two()];
        for (entry, element) in table.chunks_exact_mut(16).zip(elements) {
            entry[..8].copy_from_slice(&element.0.to_le_bytes());
        }
        let mask = table.len() as u64 / 16 - 1;
        let table = self.place(table);
        let mut draft = self.object(64, "set");
        draft.put_u64(V3_11.set.mask, mask).put_u64(V3_11.set.table, table.0);
        self.finish(draft)
    }
}
