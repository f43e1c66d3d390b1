//! Futures and tasks of asyncio, one at a time: of the C implementation, of the one in Python, and
//! of classes derived from either.
//!
//! A task that contradicts its layout is `None`.

use std::cell::RefCell;
use std::collections::HashMap;

use super::layout::TaskLayout;
use crate::addr::Addr;
use crate::runtime::python::objects::Objects;
use crate::runtime::python::value::types::Types;
use crate::target::memory::MemoryExt as _;
use crate::text::Text;

/// The longest line of base classes that is followed.
const MAX_BASES: usize = 64;

/// How a future is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Whether it is of the C implementation.
    pub in_c: bool,
    /// Whether it is a task.
    pub task: bool,
}

/// How far a future is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has no result yet.
    Pending,
    /// It was cancelled.
    Cancelled,
    /// It has a result, or an exception.
    Done,
}

impl State {
    /// What `fut_state` says.
    fn from_number(state: u32) -> Option<State> {
        match state {
            0 => Some(State::Pending),
            1 => Some(State::Cancelled),
            2 => Some(State::Done),
            _ => None,
        }
    }

    /// In the words of the report.
    pub fn name(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Cancelled => "cancelled",
            State::Done => "done",
        }
    }
}

/// A task as it lies in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawTask {
    /// Where.
    pub address: Addr,
    /// Its name.
    pub name: Text,
    /// How far it is.
    pub state: State,
    /// Its event loop.
    pub event_loop: Addr,
    /// Its coroutine, if it still has it.
    pub coroutine: Option<Addr>,
    /// The future that it waits for.
    pub waiter: Option<Addr>,
}

/// The fields of a task as they are, null or `None` where there is nothing.
struct Fields {
    state: State,
    coroutine: Addr,
    waiter: Addr,
    name: Addr,
    event_loop: Addr,
}

/// Reads futures.
pub struct Futures<'a> {
    /// The objects of the process.
    pub objects: Objects<'a>,
    /// How those of C are laid out, if that is known.
    pub layout: Option<TaskLayout>,
    types: Types<'a>,
    /// The types that were met: their names, and what their instances are.
    known: RefCell<HashMap<Addr, Option<Class>>>,
}

/// What is known of a type.
#[derive(Clone)]
struct Class {
    name: Text,
    kind: Option<Kind>,
}

impl<'a> Futures<'a> {
    /// A reader that knows no types yet.
    pub fn new(objects: Objects<'a>, layout: Option<TaskLayout>) -> Futures<'a> {
        Futures { objects, layout, types: Types::new(objects), known: RefCell::default() }
    }

    /// What kind of a future this is, if it is one.
    pub fn kind(&self, object: Addr) -> Option<Kind> {
        self.class(object)?.kind
    }

    /// The name of an object's type, with its module; `None` for what is no object.
    pub fn type_name(&self, object: Addr) -> Option<Text> {
        Some(self.class(object)?.name)
    }

    fn class(&self, object: Addr) -> Option<Class> {
        let addr = self.objects.pointer(object, self.objects.layout.object.kind)?;
        if let Some(known) = self.known.borrow().get(&addr) {
            return known.clone();
        }
        let name = self.types.name_of(addr);
        let class = name.map(|name| Class { name, kind: self.kind_of(addr) });
        self.known.borrow_mut().insert(addr, class.clone());
        class
    }

    /// What instances of a type are: its own name or that of one of its bases tells.
    fn kind_of(&self, mut of: Addr) -> Option<Kind> {
        for _ in 0..MAX_BASES {
            match self.types.name_of(of)?.raw() {
                "_asyncio.Task" => return Some(Kind { in_c: true, task: true }),
                "_asyncio.Future" => return Some(Kind { in_c: true, task: false }),
                "asyncio.tasks.Task" => return Some(Kind { in_c: false, task: true }),
                "asyncio.futures.Future" => return Some(Kind { in_c: false, task: false }),
                _ => of = self.objects.pointer(of, self.objects.layout.object.base)?,
            }
        }
        None
    }

    /// How far a future is.
    pub fn state(&self, future: Addr) -> Option<State> {
        if self.kind(future)?.in_c {
            let state = future.checked_add(self.layout?.state)?;
            return State::from_number(self.objects.memory.u32(state).ok()?);
        }
        // It is an attribute of the class until it changes.
        self.objects.attributes(future)?;
        let Some(state) = self.objects.attribute(future, "_state") else {
            return Some(State::Pending);
        };
        match self.objects.text(state)?.raw() {
            "PENDING" => Some(State::Pending),
            "CANCELLED" => Some(State::Cancelled),
            "FINISHED" => Some(State::Done),
            _ => None,
        }
    }

    /// A task with its fields, if this is one and its fields are what they must be.
    pub fn task(&self, address: Addr) -> Option<RawTask> {
        let kind = self.kind(address).filter(|kind| kind.task)?;
        let fields = if kind.in_c { self.of_c(address)? } else { self.of_python(address)? };
        let given = |object: &Addr| !object.is_null() && !self.is_none(*object);
        let coroutine = Some(fields.coroutine).filter(given);
        let waiter = Some(fields.waiter).filter(given);
        if coroutine.is_none() && fields.state == State::Pending || fields.event_loop.is_null() {
            return None;
        }
        // What they are does not matter, but they must be objects.
        for object in coroutine.iter().chain(&waiter) {
            self.class(*object)?;
        }
        Some(RawTask {
            address,
            name: self.name(fields.name)?,
            state: fields.state,
            event_loop: fields.event_loop,
            coroutine,
            waiter,
        })
    }

    /// The fields of a task of C, read at once.
    fn of_c(&self, task: Addr) -> Option<Fields> {
        let layout = self.layout?;
        // The name is the last of them.
        let len = usize::try_from(layout.name.checked_add(8)?).ok()?;
        let bytes = self.objects.memory.bytes(task, len).ok()?;
        let word = |offset| {
            let from = bytes.get(usize::try_from(offset).ok()?..)?;
            Some(Addr(u64::from_le_bytes(*from.first_chunk()?)))
        };
        Some(Fields {
            state: State::from_number(word(layout.state)?.0 as u32)?,
            coroutine: word(layout.coroutine)?,
            waiter: word(layout.waiter)?,
            name: word(layout.name)?,
            event_loop: word(layout.event_loop)?,
        })
    }

    /// The fields of a task of Python.
    fn of_python(&self, task: Addr) -> Option<Fields> {
        let attribute = |name| self.objects.attribute(task, name).unwrap_or_default();
        Some(Fields {
            state: self.state(task)?,
            coroutine: attribute("_coro"),
            waiter: attribute("_fut_waiter"),
            name: attribute("_name"),
            event_loop: attribute("_loop"),
        })
    }

    /// The name of a task. It is a number until somebody asks for it (3.12+), and may be any
    /// object where it was given.
    fn name(&self, name: Addr) -> Option<Text> {
        match self.objects.small_int(name) {
            Some(number) => Some(format!("Task-{number}").into()),
            None => self.objects.text(name),
        }
    }

    /// Whether this is `None`.
    pub fn is_none(&self, object: Addr) -> bool {
        self.type_name(object).is_some_and(|name| name.raw() == "NoneType")
    }
}
