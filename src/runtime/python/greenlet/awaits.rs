//! What a suspended greenlet waits for, where the functions of eventlet or gevent that it waits in
//! tell it for sure. Of what waits in compiled code of gevent, or by a program's own means, nothing
//! is told.

use std::cell::RefCell;
use std::collections::HashMap;

use super::types;
use crate::addr::Addr;
use crate::report::Awaited;
use crate::runtime::python::frames::{Owner, RawFrame, Walker};
use crate::runtime::python::variable::Variables;
use crate::text::Text;

/// How many frames are looked at: of a hub, a `Waiter` and a queue, each behind an entry (3.12+).
const MAX_FRAMES: usize = 6;

/// What a function waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    /// Its caller does: `switch` of eventlet's hub, through which all that waits there goes.
    Hub,
    /// Its caller does, and it called [`Function::Hub`].
    Waiter,
    /// Time, or another turn.
    Sleep(&'static str),
    /// The object whose method it is.
    Method,
    /// A file: `fileno` of eventlet's `trampoline`, to `read` or to `write`.
    File,
    /// The socket whose method it is, to become this.
    Socket(&'static str),
}

/// By the end of its file's name, and its name.
const FUNCTIONS: [(&str, &[&str], Function); 12] = [
    ("/eventlet/hubs/hub.py", &["switch"], Function::Hub),
    ("/eventlet/hubs/__init__.py", &["trampoline"], Function::File),
    ("/eventlet/greenthread.py", &["sleep"], Function::Sleep("eventlet.sleep")),
    ("/eventlet/event.py", &["wait"], Function::Method),
    ("/eventlet/queue.py", &["wait"], Function::Waiter),
    ("/eventlet/queue.py", &["get", "put"], Function::Method),
    ("/eventlet/semaphore.py", &["acquire"], Function::Method),
    ("/gevent/hub.py", &["sleep"], Function::Sleep("gevent.sleep")),
    ("/gevent/_socketcommon.py", RECEIVING, Function::Socket("readable")),
    ("/gevent/_socketcommon.py", SENDING, Function::Socket("writable")),
    ("/gevent/_socket3.py", RECEIVING, Function::Socket("readable")),
    ("/gevent/_socket3.py", SENDING, Function::Socket("writable")),
];

/// Methods of gevent's sockets that only ever wait for the one or the other.
const RECEIVING: &[&str] =
    &["accept", "recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "recvmsg_into"];
const SENDING: &[&str] = &["send", "sendmsg", "sendto"];

/// Tells what greenlets wait for.
pub struct Awaits<'a> {
    walker: &'a Walker<'a>,
    variables: Variables<'a>,
    /// By code object.
    functions: RefCell<HashMap<Addr, Option<Function>>>,
    /// The names of types.
    names: RefCell<HashMap<Addr, Option<Text>>>,
}

impl<'a> Awaits<'a> {
    /// Reads with this walker.
    pub fn new(walker: &'a Walker<'a>) -> Awaits<'a> {
        Awaits {
            walker,
            variables: Variables::new(walker.objects),
            functions: RefCell::default(),
            names: RefCell::default(),
        }
    }

    /// What a greenlet waits for that was left in this frame.
    pub fn of(&self, innermost: Addr) -> Option<Awaited> {
        let mut callee = None;
        let mut next = innermost;
        for _ in 0..MAX_FRAMES {
            let frame = self.walker.raw(next).ok()??;
            next = frame.previous;
            if frame.owner == Owner::Native {
                continue;
            }
            let function = self.function(frame.code)?;
            match (function, callee) {
                (Function::Hub, None) | (Function::Waiter, Some(Function::Hub)) => {
                    callee = Some(function);
                }
                // What is compiled in gevent has no frames.
                (Function::Sleep("gevent.sleep") | Function::Socket(_), None)
                | (Function::Sleep("eventlet.sleep"), Some(Function::Hub))
                | (Function::Method | Function::File, Some(_)) => {
                    return self.awaited(function, &frame);
                }
                _ => return None,
            }
        }
        None
    }

    fn function(&self, code: Addr) -> Option<Function> {
        if let Some(known) = self.functions.borrow().get(&code) {
            return *known;
        }
        let found = self.walker.code(code).and_then(|code| {
            let is = |(file, names, _): &&(&str, &[&str], Function)| {
                code.file.raw().ends_with(file) && names.contains(&code.name.raw())
            };
            FUNCTIONS.iter().find(is).map(|(.., function)| *function)
        });
        self.functions.borrow_mut().insert(code, found);
        found
    }

    fn awaited(&self, function: Function, frame: &RawFrame) -> Option<Awaited> {
        let (what, address) = match function {
            Function::Hub | Function::Waiter => return None,
            Function::Sleep(name) => (name.to_owned(), None),
            Function::Method => {
                let object = self.variables.get(frame, "self")?;
                (self.named(object)?, Some(object))
            }
            Function::Socket(state) => {
                let socket = self.variables.get(frame, "self")?;
                (format!("{} {state}", self.named(socket)?), Some(socket))
            }
            Function::File => {
                let number = self.walker.objects.small_int(self.variables.get(frame, "fileno")?)?;
                let state = match (self.is_true(frame, "read")?, self.is_true(frame, "write")?) {
                    (true, false) => "readable",
                    (false, true) => "writable",
                    _ => return None,
                };
                let file = self.variables.get(frame, "fd")?;
                let is_object = self.walker.objects.small_int(file).is_none();
                (format!("fd {number} {state}"), is_object.then_some(file))
            }
        };
        Some(Awaited { what: what.into(), address })
    }

    /// Whether an argument that is a number or `None` is true.
    fn is_true(&self, frame: &RawFrame, name: &'static str) -> Option<bool> {
        let value = self.variables.get(frame, name)?;
        if self.walker.objects.is_exactly(value, "NoneType") {
            return Some(false);
        }
        self.walker.objects.small_int(value).map(|number| number != 0)
    }

    /// `eventlet.event.Event at 0x7f…`.
    fn named(&self, object: Addr) -> Option<String> {
        let objects = &self.walker.objects;
        let kind = objects.pointer(object, objects.layout.object.kind)?;
        let mut names = self.names.borrow_mut();
        let name = names.entry(kind).or_insert_with(|| types::name(objects, kind)).as_ref()?;
        Some(format!("{} at {object}", name.raw()))
    }
}
