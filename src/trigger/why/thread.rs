//! What a thread does at this moment, in words.

use super::Picture;
use crate::render::name;
use crate::render::sanitize::line;
use crate::report::{Execution, ExecutionKind, GilUse, Role, Wait};
use crate::stack::{Frame, Language};

/// What a thread does.
pub struct Doing<'a> {
    thread: &'a Execution,
    picture: &'a Picture<'a>,
    /// The innermost frame of Python, if there is one.
    pub python: Option<&'a Frame>,
    /// The native frames inwards of it, outermost first; all if there is no frame of Python.
    pub native: Vec<&'a Frame>,
}

impl<'a> Doing<'a> {
    /// What this thread does.
    pub fn of(thread: &'a Execution, picture: &'a Picture<'a>) -> Doing<'a> {
        let frames = &thread.stack.frames;
        let is_python = |frame: &Frame| frame.language == Language::Python;
        let last = frames.iter().rposition(is_python);
        let inwards = last.map_or(0, |last| last + 1);
        let native = match &thread.native_stack {
            // Not merged: where in it the frames of Python lie is not known.
            Some(native) => native.frames.iter().collect(),
            None => frames.iter().skip(inwards).collect(),
        };
        Doing { thread, picture, python: last.and_then(|last| frames.get(last)), native }
    }

    /// The function that the interpreter was left for: the first one inwards of it that belongs
    /// neither to it nor to what it calls foreign code with.
    pub fn left_for(&self) -> Option<&'a Frame> {
        if self.thread.native_stack.is_some() {
            // The innermost ones that are not the interpreter's.
            let inner = self.native.iter().rev().take_while(|frame| !self.is_machinery(frame));
            return inner.last().copied();
        }
        self.native.iter().find(|frame| !self.is_machinery(frame)).copied()
    }

    /// Whether the C library was called by the interpreter itself, or by a module of its own, and
    /// not by way of `ctypes`, cffi or an extension: such calls end for a handler as a rule (PEP 475).
    pub fn is_own_wait(&self) -> bool {
        let called = self.left_for().is_some_and(|frame| is_library(frame, "libc"));
        called && !self.native.iter().any(|frame| is_bridge(frame))
    }

    fn is_machinery(&self, frame: &Frame) -> bool {
        let Some(module) = &frame.module else { return false };
        let of_interpreter = self.picture.interpreters.contains(&module);
        of_interpreter || module.raw().contains("/lib-dynload/") || is_bridge(frame)
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.thread.state.as_deref() == Some("running")
    }

    /// The innermost function that it is in: where the interpreter was left, else the interpreter's.
    pub fn function(&self) -> Option<String> {
        self.left_for().or_else(|| self.native.last().copied()).map(native)
    }

    /// `in pthread_mutex_lock of libc.so.6, in futex(0x7f…) that thread 17 "w" holds, called from
    /// c_wait at hang.py:12`
    pub fn words(&self) -> String {
        let function = self.function().map(|function| format!("in {function}"));
        let waits = self.thread.waits.as_ref().filter(|_| !self.is_running());
        let waits = waits.and_then(|waits| self.waits(waits));
        let unread = self.native.is_empty() && waits.is_none();
        let python = self.python.map(|frame| match unread {
            true => format!("in {}", place(frame)),
            false => format!("called from {}", place(frame)),
        });
        let words: Vec<String> = function.into_iter().chain(waits).chain(python).collect();
        if words.is_empty() { "in what could not be read".to_owned() } else { words.join(", ") }
    }

    /// The same with who it is and whether it waits or runs: `the main thread waits in …`.
    pub fn sentence(&self) -> String {
        let does = if self.is_running() { "runs" } else { "waits" };
        format!("{} {does} {}{}", self.who(), self.words(), self.green())
    }

    /// `the main thread`, or `thread 17 "worker"`.
    pub fn who(&self) -> String {
        match self.thread.tid {
            Some(tid) if tid == self.picture.pid => "the main thread".to_owned(),
            Some(tid) => named(self.thread, tid),
            None => "a thread".to_owned(),
        }
    }

