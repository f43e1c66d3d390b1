//! The layout of a CPython from its own debug information.
//!
//! It is right for any build: one for debugging, one that was patched. But it takes tens of
//! milliseconds to read, and most builds have none; so it is asked last. What it leaves out is
//! taken from the table: a compiler describes only what a source file uses.

use super::Offsets;
use crate::addr::FileAddr;
use crate::module::Module;
use crate::symbol::structures::{self, Wanted};

/// Functions in whose source files the structures are used.
const FUNCTIONS: &[&str] = &[
    "PyDict_New",
    "PyFrame_GetCode",
    "PyGen_New",
    "PyMethod_New",
    "PyModule_New",
    "PySet_New",
    "PyThreadState_Swap",
    "PyType_Ready",
    "PyUnicode_New",
    "PyWeakref_NewRef",
    "PyLong_FromLong",
    "_PyEval_EvalFrameDefault",
    "PyCode_Addr2Line",
];

/// The offsets that the debug information of a module tells; none where it has none.
pub fn read(module: &Module<'_>) -> Offsets {
    let mut offsets = Offsets::default();
    let Ok(image) = module.image() else { return offsets };
    let symbols =
        FUNCTIONS.iter().filter_map(|function| module.file_addr(module.symbol(function)?));
    let mut functions: Vec<FileAddr> = symbols.collect();
    functions.sort_unstable();
    if functions.is_empty() {
        return offsets;
    }
    let wanted: Vec<Wanted<'_>> = MEMBERS.iter().map(|(_, wanted)| *wanted).collect();
    let places = structures::members(image, &functions, &wanted);
    let mut state = None;
    for ((name, (_, member)), place) in MEMBERS.iter().zip(places) {
        let Some(bits) = place else { continue };
        // The bits of a `str` count from its `state`, which comes before them here.
        if *name == "str.state" {
            state = Some(bits);
        }
        let number = match state.filter(|_| member.starts_with("state.")) {
            Some(state) => bits.checked_sub(state),
            None => Some(bits / 8),
        };
        if let Some(number) = number.and_then(|number| i64::try_from(number).ok()) {
            offsets.set(name, number);
        }
    }
    offsets
}

