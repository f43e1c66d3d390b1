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
    ("code", &["", "filename", "name", "qualname", "linetable", "firstlineno", ""]),
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
    ("code", &["", "filename", "name", "qualname", "linetable", "firstlineno", ""]),
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
    ("code", &["", "filename", "name", "qualname", "linetable", "firstlineno", ""]),
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::table;
    use super::*;
    use crate::runtime::python::fake::Fake;

    /// The structure of a version whose n-th member has the value n, from 1.
    fn counted(version: u64, free_threaded: u64) -> (Fake, Addr) {
        let numbers = [version, free_threaded].into_iter().chain(1..=120);
        let bytes: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
        let mut fake = Fake::new();
        let runtime = fake.place([&COOKIE[..], &bytes].concat());
        (fake, runtime)
    }

    #[test]
    fn members_are_read_in_the_order_of_their_version() {
        // As a compiler tells of the headers of 3.13.0, 3.14.10 and 3.15.2.
        for (version, current_frame, compact_size, collecting, tlbc) in [
            (0x030d_00f0, 21, None, 70, None),
            (0x030e_0af0, 24, None, 80, Some(36)),
            (0x030f_02f0, 24, Some(91), 93, Some(44)),
        ] {
            let (fake, runtime) = counted(version, 1);
            let read = read(&fake, runtime).unwrap().unwrap();
            assert_eq!(u64::from(read.version.0), version);
            assert!(read.free_threaded);
            assert_eq!(read.offsets.get("runtime.finalizing"), Some(2));
            assert_eq!(read.offsets.get("tstate.current_frame"), Some(current_frame));
            assert_eq!(read.offsets.get("str.compact_size"), compact_size);
            assert_eq!(read.offsets.get("gc.collecting"), Some(collecting));
            assert_eq!(read.offsets.get("frame.tlbc_index"), tlbc);
        }
    }

    #[test]
    fn all_its_names_are_those_of_the_table() {
        for (minor, members) in [(13, V3_13), (14, V3_14), (15, V3_15)] {
            let (_, table) = table::columns(Version::of_minor(minor), true).remove(0);
            for (part, members) in members {
                for member in members.iter().filter(|member| !member.is_empty()) {
                    let name = format!("{part}.{member}");
                    assert!(table.get(&name).is_some(), "{name} of 3.{minor}");
                }
            }
        }
    }

    #[test]
    fn a_build_with_a_gil_has_no_copies_of_code() {
        let (fake, runtime) = counted(0x030e_0af0, 0);
        let read = read(&fake, runtime).unwrap().unwrap();
        assert_eq!(read.offsets.get("frame.tlbc_index"), None);
        assert_eq!(read.offsets.get("code.tlbc"), None);
        assert_eq!(read.offsets.get("frame.stackpointer"), Some(35));
    }

    #[test]
    fn what_is_not_known_is_not_read() {
        let (fake, runtime) = counted(0x0310_00f0, 0);
        assert_eq!(read(&fake, runtime), Ok(None));
        let mut fake = Fake::new();
        let other = fake.place([1; 4096]);
        assert_eq!(read(&fake, other), Ok(None));
        assert!(read(&fake, Addr(8)).is_err());
        let (mut fake, runtime) = counted(0x030e_0af0, 0);
        // Not an offset: the member keeps the value of the table.
        fake.poke(runtime.wrapping_add(24 + 8), u64::MAX);
        let read = read(&fake, runtime).unwrap().unwrap();
        assert_eq!(read.offsets.get("runtime.finalizing"), None);
        assert_eq!(read.offsets.get("runtime.interpreters_head"), Some(3));
    }
}
