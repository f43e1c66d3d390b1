//! Where CPython keeps what guru reads: the layout of its structures, as data.
//!
//! A layout is put together from [`Offsets`] (named numbers), which come from the process itself
//! (`_Py_DebugOffsets`), from debug information, or from a table. It is a claim:
//! [`super::check`] holds it against the process before anything is read by it. What a version
//! does not have, or no source knows, is `None`, and costs the feature that needs it, no more.
//!
//! All numbers are bytes from the begin of the structure, unless said otherwise. `Include/` is
//! the folder of CPython's headers.

mod candidates;
pub mod debug_offsets;
pub mod dwarf;
mod offsets;
mod table;

pub use candidates::candidates;
pub use offsets::Offsets;

use super::Version;

/// The layout of one CPython on a 64-bit machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Where its numbers come from, for the report: `table 3.11`, `debug offsets`.
    pub name: String,
    /// The version that it is for: what no offset tells (flags, tags, states) follows from it.
    pub version: Version,
    /// Whether it is a free-threaded build: no GIL, other headers of objects.
    pub free_threaded: bool,
    /// `_PyRuntimeState` (`Include/internal/pycore_runtime.h`).
    pub runtime: RuntimeState,
    /// `PyInterpreterState` (`Include/internal/pycore_interp.h`).
    pub interpreter: InterpreterState,
    /// `PyThreadState` (`Include/cpython/pystate.h`).
    pub thread: ThreadState,
    /// `PyFrameObject` to 3.10, `_PyInterpreterFrame` since.
    pub frame: Frame,
    /// `f_frame` of a `PyFrameObject`: its `_PyInterpreterFrame` (3.11+).
    pub frame_of_object: Option<u64>,
    /// `PyCodeObject` (`Include/cpython/code.h`).
    pub code: Code,
    /// `PyObject`, `PyVarObject` and `PyTypeObject` (`Include/object.h`,
    /// `Include/cpython/object.h`).
    pub object: Object,
    /// `PyASCIIObject` and what extends it (`Include/cpython/unicodeobject.h`).
    pub string: Str,
    /// `ob_sval` of `PyBytesObject` (`Include/cpython/bytesobject.h`).
    pub bytes_data: u64,
    /// `PyLongObject`.
    pub int: Int,
    /// `ob_fval` of `PyFloatObject`.
    pub float: u64,
    /// `ob_item` of `PyListObject`: a pointer to the items.
    pub list: u64,
    /// `ob_item` of `PyTupleObject`: the items themselves.
    pub tuple: u64,
    /// `PySetObject`.
    pub set: Set,
    /// `PyDictObject` with its keys and values.
    pub dict: Dict,
    /// Where instances keep their attributes.
    pub instance: Instance,
    /// Small objects of which one pointer is read.
    pub pointers: Pointers,
    /// `PyGenObject`, which coroutines and asynchronous generators share.
    pub generator: Generator,
    /// The global interpreter lock.
    pub gil: Option<Gil>,
    /// The collector of garbage.
    pub gc: Option<Gc>,
}

/// `_PyRuntimeState`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeState {
    /// `initialized`: an `int`, 1 from the end of `Py_Initialize` to the begin of `Py_Finalize`.
    pub initialized: Option<u64>,
    /// `_finalizing`: the thread that ends the runtime, or null.
    pub finalizing: Option<u64>,
    /// `interpreters.head`.
    pub interpreters: u64,
}

/// `PyInterpreterState`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterpreterState {
    /// `next`.
    pub next: u64,
    /// `id`.
    pub id: u64,
    /// `threads.next_unique_id` (`tstate_next_unique_id` to 3.10): rises with every thread that is
    /// added.
    pub next_thread_id: Option<u64>,
    /// `threads.head` (`tstate_head` to 3.10).
    pub threads: u64,
    /// `runtime`: back to the one `_PyRuntime` (3.11+; elsewhere not at hand).
    pub runtime: Option<u64>,
    /// `modules`: the `dict` that is `sys.modules`.
    pub modules: u64,
    /// `sysdict`: the `dict` of the module `sys`.
    pub sys: u64,
}

/// `PyThreadState`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadState {
    /// `next`.
    pub next: u64,
    /// `interp`.
    pub interpreter: u64,
    /// How to get to the innermost frame.
    pub frame: InnermostFrame,
    /// `thread_id`: `pthread_self()`.
    pub ident: u64,
    /// `native_thread_id`: `gettid()`, as the process itself sees it (3.11+).
    pub native_id: Option<u64>,
}