/// The structure and the member behind each name, in every version: where one name stands several
/// times, versions call it differently.
const MEMBERS: &[(&str, Wanted<'static>)] = &[
    ("runtime.initialized", ("pyruntimestate", "initialized")),
    ("runtime.finalizing", ("pyruntimestate", "_finalizing")),
    ("runtime.finalizing", ("pyruntimestate", "finalizing")),
    ("runtime.interpreters_head", ("pyruntimestate", "interpreters.head")),
    ("runtime.gil_last_holder", ("pyruntimestate", "ceval.gil.last_holder")),
    ("runtime.gil_locked", ("pyruntimestate", "ceval.gil.locked")),
    ("runtime.gc", ("pyruntimestate", "gc")),
    ("interp.next", ("_is", "next")),
    ("interp.id", ("_is", "id")),
    ("interp.sysdict", ("_is", "sysdict")),
    ("interp.gc", ("_is", "gc")),
    ("interp.runtime", ("_is", "runtime")),
    ("interp.threads_head", ("_is", "threads.head")),
    ("interp.threads_head", ("_is", "tstate_head")),
    ("interp.next_unique_id", ("_is", "threads.next_unique_id")),
    ("interp.next_unique_id", ("_is", "tstate_next_unique_id")),
    ("interp.modules", ("_is", "imports.modules")),
    ("interp.modules", ("_is", "modules")),
    ("interp.ceval_gil_ptr", ("_is", "ceval.gil")),
    ("interp.asyncio_tasks_head", ("_is", "asyncio_tasks_head")),
    ("gil.last_holder", ("_gil_runtime_state", "last_holder")),
    ("gil.locked", ("_gil_runtime_state", "locked")),
    ("gc.collecting", ("_gc_runtime_state", "collecting")),
    ("tstate.next", ("_ts", "next")),
    ("tstate.interp", ("_ts", "interp")),
    ("tstate.thread_id", ("_ts", "thread_id")),
    ("tstate.native_thread_id", ("_ts", "native_thread_id")),
    ("tstate.current_frame", ("_ts", "current_frame")),
    ("tstate.cframe", ("_ts", "cframe")),
    ("tstate.frame", ("_ts", "frame")),
    ("tstateimpl.asyncio_running_loop", ("_PyThreadStateImpl", "asyncio_running_loop")),
    ("tstateimpl.asyncio_running_task", ("_PyThreadStateImpl", "asyncio_running_task")),
    ("tstateimpl.asyncio_tasks_head", ("_PyThreadStateImpl", "asyncio_tasks_head")),
    ("cframe.current_frame", ("_PyCFrame", "current_frame")),
    ("frame.code", ("_PyInterpreterFrame", "f_executable")),
    ("frame.code", ("_PyInterpreterFrame", "f_code")),
    ("frame.instr_ptr", ("_PyInterpreterFrame", "instr_ptr")),
    ("frame.instr_ptr", ("_PyInterpreterFrame", "prev_instr")),
    ("frame.previous", ("_PyInterpreterFrame", "previous")),
    ("frame.locals", ("_PyInterpreterFrame", "f_locals")),
    ("frame.localsplus", ("_PyInterpreterFrame", "localsplus")),
    ("frame.owner", ("_PyInterpreterFrame", "owner")),
    ("frame.stackpointer", ("_PyInterpreterFrame", "stackpointer")),
    ("frame.stacktop", ("_PyInterpreterFrame", "stacktop")),
    ("frame.is_entry", ("_PyInterpreterFrame", "is_entry")),
    ("frame.tlbc_index", ("_PyInterpreterFrame", "tlbc_index")),
    ("frameobj.f_frame", ("_frame", "f_frame")),
    ("frameobj.f_back", ("_frame", "f_back")),
    ("frameobj.f_code", ("_frame", "f_code")),
    ("frameobj.f_locals", ("_frame", "f_locals")),
    ("frameobj.f_lasti", ("_frame", "f_lasti")),
    ("frameobj.f_localsplus", ("_frame", "f_localsplus")),
    ("frameobj.f_valuestack", ("_frame", "f_valuestack")),
    ("frameobj.f_stackdepth", ("_frame", "f_stackdepth")),
    ("frameobj.f_stacktop", ("_frame", "f_stacktop")),
    ("code.flags", ("PyCodeObject", "co_flags")),
    ("code.firstlineno", ("PyCodeObject", "co_firstlineno")),
    ("code.filename", ("PyCodeObject", "co_filename")),
    ("code.name", ("PyCodeObject", "co_name")),
    ("code.qualname", ("PyCodeObject", "co_qualname")),
    ("code.localsplusnames", ("PyCodeObject", "co_localsplusnames")),
    ("code.localspluskinds", ("PyCodeObject", "co_localspluskinds")),
    ("code.code_adaptive", ("PyCodeObject", "co_code_adaptive")),
    ("code.first_traceable", ("PyCodeObject", "_co_firsttraceable")),
    ("code.tlbc", ("PyCodeObject", "co_tlbc")),
    ("code.varnames", ("PyCodeObject", "co_varnames")),
    ("code.cellvars", ("PyCodeObject", "co_cellvars")),
    ("code.freevars", ("PyCodeObject", "co_freevars")),
    ("code.code", ("PyCodeObject", "co_code")),
    ("code.linetable", ("PyCodeObject", "co_linetable")),
    ("code.lnotab", ("PyCodeObject", "co_lnotab")),
    ("object.size", ("_object", "")),
    ("object.ob_type", ("_object", "ob_type")),
    ("var.ob_size", ("PyVarObject", "ob_size")),
    ("type.tp_name", ("_typeobject", "tp_name")),
    ("type.tp_basicsize", ("_typeobject", "tp_basicsize")),
    ("type.tp_itemsize", ("_typeobject", "tp_itemsize")),
    ("type.tp_flags", ("_typeobject", "tp_flags")),
    ("type.tp_dictoffset", ("_typeobject", "tp_dictoffset")),
    ("type.tp_base", ("_typeobject", "tp_base")),
    ("type.tp_mro", ("_typeobject", "tp_mro")),
    ("type.tp_dict", ("_typeobject", "tp_dict")),
    ("type.tp_subclasses", ("_typeobject", "tp_subclasses")),
    ("heaptype.ht_qualname", ("PyHeapTypeObject", "ht_qualname")),
    ("heaptype.ht_cached_keys", ("PyHeapTypeObject", "ht_cached_keys")),
    ("dict.ma_used", ("PyDictObject", "ma_used")),
    ("dict.ma_keys", ("PyDictObject", "ma_keys")),
    ("dict.ma_values", ("PyDictObject", "ma_values")),
    ("dictkeys.log2_index_bytes", ("_dictkeysobject", "dk_log2_index_bytes")),
    ("dictkeys.kind", ("_dictkeysobject", "dk_kind")),
    ("dictkeys.size", ("_dictkeysobject", "dk_size")),
    ("dictkeys.nentries", ("_dictkeysobject", "dk_nentries")),
    ("dictkeys.indices", ("_dictkeysobject", "dk_indices")),
    ("dictvalues.values", ("_dictvalues", "values")),
    ("dictvalues.valid", ("_dictvalues", "valid")),
    ("list.ob_item", ("PyListObject", "ob_item")),
    ("tuple.ob_item", ("PyTupleObject", "ob_item")),
    ("set.used", ("PySetObject", "used")),
    ("set.mask", ("PySetObject", "mask")),
    ("set.table", ("PySetObject", "table")),
    ("float.ob_fval", ("PyFloatObject", "ob_fval")),
    ("bytes.ob_sval", ("PyBytesObject", "ob_sval")),
    ("long.lv_tag", ("_longobject", "long_value.lv_tag")),
    ("long.ob_digit", ("_longobject", "long_value.ob_digit")),
    ("long.ob_digit", ("_longobject", "ob_digit")),
    ("str.length", ("PyASCIIObject", "length")),
    ("str.state", ("PyASCIIObject", "state")),
    ("str.kind", ("PyASCIIObject", "state.kind")),
    ("str.compact", ("PyASCIIObject", "state.compact")),
    ("str.ascii", ("PyASCIIObject", "state.ascii")),
    ("str.ascii_size", ("PyASCIIObject", "")),
    ("str.compact_size", ("PyCompactUnicodeObject", "")),
    ("str.data", ("PyUnicodeObject", "data")),
    ("gen.gi_name", ("PyGenObject", "gi_name")),
    ("gen.gi_qualname", ("PyGenObject", "gi_qualname")),
    ("gen.gi_frame_state", ("PyGenObject", "gi_frame_state")),
    ("gen.gi_iframe", ("PyGenObject", "gi_iframe")),
    ("gen.gi_frame", ("PyGenObject", "gi_frame")),
    ("module.md_dict", ("PyModuleObject", "md_dict")),
    ("function.func_code", ("PyFunctionObject", "func_code")),
    ("function.func_qualname", ("PyFunctionObject", "func_qualname")),
    ("method.im_func", ("PyMethodObject", "im_func")),
    ("method.im_self", ("PyMethodObject", "im_self")),
    ("weakref.wr_object", ("_PyWeakReference", "wr_object")),
    ("cell.ob_ref", ("PyCellObject", "ob_ref")),
];
