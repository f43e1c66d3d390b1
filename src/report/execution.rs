//! Flows of control in a report: threads and green threads.

use serde::{Deserialize, Serialize};

use crate::addr::Addr;
use crate::note::Note;
use crate::stack::Stack;
use crate::text::Text;

/// What kind of flow of control it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionKind {
    /// A thread of the kernel's making.
    #[default]
    Thread,
    /// A greenlet: plain, of eventlet or of gevent.
    Greenlet,
    /// A task of asyncio's.
    Task,
}

/// What a greenlet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The one that stands for the thread itself.
    Main,
    /// The one that waits for events and switches to those that they are for.
    Hub,
    /// Any other.
    Worker,
}

/// What a thread has to do with the global interpreter lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GilUse {
    /// It holds it.
    Holds,
    /// It waits for it.
    Waits,
}

/// What a green thread waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// In words: `Task-2`, `a timer, 3.2 s left`, `fd 5 readable`.
    pub what: Text,
    /// The object, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Addr>,
}

/// A flow of control.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// What kind.
    pub kind: ExecutionKind,
    /// The object that stands for it, if it is a green thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Addr>,
    /// The kernel's id of the thread: of a green thread the one that it runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tid: Option<i32>,
    /// What `pthread_self` returns in it: the number that a GMR prints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ident: Option<u64>,
    /// Its name: of a thread that of the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// The name that a thread has in the language's runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_name: Option<Text>,
    /// The type of the object that stands for it: `eventlet.greenthread.GreenThread`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_name: Option<Text>,
    /// What a greenlet is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What a thread has to do with the global interpreter lock, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gil: Option<GilUse>,
    /// Whether the garbage collector runs in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub collecting: bool,
    /// How a thread was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// What it was doing before it was held: `running`, `sleeping`, `disk sleep`, `stopped` …; a
    /// greenlet: `running`, `suspended`, `unstarted`, `dead`; a task: `pending`, `done` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What it waits in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<Wait>,
    /// What a green thread waits for, as far as that can be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaits: Vec<Awaited>,
    /// Its stack.
    pub stack: Stack,
    /// The native stack, where it could not be merged with the language's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_stack: Option<Stack>,
    /// What is odd about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// How a thread was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// It was stopped.
    Stopped,
    /// It was not stopped: it slept, and did so until all had been read.
    Asleep,
    /// It was not stopped, and ran or may have run meanwhile: what is shown of it may be a mixture.
    Moved,
}

/// What a thread waits in, as the kernel told it before the stop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The system call, by name: `futex`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// Its first argument, resolved: `fd 5: socket 127.0.0.1:80 (listening)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argument: Option<Text>,
    /// The futex, where it waits for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub futex: Option<Addr>,
    /// The thread that holds what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<i32>,
    /// The kernel function it sleeps in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wchan: Option<String>,
}