/// Where a thread keeps its innermost frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InnermostFrame {
    /// A pointer in the thread (`frame` to 3.10, `current_frame` from 3.13).
    Direct(u64),
    /// `current_frame` of the `_PyCFrame` that `cframe` points to (3.11, 3.12).
    Indirect {
        /// `cframe`: the innermost activation of the evaluation function.
        cframe: u64,
        /// `current_frame` in it.
        current: u64,
    },
}

/// A frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// `PyFrameObject` (to 3.10): each frame is an object of its own.
    Object(FrameObject),
    /// `_PyInterpreterFrame` (3.11+): frames lie on a stack of the interpreter's.
    Internal(InternalFrame),
}

/// `PyFrameObject`, to 3.10 (`Include/cpython/frameobject.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameObject {
    /// `f_back`.
    pub previous: u64,
    /// `f_code`.
    pub code: u64,
    /// `f_lasti`, an `int`, in [`Code::unit`]s; -1 before the first instruction.
    pub instruction: u64,
    /// `f_locals`: a mapping, where the code has one (modules, classes).
    pub locals: u64,
    /// `f_localsplus`: the values of the local variables, of cells and of free variables.
    pub variables: u64,
    /// `f_valuestack`: where the stack of values begins.
    pub stack: u64,
    /// How to know where it ends.
    pub stack_end: StackEnd,
}

/// `_PyInterpreterFrame` (`Include/internal/pycore_frame.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InternalFrame {
    /// `f_code` (`f_executable` from 3.13, with tag bits from 3.14).
    pub code: u64,
    /// `previous`.
    pub previous: u64,
    /// `prev_instr` (`instr_ptr` from 3.13).
    pub instruction: u64,
    /// `is_entry`, a `bool` (3.11): native code called it.
    pub is_entry: Option<u64>,
    /// `owner`, a `char`.
    pub owner: u64,
    /// `FRAME_OWNED_BY_GENERATOR`.
    pub owned_by_generator: u8,
    /// The owner of the frames, with no code of a function, that stand for native code which
    /// entered the evaluation function (`FRAME_OWNED_BY_CSTACK`; `FRAME_OWNED_BY_INTERPRETER`
    /// from 3.14). From it on all are such.
    pub first_native_owner: Option<u8>,
    /// The largest value of `enum _frameowner`.
    pub last_owner: u8,
    /// `f_locals`.
    pub locals: u64,
    /// `localsplus`: the values of the local variables, then the stack of values.
    pub variables: u64,
    /// How to know where the stack of values ends.
    pub stack_end: StackEnd,
    /// `tlbc_index` (free-threaded 3.14+): which copy of the instructions it runs.
    pub copy_index: Option<u64>,
}

/// What tells where a frame's stack of values ends, while the frame does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackEnd {
    /// A pointer behind the last value (`f_stacktop` to 3.9, `stackpointer` from 3.14).
    Pointer(u64),
    /// An `int`: how many values are on the stack (`f_stackdepth`, 3.10).
    Depth(u64),
    /// An `int`: how many there are from the first local variable on (`stacktop`, 3.11 to 3.13).
    FromVariables(u64),
}

/// `PyCodeObject`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// `co_filename`.
    pub file: u64,
    /// `co_name`.
    pub name: u64,
    /// `co_qualname` (3.11+).
    pub qualified_name: Option<u64>,
    /// `co_firstlineno`, an `int`.
    pub first_line: u64,
    /// How lines are stored.
    pub lines: LineFormat,
    /// `co_lnotab` or `co_linetable`.
    pub line_table: u64,
    /// `_co_firsttraceable`: an `int` that counts code units (3.11+).
    pub first_traceable: Option<u64>,
    /// `co_code_adaptive`: the instructions themselves (3.11+).
    pub instructions: Option<u64>,
    /// `co_code`: a `bytes` with the instructions (to 3.10).
    pub bytecode: Option<u64>,
    /// `co_tlbc`: the copies of the instructions (free-threaded 3.14+).
    pub copies: Option<u64>,
    /// The size of the unit that [`FrameObject::instruction`] counts, in bytes.
    pub unit: u64,
    /// `co_flags`, an `int`.
    pub flags: u64,
    /// The names of variables.
    pub names: VariableNames,
}

