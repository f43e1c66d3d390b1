//! Where CPython keeps what guru reads: the layouts of its structures, as data.
//!
//! Nothing here reads memory. A layout is a claim about a version; [`super::check`] holds it
//! against the process before anything is read by it.

/// The offsets of the fields that guru reads, in bytes, for one version of CPython on a 64-bit
/// machine. `Include/` is the folder of CPython's headers.
#[derive(Debug)]
pub struct Layout {
    /// What the report calls it.
    pub name: &'static str,
    /// `_PyRuntimeState` (`Include/internal/pycore_runtime.h`).
    pub runtime: RuntimeState,
    /// `PyInterpreterState` (`Include/internal/pycore_interp.h`).
    pub interpreter: InterpreterState,
    /// `PyThreadState` (`Include/cpython/pystate.h`).
    pub thread: ThreadState,
    /// `_PyInterpreterFrame` (`Include/internal/pycore_frame.h`).
    pub frame: Frame,
    /// `PyCodeObject` (`Include/cpython/code.h`).
    pub code: Code,
    /// `PyObject`, `PyVarObject` and `PyTypeObject` (`Include/object.h`,
    /// `Include/cpython/object.h`).
    pub object: Object,
    /// `PyASCIIObject` and what extends it (`Include/cpython/unicodeobject.h`).
    pub string: Str,
    /// `ob_sval` of `PyBytesObject` (`Include/cpython/bytesobject.h`).
    pub bytes_data: u64,
}

/// `_PyRuntimeState`.
#[derive(Debug)]
pub struct RuntimeState {
    /// `initialized`: an `int`, 1 from the end of `Py_Initialize` to the begin of `Py_Finalize`.
    pub initialized: u64,
    /// `_finalizing`: the thread that ends the runtime, or null.
    pub finalizing: u64,
    /// `interpreters.head`.
    pub interpreters: u64,
}

/// `PyInterpreterState`.
#[derive(Debug)]
pub struct InterpreterState {
    /// `next`.
    pub next: u64,
    /// `threads.next_unique_id`: rises with every thread that is added.
    pub next_thread_id: u64,
    /// `threads.head`.
    pub threads: u64,
    /// `runtime`: back to the one `_PyRuntime`.
    pub runtime: u64,
}

/// `PyThreadState`.
#[derive(Debug)]
pub struct ThreadState {
    /// `next`.
    pub next: u64,
    /// `interp`.
    pub interpreter: u64,
    /// `cframe`: the innermost activation of the evaluation function.
    pub cframe: u64,
    /// `current_frame` of the `_PyCFrame` that `cframe` points to.
    pub cframe_current_frame: u64,
    /// `thread_id`: `pthread_self()`.
    pub ident: u64,
    /// `native_thread_id`: `gettid()`, as the process itself sees it.
    pub native_id: u64,
}

/// `_PyInterpreterFrame`.
#[derive(Debug)]
pub struct Frame {
    /// `f_code`.
    pub code: u64,
    /// `previous`.
    pub previous: u64,
    /// `prev_instr`.
    pub instruction: u64,
    /// `is_entry`, a `bool`.
    pub is_entry: u64,
    /// `owner`, a `char`.
    pub owner: u64,
    /// `FRAME_OWNED_BY_GENERATOR`.
    pub owned_by_generator: u8,
    /// The largest value of `enum _frameowner`.
    pub last_owner: u8,
}

/// `PyCodeObject`.
#[derive(Debug)]
pub struct Code {
    /// `co_filename`.
    pub file: u64,
    /// `co_name`.
    pub name: u64,
    /// `co_firstlineno`, an `int`.
    pub first_line: u64,
    /// `co_linetable`.
    pub line_table: u64,
    /// `_co_firsttraceable`: an `int` that counts code units.
    pub first_traceable: u64,
    /// `co_code_adaptive`: the instructions themselves.
    pub instructions: u64,
    /// The size of a code unit, in bytes.
    pub unit: u64,
}

/// `PyObject`, `PyVarObject`, `PyTypeObject`.
#[derive(Debug)]
pub struct Object {
    /// `ob_type`.
    pub kind: u64,
    /// `ob_size`.
    pub size: u64,
    /// `tp_name` of a type.
    pub type_name: u64,
    /// `tp_flags` of a type.
    pub type_flags: u64,
    /// `Py_TPFLAGS_BYTES_SUBCLASS` in it.
    pub flag_bytes: u64,
    /// `Py_TPFLAGS_UNICODE_SUBCLASS` in it.
    pub flag_str: u64,
}

/// `PyASCIIObject` and what extends it.
#[derive(Debug)]
pub struct Str {
    /// `length`, in code points.
    pub length: u64,
    /// `state`: 32 bits of flags.
    pub state: u64,
    /// The lowest bit of `state.kind` (3 bits wide: bytes for each code point).
    pub kind_shift: u32,
    /// `state.compact`: the text follows the header.
    pub compact: u32,
    /// `state.ascii`: the header is the short one.
    pub ascii: u32,
    /// `sizeof(PyASCIIObject)`: where the text of a compact ASCII string begins.
    pub ascii_data: u64,
    /// `sizeof(PyCompactUnicodeObject)`: where the text of any other compact string begins.
    pub compact_data: u64,
    /// `data`: where the pointer to the text of a string that is not compact lies.
    pub data: u64,
}

/// CPython 3.11.
///
/// The numbers are `offsetof` and `sizeof` of the headers of 3.11.2 (Debian) and 3.11.7
/// (upstream); both give the same, and the layout has not changed since the first release
/// candidate.
pub const V3_11: Layout = Layout {
    name: "table 3.11",
    runtime: RuntimeState { initialized: 16, finalizing: 24, interpreters: 40 },
    interpreter: InterpreterState { next: 0, next_thread_id: 8, threads: 16, runtime: 40 },
    thread: ThreadState {
        next: 8,
        interpreter: 16,
        cframe: 56,
        cframe_current_frame: 8,
        ident: 152,
        native_id: 160,
    },
    frame: Frame {
        code: 32,
        previous: 48,
        instruction: 56,
        is_entry: 68,
        owner: 69,
        owned_by_generator: 1,
        last_owner: 2,
    },
    code: Code {
        file: 112,
        name: 120,
        first_line: 72,
        line_table: 136,
        first_traceable: 168,
        instructions: 184,
        unit: 2,
    },
    object: Object {
        kind: 8,
        size: 16,
        type_name: 24,
        type_flags: 168,
        flag_bytes: 1 << 27,
        flag_str: 1 << 28,
    },
    string: Str {
        length: 16,
        state: 32,
        kind_shift: 2,
        compact: 1 << 5,
        ascii: 1 << 6,
        ascii_data: 48,
        compact_data: 72,
        data: 72,
    },
    bytes_data: 32,
};

/// The layout of a version (`PY_VERSION_HEX`), if guru knows it.
///
/// Alpha and beta releases are not known: structures still changed between them.
pub fn of(version: super::Version) -> Option<&'static Layout> {
    match (version.major(), version.minor()) {
        (3, 11) if version.is_settled() => Some(&V3_11),
        _ => None,
    }
}
