//! Where the package greenlet keeps what guru reads: a table of its builds.
//!
//! The numbers are those of the debug information of the wheels (`ptype /o` of gdb). A version of
//! greenlet or of Python does not settle them, and neither can be told from outside: which line
//! holds is found by holding each against every greenlet (`settle.rs`).

/// A layout. Numbers are bytes from the begin of the structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GreenletLayout {
    /// What it is called in a report and in evidence.
    pub name: &'static str,
    /// The minor version of Python 3 that it was read for: it settles what greenlets can not.
    pub python: u8,
    /// Where the fields are.
    pub body: Body,
    /// `stack_start`: null where it is not alive.
    pub start: u64,
    /// `stack_stop`: the outer end of its part of the stack; null before it runs, -1 for the main
    /// greenlet of a thread.
    pub stop: u64,
    /// `top_frame`: the frame in which it was left, a `PyFrameObject`; null while it runs.
    pub top_frame: u64,
    /// `parent`, of any but a main greenlet.
    pub parent: u64,
}

/// Where a greenlet keeps its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// In the object itself (to 1.x).
    Object,
    /// In what it points to (`greenlet::Greenlet`, 2.0 and later).
    Apart {
        /// `pimpl` of the object.
        pointer: u64,
        /// `_self`: back to the object.
        this: u64,
        /// `_main_greenlet`, of any but a main greenlet: null before it runs.
        main: u64,
    },
}

/// How large the object is at most where the fields are not in it (56 in a free-threaded build),
/// and less than it is where they are (152).
pub const MAX_HANDLE: u64 = 100;

const fn apart(
    name: &'static str,
    python: u8,
    pointer: u64,
    [this, start, stop, top_frame, main, parent]: [u64; 6],
) -> GreenletLayout {
    let body = Body::Apart { pointer, this, main };
    GreenletLayout { name, python, body, start, stop, top_frame, parent }
}

/// All that are known.
pub const LAYOUTS: &[GreenletLayout] = &[
    GreenletLayout {
        name: "greenlet 0.4 to 1.1",
        python: 9,
        body: Body::Object,
        start: 16,
        stop: 24,
        top_frame: 72,
        parent: 56,
    },
    apart("greenlet 2.0.2 for 3.9", 9, 32, [128, 64, 72, 112, 136, 152]),
    apart("greenlet 2.0.2 for 3.10", 10, 32, [144, 64, 72, 112, 152, 168]),
    apart("greenlet 2.0.2 for 3.11", 11, 32, [160, 48, 56, 96, 168, 184]),
    apart("greenlet 3.1.0 for 3.13", 13, 32, [152, 48, 56, 96, 160, 176]),
    apart("greenlet 3.1.1 for 3.8", 8, 32, [8, 72, 80, 120, 136, 152]),
    apart("greenlet 3.5.6 for 3.10", 10, 32, [8, 72, 80, 120, 152, 168]),
    apart("greenlet 3.2.4 for 3.11", 11, 32, [8, 56, 64, 104, 168, 184]),
    apart("greenlet 3.1.1 for 3.13", 13, 32, [8, 56, 64, 104, 160, 176]),
    apart("greenlet 3.3.2 for 3.14", 14, 32, [8, 56, 64, 104, 176, 192]),
    apart("greenlet 3.5.6 for 3.14", 14, 32, [8, 56, 64, 104, 184, 200]),
    apart("greenlet 3.5.6 for 3.14, free-threaded", 14, 48, [8, 56, 64, 104, 216, 232]),
];

/// The layout of this name.
pub fn by_name(name: &str) -> Option<&'static GreenletLayout> {
    LAYOUTS.iter().find(|layout| layout.name == name)
}