/// The three ways in which code objects told their lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFormat {
    /// `co_lnotab`, to 3.9 (`Objects/lnotab_notes.txt`).
    Lnotab,
    /// `co_linetable` of 3.10: pairs (`Objects/lnotab_notes.txt`).
    Pairs,
    /// `co_linetable` from 3.11 on (`Objects/locations.md`).
    Locations,
}

/// Where a code object keeps the names of its variables, in the order of their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableNames {
    /// Three tuples: `co_varnames`, `co_cellvars`, `co_freevars` (to 3.10).
    Apart {
        /// `co_varnames`.
        locals: u64,
        /// `co_cellvars`.
        cells: u64,
        /// `co_freevars`.
        free: u64,
    },
    /// One tuple of names and one `bytes` of their kinds (3.11+).
    Together {
        /// `co_localsplusnames`.
        names: u64,
        /// `co_localspluskinds`.
        kinds: u64,
    },
}

/// `PyObject`, `PyVarObject`, `PyTypeObject`, `PyHeapTypeObject`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// `sizeof(PyObject)`.
    pub header: u64,
    /// `ob_type`.
    pub kind: u64,
    /// `ob_size`.
    pub size: u64,
    /// `tp_name` of a type.
    pub type_name: u64,
    /// `tp_basicsize` of a type.
    pub basic_size: u64,
    /// `tp_itemsize` of a type.
    pub item_size: u64,
    /// `tp_flags` of a type.
    pub type_flags: u64,
    /// `tp_dictoffset` of a type.
    pub dict_offset: u64,
    /// `tp_base` of a type.
    pub base: u64,
    /// `tp_mro` of a type.
    pub mro: u64,
    /// `tp_dict` of a type.
    pub type_dict: u64,
    /// `tp_subclasses` of a type: a `dict` whose values are weak references.
    pub subclasses: u64,
    /// `ht_qualname` of a type made by a `class` statement.
    pub qualified_name: u64,
}

/// Flags of a type (`Include/object.h`), the same in all versions.
pub mod flags {
    /// `Py_TPFLAGS_INLINE_VALUES` (3.13+).
    pub const INLINE_VALUES: u64 = 1 << 2;
    /// `Py_TPFLAGS_MANAGED_DICT` (3.11+).
    pub const MANAGED_DICT: u64 = 1 << 4;
    /// `Py_TPFLAGS_HEAPTYPE`.
    pub const HEAP_TYPE: u64 = 1 << 9;
    /// `Py_TPFLAGS_LONG_SUBCLASS`.
    pub const INT: u64 = 1 << 24;
    /// `Py_TPFLAGS_LIST_SUBCLASS`.
    pub const LIST: u64 = 1 << 25;
    /// `Py_TPFLAGS_TUPLE_SUBCLASS`.
    pub const TUPLE: u64 = 1 << 26;
    /// `Py_TPFLAGS_BYTES_SUBCLASS`.
    pub const BYTES: u64 = 1 << 27;
    /// `Py_TPFLAGS_UNICODE_SUBCLASS`.
    pub const STR: u64 = 1 << 28;
    /// `Py_TPFLAGS_DICT_SUBCLASS`.
    pub const DICT: u64 = 1 << 29;
    /// `Py_TPFLAGS_BASE_EXC_SUBCLASS`.
    pub const EXCEPTION: u64 = 1 << 30;
    /// `Py_TPFLAGS_TYPE_SUBCLASS`.
    pub const TYPE: u64 = 1 << 31;
}

/// `PyASCIIObject` and what extends it.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// `PyLongObject` (`Include/cpython/longintrepr.h`): digits of 30 bits, least first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Int {
    /// Where its sign and the number of its digits are.
    pub count: DigitCount,
    /// `ob_digit`.
    pub digits: u64,
}

/// How an `int` tells its sign and its number of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigitCount {
    /// `ob_size`, negative for negative numbers (to 3.11).
    Size(u64),
    /// `lv_tag`: the sign (0, 1 for zero, 2 for minus) in its two lowest bits, the count above
    /// the third (3.12+).
    Tag(u64),
}

/// `PySetObject`: a table of (key, hash) pairs of 16 bytes, unused ones with a null key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// `used`: how many elements it has.
    pub used: u64,
    /// `mask`: one less than the entries of the table.
    pub mask: u64,
    /// `table`: a pointer to it.
    pub table: u64,
}