    /// The green thread that runs in it, if one does: ` for the green thread …`.
    pub fn green(&self) -> String {
        let runs = |green: &&Execution| {
            green.kind == ExecutionKind::Greenlet
                && green.tid == self.thread.tid
                && green.state.as_deref() == Some("running")
                && green.role == Some(Role::Worker)
        };
        let Some(green) = self.picture.green.iter().find(runs) else { return String::new() };
        let name = match (&green.name, green.address) {
            (Some(name), _) => format!(" {}", name::quoted(name.raw())),
            (None, Some(address)) => format!(" {address}"),
            (None, None) => String::new(),
        };
        format!("; it runs the green thread{name}")
    }

    /// What it has to do with the lock of the interpreter.
    pub fn lock(&self) -> Option<&'static str> {
        match self.thread.gil {
            Some(GilUse::Holds) => Some("it holds the GIL, so that no other thread runs Python"),
            Some(GilUse::Waits) => Some("it waits for the GIL"),
            None if self.picture.knows_gil => Some("it has released the GIL"),
            None => None,
        }
    }

    fn waits(&self, waits: &Wait) -> Option<String> {
        let call = name::name(waits.call.as_deref()?);
        let argument = waits.argument.as_ref().map(|argument| line(argument.raw()));
        let argument = argument.or_else(|| waits.futex.map(|futex| futex.to_string()));
        let mut words = format!("in {call}({})", argument.unwrap_or_default());
        if let Some(owner) = waits.owner {
            let holder = match self.picture.thread(owner) {
                Some(_) if Some(owner) == self.thread.tid => "it itself".to_owned(),
                Some(holder) => named(holder, owner),
                None => format!("thread {owner}"),
            };
            words.push_str(&format!(" for what {holder} holds"));
        }
        Some(words)
    }
}

/// `thread 17 "worker"`: by the name that the language has for it, else by that of the kernel.
pub fn named(thread: &Execution, tid: i32) -> String {
    let name = thread.runtime_name.as_ref().or(thread.name.as_ref());
    let name = name.map_or(String::new(), |name| format!(" {}", name::quoted(name.raw())));
    format!("thread {tid}{name}")
}

/// A frame of Python: `c_wait at /srv/hang.py:12`.
pub fn place(frame: &Frame) -> String {
    let name = frame.qualified_name.as_ref().or(frame.function.as_ref());
    let name = name.map_or("??".into(), |name| name::function(name.raw(), frame.language));
    let file = frame.file.as_ref().map_or("??".into(), |file| name::name(file.raw()));
    let number = frame.line.map_or(String::new(), |number| format!(":{number}"));
    format!("{name} at {file}{number}")
}

/// A native frame: `pthread_mutex_lock of libc.so.6`.
fn native(frame: &Frame) -> String {
    let module = frame.module.as_ref().map(|module| name::name(file_name(module.raw())));
    let function = frame.function.as_ref().map(|name| name::function(name.raw(), frame.language));
    match (function, module, frame.module_address) {
        (Some(function), Some(module), _) => format!("{function} of {module}"),
        (Some(function), None, _) => function,
        (None, Some(module), Some(address)) => {
            format!("a function without a name of {module}+{address}")
        }
        (None, Some(module), None) => format!("a function without a name of {module}"),
        (None, None, _) => "machine code of which no file is known".to_owned(),
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a frame belongs to a library of this name: `libc.so.6`, `libc-2.31.so`.
fn is_library(frame: &Frame, name: &str) -> bool {
    let module = frame.module.as_ref().map(|module| file_name(module.raw()));
    let rest = module.and_then(|module| module.strip_prefix(name));
    rest.is_some_and(|rest| rest.starts_with(['.', '-']))
}

/// Whether a frame is part of how Python calls any function of any library: `ctypes`, with libffi,
/// and cffi.
fn is_bridge(frame: &Frame) -> bool {
    let module = frame.module.as_ref().map_or("", |module| file_name(module.raw()));
    let function = frame.function.as_ref().map_or("", |function| function.raw());
    ["_ctypes.", "libffi.", "libffi-", "_cffi_backend."].iter().any(|name| module.starts_with(name))
        || ["_ctypes_callproc", "ffi_call"].iter().any(|name| function.starts_with(name))
}
