//! `_Py_DebugOffsets`: where a CPython from 3.13 on says itself how it is laid out.
//!
//! The structure lies at the begin of `_PyRuntime`. Its members are the same in all releases of
//! one minor version, and in no two of those. It leaves out much (the keys of a `dict`, where a
//! thread's name is, most of a type), so it goes over a table and does not replace it.

use super::{Offsets, Version};
use crate::addr::Addr;
use crate::target::memory::{Fault, Memory, MemoryExt as _};

/// The first member, `cookie` (`_Py_Debug_Cookie`).
const COOKIE: &[u8; 8] = b"xdebugpy";

/// The largest offset that is believed: an interpreter takes less than 512 KiB.
const MAX_OFFSET: u64 = 16 << 20;

/// What a CPython says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebugOffsets {
    /// `version`: `PY_VERSION_HEX`.
    pub version: Version,
    /// `free_threaded`.
    pub free_threaded: bool,
    /// The offsets that guru uses.
    pub offsets: Offsets,
}

/// Reads the structure at the begin of a runtime. `None` where there is none, or one whose members
/// are not known.
pub fn read(memory: &dyn Memory, runtime: Addr) -> Result<Option<DebugOffsets>, Fault> {
    let mut header = [0; 24];
    memory.read(runtime, &mut header)?;
    let [cookie, version, free_threaded] = header.as_chunks::<8>().0 else { return Ok(None) };
    if cookie != COOKIE {
        return Ok(None);
    }
    let version = Version(u32::try_from(u64::from_le_bytes(*version)).unwrap_or(u32::MAX));
    let members = match (version.major(), version.minor()) {
        (3, 13) => V3_13,
        (3, 14) => V3_14,
        (3, 15) => V3_15,
        _ => return Ok(None),
    };
    let free_threaded = u64::from_le_bytes(*free_threaded) != 0;
    let count: usize = members.iter().map(|(_, members)| members.len()).sum();
    let values = memory.bytes(runtime.wrapping_add(header.len() as u64), count * 8)?;
    let names = members.iter().flat_map(|(part, members)| members.iter().map(move |m| (*part, *m)));
    let mut offsets = Offsets::default();
    for ((part, member), value) in names.zip(values.as_chunks().0) {
        let value = u64::from_le_bytes(*value);
        // In a build with a GIL those of the copies of code are zeros.
        let has = free_threaded || !member.starts_with("tlbc");
        if let Ok(offset) = i64::try_from(value)
            && !member.is_empty()
            && has
            && value <= MAX_OFFSET
        {
            offsets.set(&format!("{part}.{member}"), offset);
        }
    }
    Ok(Some(DebugOffsets { version, free_threaded, offsets }))
}

/// The members in their order, by the names that [`Offsets`] uses; an empty one is not used.
type Members = &'static [(&'static str, &'static [&'static str])];

/// `Include/internal/pycore_runtime.h` of 3.13.
const V3_13: Members = &[
    ("runtime", &["", "finalizing", "interpreters_head"]),
    ("interp", &["", "id", "next", "threads_head", "gc", "modules", "sysdict", ""]),
    ("interp", &["ceval_gil_ptr", "", "", "", ""]),
    ("tstate", &["", "", "next", "interp", "current_frame", "thread_id", "native_thread_id"]),
    ("tstate", &["", ""]),
    ("frame", &["", "previous", "code", "instr_ptr", "localsplus", "owner"]),
    ("code", &["", "filename", "name", "qualname", "linetable", "firstlineno", "argcount"]),
    ("code", &["localsplusnames", "localspluskinds", "code_adaptive"]),
    ("object", &["size", "ob_type"]),
    ("type", &["", "tp_name", "", "tp_flags"]),
    ("tuple", &["", "ob_item", ""]),
    ("list", &["", "ob_item", ""]),
    ("dict", &["", "ma_keys", "ma_values"]),
    ("float", &["", "ob_fval"]),
    ("long", &["", "lv_tag", "ob_digit"]),
    ("bytes", &["", "", "ob_sval"]),
    ("str", &["", "state", "length", "ascii_size"]),
    ("gc", &["", "collecting"]),
];

/// `Include/internal/pycore_debug_offsets.h` of 3.14, up to what guru uses.
const V3_14: Members = &[
    ("runtime", &["", "finalizing", "interpreters_head"]),
    ("interp", &["", "id", "next", "threads_head", "", "gc", "modules", "sysdict", ""]),
    ("interp", &["ceval_gil_ptr", "", "", "", "", "", ""]),
    ("tstate", &["", "", "next", "interp", "current_frame", "thread_id", "native_thread_id"]),
    ("tstate", &["", ""]),
    ("frame", &["", "previous", "code", "instr_ptr", "localsplus", "owner", "stackpointer"]),
    ("frame", &["tlbc_index"]),
    ("code", &["", "filename", "name", "qualname", "linetable", "firstlineno", "argcount"]),
    ("code", &["localsplusnames", "localspluskinds", "code_adaptive", "tlbc"]),
    ("object", &["size", "ob_type"]),
    ("type", &["", "tp_name", "", "tp_flags"]),
    ("tuple", &["", "ob_item", ""]),
    ("list", &["", "ob_item", ""]),
    ("set", &["", "used", "table", "mask"]),
    ("dict", &["", "ma_keys", "ma_values"]),
    ("float", &["", "ob_fval"]),
    ("long", &["", "lv_tag", "ob_digit"]),
    ("bytes", &["", "", "ob_sval"]),
    ("str", &["", "state", "length", "ascii_size"]),
    ("gc", &["", "collecting"]),
    ("gen", &["", "gi_name", "gi_iframe", "gi_frame_state"]),
];

/// The same of 3.15.
const V3_15: Members = &[
    ("runtime", &["", "finalizing", "interpreters_head"]),
    ("interp", &["", "id", "next", "threads_head", "", "gc", "modules", "sysdict", ""]),
    ("interp", &["ceval_gil_ptr", "", "", "", "", "", ""]),
    ("tstate", &["", "", "next", "interp", "current_frame", "", "", "", "thread_id"]),
    ("tstate", &["native_thread_id", "", "", "", "", "", ""]),
    ("exception", &[""]),
    ("frame", &["", "previous", "code", "instr_ptr", "localsplus", "owner", "stackpointer"]),
    ("frame", &["tlbc_index"]),
    ("code", &["", "filename", "name", "qualname", "linetable", "firstlineno", "argcount"]),
    ("code", &["localsplusnames", "localspluskinds", "code_adaptive", "tlbc"]),
    ("object", &["size", "ob_type"]),
    ("type", &["", "tp_name", "", "tp_flags", "tp_basicsize", "tp_dictoffset"]),
    ("heaptype", &["", "ht_cached_keys"]),
    ("tuple", &["", "ob_item", ""]),
    ("list", &["", "ob_item", ""]),
    ("set", &["", "used", "table", "mask"]),
    ("dict", &["", "ma_keys", "ma_values"]),
    ("float", &["", "ob_fval"]),
    ("long", &["", "lv_tag", "ob_digit"]),
    ("bytes", &["", "", "ob_sval"]),
    ("str", &["", "state", "length", "ascii_size", "compact_size"]),
    ("gc", &["", "collecting", "", "", ""]),
    ("gen", &["", "gi_name", "gi_iframe", "gi_frame_state"]),
];