/// `PyDictObject` (`Include/cpython/dictobject.h`, `pycore_dict.h`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dict {
    /// `ma_used`: how many items it has.
    pub used: u64,
    /// `ma_keys`: a pointer to its keys.
    pub keys: u64,
    /// `ma_values`: a pointer to the values of a split table, or null.
    pub values: u64,
    /// `dk_nentries` of the keys.
    pub entries: u64,
    /// `dk_indices` of the keys: the table that the entries follow.
    pub indices: u64,
    /// How long that table is.
    pub index_size: IndexSize,
    /// Where the values begin in a `PyDictValues` (3.11+; what came before had none).
    pub values_start: u64,
}

/// What tells how many bytes the indices of a `dict` take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexSize {
    /// `dk_size`: the number of indices, of 1, 2, 4 or 8 bytes each as it needs (to 3.10).
    Count(u64),
    /// `dk_log2_index_bytes`; and `dk_kind`, 0 where entries carry a hash (24 bytes, else 16)
    /// (3.11+).
    Log2 {
        /// `dk_log2_index_bytes`, a byte.
        bytes: u64,
        /// `dk_kind`, a byte.
        kind: u64,
    },
}

/// Where instances with a managed dictionary keep it (3.11+).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instance {
    /// There is no such thing: `tp_dictoffset` tells (to 3.10).
    Plain,
    /// A pointer to values and one to a `dict`, both before the object (3.11).
    TwoPointers {
        /// Where the pointer to the values is, from the object.
        values: i64,
        /// Where the pointer to the `dict` is.
        dict: i64,
        /// `ht_cached_keys` of the type.
        keys: u64,
    },
    /// One pointer, whose lowest bit marks values, one byte before them (3.12).
    Tagged {
        /// Where the pointer is.
        pointer: i64,
        /// `ht_cached_keys` of the type.
        keys: u64,
    },
    /// Values in the object itself while the pointer to the `dict` is null (3.13+).
    Inline {
        /// Where the pointer to the `dict` is.
        dict: i64,
        /// `ht_cached_keys` of the type.
        keys: u64,
        /// Whether the values follow `tp_basicsize` (3.14+) and not the header (3.13).
        after_basic_size: bool,
        /// `valid` of `PyDictValues`: a byte.
        valid: u64,
    },
}

/// Small objects of which one pointer is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointers {
    /// `ob_ref` of a cell.
    pub cell: u64,
    /// `func_code` of a function.
    pub function_code: u64,
    /// `func_closure` of a function: a tuple of cells, or null.
    pub function_closure: u64,
    /// `func_qualname` of a function.
    pub function_name: u64,
    /// `im_func` of a bound method.
    pub method_function: u64,
    /// `im_self` of a bound method.
    pub method_self: u64,
    /// `wr_object` of a weak reference.
    pub weak_reference: u64,
    /// `md_dict` of a module.
    pub module_dict: u64,
}

/// `PyGenObject` (`Include/cpython/genobject.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generator {
    /// Where its frame is.
    pub frame: GeneratorFrame,
    /// `gi_name`.
    pub name: u64,
    /// `gi_qualname`.
    pub qualified_name: u64,
}

/// How a generator has its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeneratorFrame {
    /// `gi_frame`: a pointer, null when it has ended (to 3.10).
    Pointer(u64),
    /// `gi_iframe`: the frame itself; it is there while `gi_frame_state`, a signed byte, is less
    /// than `FRAME_COMPLETED` (3.11+).
    Inside {
        /// `gi_iframe`.
        frame: u64,
        /// `gi_frame_state`.
        state: u64,
    },
}

/// The global interpreter lock: `_gil_runtime_state` (`Include/internal/pycore_gil.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gil {
    /// Where it is.
    pub place: GilPlace,
    /// `last_holder`, from its begin: the thread that has it or had it last.
    pub last_holder: u64,
    /// `locked`, an `int`: 1 while it is held.
    pub locked: u64,
}

/// Where a lock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GilPlace {
    /// In the runtime: one for all interpreters (to 3.11).
    Runtime,
    /// `ceval.gil` of an interpreter: a pointer (3.12+).
    Interpreter(u64),
}

/// `struct _gc_runtime_state` (`Include/internal/pycore_gc.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gc {
    /// Where it is: in the runtime (3.8), else in each interpreter.
    pub in_runtime: bool,
    /// From the begin of what it is in.
    pub start: u64,
    /// The heads of the generations, from its own begin: a claim until
    /// [`super::check::probe_heads`] has looked, for distributions patch the structure.
    pub generations: Option<u64>,
    /// `collecting`, an `int`: from its own begin.
    pub collecting: u64,
}
