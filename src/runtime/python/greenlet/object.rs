//! One greenlet: reading its fields, and whether what lies there is one.

use std::collections::BTreeSet;

use super::layout::{Body, GreenletLayout};
use crate::addr::Addr;
use crate::runtime::python::objects::Objects;
use crate::target::memory::{Fault, MemoryExt as _};

/// `sizeof(PyGC_Head)`, which lies before the object.
pub const GC_HEAD: u64 = 16;

/// The fields of a greenlet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greenlet {
    /// The object.
    pub object: Addr,
    /// Its type.
    pub kind: Addr,
    /// The inner end of its part of the stack, when it was left.
    pub start: Addr,
    /// The outer end.
    pub stop: Addr,
    /// The frame in which it was left.
    pub top_frame: Addr,
    /// The greenlet that gets control when this one ends; null for a main one.
    pub parent: Addr,
    /// The main greenlet of its thread, if it says so.
    pub main: Addr,
}

/// What a greenlet does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It never ran.
    Unstarted,
    /// It ended.
    Dead,
    /// Its thread runs it, or blocks in it.
    Running,
    /// It was left, to be gone on with.
    Suspended,
}

impl Greenlet {
    /// Whether it stands for the thread itself.
    pub fn is_main(&self) -> bool {
        self.stop == Addr(u64::MAX)
    }

    /// A number that changes when it runs, unless it comes to stand where it stood.
    pub fn fingerprint(&self) -> u64 {
        self.top_frame.0.rotate_left(32) ^ self.start.0
    }

    /// What it does.
    pub fn state(&self) -> State {
        if self.stop.is_null() {
            State::Unstarted
        } else if self.start.is_null() {
            State::Dead
        } else if self.top_frame.is_null() {
            State::Running
        } else {
            State::Suspended
        }
    }
}

/// Reads greenlets of these types, by one layout.
pub struct Reader<'a> {
    /// The objects of the process.
    pub objects: Objects<'a>,
    /// The types of greenlets.
    pub types: &'a BTreeSet<Addr>,
    /// The layout.
    pub layout: &'static GreenletLayout,
}

impl Reader<'_> {
    /// The greenlet at this address, if it has the type of one and its two parts, where it has
    /// two, belong together; `None` if there is none.
    pub fn read(&self, object: Addr) -> Result<Option<Greenlet>, Fault> {
        let word = |at: Addr, offset| self.objects.memory.ptr(at.wrapping_add(offset));
        let kind = word(object, self.objects.layout.object.kind)?;
        if !self.types.contains(&kind) {
            return Ok(None);
        }
        let (body, main) = match self.layout.body {
            Body::Object => (object, None),
            Body::Apart { pointer, this, main } => {
                let body = word(object, pointer)?;
                if word(body, this)? != object {
                    return Ok(None);
                }
                (body, Some(main))
            }
        };
        let mut greenlet = Greenlet {
            object,
            kind,
            start: word(body, self.layout.start)?,
            stop: word(body, self.layout.stop)?,
            top_frame: word(body, self.layout.top_frame)?,
            parent: Addr(0),
            main: Addr(0),
        };
        if !greenlet.is_main() {
            greenlet.parent = word(body, self.layout.parent)?;
            greenlet.main = main.map_or(Ok(Addr(0)), |main| word(body, main))?;
        }
        let believed = self.layout.body != Body::Object || is_tracked(&self.objects, object);
        Ok(believed.then_some(greenlet))
    }

    /// Whether its pointers lead to what they should.
    pub fn makes_sense(&self, greenlet: &Greenlet) -> bool {
        let objects = &self.objects;
        let is_greenlet = |object: Addr| {
            objects
                .pointer(object, objects.layout.object.kind)
                .is_some_and(|kind| self.types.contains(&kind))
        };
        let is_main =
            |object| self.read(object).is_ok_and(|main| main.is_some_and(|main| main.is_main()));
        (greenlet.top_frame.is_null() || objects.is_exactly(greenlet.top_frame, "frame"))
            && (greenlet.parent.is_null() || is_greenlet(greenlet.parent))
            && (greenlet.main.is_null() || is_main(greenlet.main))
    }
}

/// Whether the collector of garbage knows the object, as it does all greenlets that live: its
/// neighbour in the list says so, too.
pub fn is_tracked(objects: &Objects<'_>, object: Addr) -> bool {
    let tracked = || {
        let head = Addr(object.0.checked_sub(GC_HEAD)?);
        let next = objects.pointer(head, 0)?;
        let back = objects.pointer(next, 8)?;
        Some(back.0 & !3 == head.0)
    };
    tracked().unwrap_or(false)
}
