//! What a task waits for, in words.
//!
//! The future that it waits for is sure. What that future is for is told where asyncio's own
//! functions, which wait in its innermost frames, or the class of the future tell it; no more.

use super::coroutine::{End, Followed};
use super::future::{Futures, RawTask, State};
use crate::addr::Addr;
use crate::report::Awaited;
use crate::runtime::python::frames::Walker;
use crate::runtime::python::variable::Variables;
use crate::target::memory::MemoryExt as _;

/// The most tasks of a gathering that are named.
const MAX_NAMED: usize = 20;

/// The most children of a gathering that are counted.
const MAX_CHILDREN: usize = 100_000;

/// Modules of asyncio whose objects a method waits for.
const WAITED_IN: [&str; 4] =
    ["asyncio/locks.py", "asyncio/queues.py", "asyncio/streams.py", "asyncio/taskgroups.py"];

/// Tells what tasks wait for.
pub struct Awaits<'a> {
    walker: &'a Walker<'a>,
    futures: &'a Futures<'a>,
    variables: Variables<'a>,
}

impl<'a> Awaits<'a> {
    /// Asks these.
    pub fn new(walker: &'a Walker<'a>, futures: &'a Futures<'a>) -> Awaits<'a> {
        Awaits { walker, futures, variables: Variables::new(walker.objects) }
    }

    /// What a task that does not run waits for.
    pub fn of(&self, task: &RawTask, chain: &Followed) -> Vec<Awaited> {
        let Some(future) = task.waiter else { return self.without_future(chain) };
        let what = self.by_function(chain).unwrap_or_else(|| self.future(future));
        // The loop has not come to it yet.
        let what = match self.futures.state(future) {
            Some(State::Pending) | None => what,
            Some(state) => format!("{what} ({})", state.name()),
        };
        vec![Awaited { what: what.into(), address: Some(future) }]
    }

    /// A task without a future is among those that the loop will run next.
    fn without_future(&self, chain: &Followed) -> Vec<Awaited> {
        let what = match chain.end {
            End::Object(object) if self.futures.kind(object).is_none() => {
                self.futures.type_name(object).map(|name| (name, Some(object)))
            }
            _ => None,
        };
        let (what, address) = what.unwrap_or_else(|| ("its turn to run".into(), None));
        vec![Awaited { what, address }]
    }

    /// A future, as far as it tells itself what it is for.
    fn future(&self, future: Addr) -> String {
        let objects = &self.walker.objects;
        if let Some(name) = self.task(future) {
            return name;
        }
        let children = objects.attribute(future, "_children");
        if let Some(children) =
            children.and_then(|list| objects.list_items(list, MAX_CHILDREN as u64))
        {
            return format!("asyncio.gather of {}", self.several(&children));
        }
        if let Some(inner) = self.shielded(future) {
            return format!("asyncio.shield of {}", self.one(inner));
        }
        self.one(future)
    }

    /// The future in an `asyncio.shield` whose outer future this is: the first thing that happens
    /// to that is that it gets a callback which has the inner one in its closure.
    fn shielded(&self, future: Addr) -> Option<Addr> {
        let objects = &self.walker.objects;
        let pointers = &objects.layout.pointers;
        if !self.futures.kind(future)?.in_c {
            return None;
        }
        let callback = objects.pointer(future, self.futures.layout?.callback)?;
        if !objects.is_exactly(callback, "function")
            || !objects.is_str(
                objects.pointer(callback, pointers.function_name)?,
                "shield.<locals>._outer_done_callback",
            )
        {
            return None;
        }
        let closure = objects.pointer(callback, pointers.function_closure)?;
        let cells = objects.tuple_items(closure, 8)?.into_iter();
        let mut inside = cells.filter_map(|cell| objects.pointer(cell, pointers.cell));
        inside.find(|object| self.futures.kind(*object).is_some())
    }

    /// What the innermost function waits for, if it is one of asyncio's that tell.
    fn by_function(&self, chain: &Followed) -> Option<String> {
        let objects = &self.walker.objects;
        let raw = chain.innermost?;
        let frame = chain.frames.first()?;
        let file = frame.file.raw();
        if file.ends_with("asyncio/tasks.py") {
            return match frame.function.raw() {
                "sleep" => {
                    let delay = self.number(self.variables.get(&raw, "delay")?)?;
                    Some(format!("asyncio.sleep({delay})"))
                }
                "wait_for" => {
                    let inner = self.variables.get(&raw, "fut")?;
                    self.futures.kind(inner)?;
                    Some(format!("asyncio.wait_for of {}", self.one(inner)))
                }
                "_wait" => {
                    let set = objects.set_items(self.variables.get(&raw, "fs")?, MAX_CHILDREN)?;
                    Some(format!("asyncio.wait of {}", self.several(&set)))
                }
                _ => None,
            };
        }
        if !WAITED_IN.iter().any(|module| file.ends_with(module)) {
            return None;
        }
        let object = self.variables.get(&raw, "self")?;
        Some(format!("{} at {object}", self.futures.type_name(object)?.raw()))
    }

    /// An `int` or `float`, as Python writes it.
    fn number(&self, object: Addr) -> Option<String> {
        let objects = &self.walker.objects;
        if objects.is_exactly(object, "float") {
            let bits = objects.memory.u64(object.checked_add(objects.layout.float)?).ok()?;
            return Some(format!("{:?}", f64::from_bits(bits)));
        }
        Some(objects.small_int(object)?.to_string())
    }

    /// A future: its name, if it is a task, else its type.
    fn one(&self, future: Addr) -> String {
        let name = self.task(future);
        let name = name.or_else(|| Some(self.futures.type_name(future)?.raw().to_owned()));
        name.unwrap_or_else(|| "what could not be read".to_owned())
    }

    /// A task by its name: `Task-2`, or what the program called it.
    fn task(&self, task: Addr) -> Option<String> {
        let name = self.futures.task(task)?.name;
        let plain = name.raw().starts_with("Task-");
        Some(if plain { name.raw().to_owned() } else { format!("task {}", name.raw()) })
    }

    /// How many, and which.
    fn several(&self, futures: &[Addr]) -> String {
        let mut names: Vec<String> =
            futures.iter().take(MAX_NAMED).map(|future| self.one(*future)).collect();
        names.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
        if futures.len() > MAX_NAMED {
            names.push("…".to_owned());
        }
        format!("{}: {}", futures.len(), names.join(", "))
    }
}
