//! A hand-made CPython 3.11 in memory, for tests.

use std::collections::HashMap;

use std::sync::LazyLock;

use super::Version;
use super::layout::{Frame, IndexSize, InnermostFrame, InternalFrame, Layout, candidates, flags};
use crate::addr::Addr;
use crate::target::memory::{Fault, FaultKind, Memory};

/// Its version.
pub const VERSION: Version = Version(0x030b_07f0);

/// The layout that it has.
pub static V3_11: LazyLock<Layout> = LazyLock::new(|| candidates(VERSION, None, None).remove(0));

/// That of its frames.
pub fn frame_layout() -> InternalFrame {
    match V3_11.frame {
        Frame::Internal(layout) => layout,
        Frame::Object(_) => unreachable!(),
    }
}

/// Where it begins.
const BASE: u64 = 0x7000_0000;

/// Memory in one piece, filled from its begin.
pub struct Fake {
    pub data: Vec<u8>,
    types: HashMap<&'static str, Addr>,
}

/// An object that is being made.
pub struct Draft(Vec<u8>);

impl Draft {
    /// So many zeros.
    pub fn new(size: usize) -> Draft {
        Draft(vec![0; size])
    }

    /// Puts bytes at an offset.
    pub fn put(&mut self, offset: u64, bytes: &[u8]) -> &mut Draft {
        let offset = offset as usize;
        let end = offset + bytes.len();
        self.0.resize(self.0.len().max(end), 0);
        self.0[offset..end].copy_from_slice(bytes);
        self
    }

    /// Puts a pointer or another 64-bit number.
    pub fn put_u64(&mut self, offset: u64, value: u64) -> &mut Draft {
        self.put(offset, &value.to_le_bytes())
    }
}

/// A frame to be made.
#[derive(Clone, Copy)]
pub struct Activation {
    pub code: Addr,
    /// In bytes; negative is before the first instruction.
    pub instruction: i64,
    pub entry: bool,
    pub owner: u8,
}

impl Fake {
    pub fn new() -> Fake {
        Fake { data: vec![0; 16], types: HashMap::new() }
    }

    /// Places bytes and tells where.
    pub fn place(&mut self, bytes: impl AsRef<[u8]>) -> Addr {
        self.data.resize(self.data.len().next_multiple_of(16), 0);
        let addr = Addr(BASE + self.data.len() as u64);
        self.data.extend_from_slice(bytes.as_ref());
        addr
    }

    /// Overwrites a number.
    pub fn poke(&mut self, addr: Addr, value: u64) {
        let at = (addr.0 - BASE) as usize;
        self.data[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    pub fn finish(&mut self, draft: Draft) -> Addr {
        self.place(draft.0)
    }

    /// An object of a type with this name, which is made on first use.
    pub fn object(&mut self, size: usize, type_name: &'static str) -> Draft {
        let kind = self.kind(type_name);
        let mut draft = Draft(vec![0; size]);
        draft.put_u64(V3_11.object.kind, kind.0);
        draft
    }

    /// The type with this name, made on first use.
    pub fn kind(&mut self, name: &'static str) -> Addr {
        match self.types.get(name) {
            Some(kind) => *kind,
            None => self.make_type(name),
        }
    }

    fn make_type(&mut self, name: &'static str) -> Addr {
        let metatype = if name == "type" { Addr(0) } else { self.kind("type") };
        let text = self.place([name.as_bytes(), b"\0"].concat());
        let mut draft = Draft(vec![0; 408]);
        let flags = match name {
            "str" => flags::STR,
            "bytes" => flags::BYTES,
            "int" => flags::INT,
            "dict" => flags::DICT,
            "list" => flags::LIST,
            "tuple" => flags::TUPLE,
            "type" => flags::TYPE,
            _ => 0,
        };
        draft.put_u64(V3_11.object.kind, metatype.0);
        draft.put_u64(V3_11.object.type_name, text.0).put_u64(V3_11.object.type_flags, flags);
        let kind = self.finish(draft);
        if metatype.is_null() {
            self.poke(kind.wrapping_add(V3_11.object.kind), kind.0);
        }
        self.types.insert(name, kind);
        kind
    }

    /// A compact string of the width that its widest character needs.
    pub fn string(&mut self, text: &str) -> Addr {
        let points: Vec<u32> = text.chars().map(u32::from).collect();
        let widest = points.iter().max().copied().unwrap_or(0);
        let (kind, ascii) = match widest {
            0..=0x7f => (1, true),
            0x80..=0xff => (1, false),
            0x100..=0xffff => (2, false),
            _ => (4, false),
        };
        let data: Vec<u8> =
            points.iter().flat_map(|point| point.to_le_bytes().into_iter().take(kind)).collect();
        let state = (kind as u32) << V3_11.string.kind_shift
            | V3_11.string.compact
            | if ascii { V3_11.string.ascii } else { 0 };
        let mut draft = self.object(48, "str");
        draft.put_u64(V3_11.string.length, points.len() as u64);
        draft.put(V3_11.string.state, &state.to_le_bytes());
        let offset = if ascii { V3_11.string.ascii_data } else { V3_11.string.compact_data };
        draft.put(offset, &data);
        self.finish(draft)
    }

    pub fn byte_string(&mut self, content: &[u8]) -> Addr {
        let mut draft = self.object(32, "bytes");
        draft.put_u64(V3_11.object.size, content.len() as u64).put(V3_11.bytes_data, content);
        self.finish(draft)
    }

    /// An `int` of one digit.
    pub fn int(&mut self, value: u32) -> Addr {
        let mut draft = self.object(28, "int");
        draft.put_u64(V3_11.object.size, u64::from(value != 0));
        draft.put(V3_11.int.digits, &value.to_le_bytes());
        self.finish(draft)
    }

    /// The keys of a `dict` (`_dictkeysobject`): all `str` as `DICT_KEYS_UNICODE`, with 8 indices.
    pub fn keys(&mut self, items: &[(Addr, Addr)]) -> Addr {
        let IndexSize::Log2 { bytes, kind } = V3_11.dict.index_size else { unreachable!() };
        let mut draft = Draft(vec![0; 40]);
        draft.put(bytes, &[3]).put(kind, &[1]);
        draft.put_u64(V3_11.dict.entries, items.len() as u64);
        for (index, (key, value)) in items.iter().enumerate() {
            let entry = V3_11.dict.indices + 8 + 16 * index as u64;
            draft.put_u64(entry, key.0).put_u64(entry + 8, value.0);
        }
        self.finish(draft)
    }

    /// A `dict` whose keys are these texts.
    pub fn dict(&mut self, items: &[(&str, Addr)]) -> Addr {
        let items: Vec<(Addr, Addr)> =
            items.iter().map(|(key, value)| (self.string(key), *value)).collect();
        let keys = self.keys(&items);
        let mut draft = self.object(48, "dict");
        draft.put_u64(V3_11.dict.used, items.len() as u64).put_u64(V3_11.dict.keys, keys.0);
        self.finish(draft)
    }

    /// A code object whose instruction number n (of two bytes) is on line `first_line` + n; the
    /// first instruction is not traceable.
    pub fn code(&mut self, name: &str, file: &str, first_line: i32) -> Addr {
        let (name, file) = (self.string(name), self.string(file));
        // Code 11 (0xd8): the next line, two columns; the very first is code 10: the same line.
        let table: Vec<u8> = [0xd0, 0, 0].into_iter().chain([0xd8, 0, 0].repeat(9)).collect();
        let table = self.byte_string(&table);
        let mut draft = self.object(204, "code");
        draft.put_u64(V3_11.code.name, name.0).put_u64(V3_11.code.file, file.0);
        draft.put(V3_11.code.first_line, &first_line.to_le_bytes());
        draft.put_u64(V3_11.code.line_table, table.0);
        draft.put(V3_11.code.first_traceable.unwrap(), &1i32.to_le_bytes());
        self.finish(draft)
    }

    /// A chain of frames, given innermost first; the address of the innermost, or null.
    pub fn frames(&mut self, activations: &[Activation]) -> Addr {
        let layout = frame_layout();
        let mut previous = Addr(0);
        for activation in activations.iter().rev() {
            let start = activation.code.wrapping_add(V3_11.code.instructions.unwrap());
            let mut draft = Draft(vec![0; 80]);
            draft.put_u64(layout.code, activation.code.0);
            draft.put_u64(layout.previous, previous.0);
            draft.put_u64(layout.instruction, start.0.wrapping_add_signed(activation.instruction));
            draft.put(layout.is_entry.unwrap(), &[u8::from(activation.entry), activation.owner]);
            previous = self.finish(draft);
        }
        previous
    }

    /// A thread whose innermost frame is this.
    pub fn thread(&mut self, tid: u64, frame: Addr) -> Addr {
        let InnermostFrame::Indirect { cframe: at, current } = V3_11.thread.frame else {
            unreachable!()
        };
        let mut cframe = Draft(vec![0; 24]);
        cframe.put_u64(current, frame.0);
        let cframe = self.finish(cframe);
        let mut draft = Draft(vec![0; 360]);
        draft.put_u64(at, cframe.0);
        draft.put_u64(V3_11.thread.ident, 0x7f00_0000 + tid);
        draft.put_u64(V3_11.thread.native_id.unwrap(), tid);
        self.finish(draft)
    }

    /// A runtime whose interpreters have these threads.
    pub fn runtime(&mut self, interpreters: &[&[Addr]]) -> Addr {
        let mut draft = Draft(vec![0; 64]);
        draft.put(V3_11.runtime.initialized.unwrap(), &1i32.to_le_bytes());
        let runtime = self.finish(draft);
        let version = self.int(VERSION.0);
        let sys = self.dict(&[("version", Addr(8)), ("hexversion", version)]);
        let mut next = Addr(0);
        for threads in interpreters.iter().rev() {
            let mut draft = Draft(vec![0; 112]);
            draft.put_u64(V3_11.interpreter.next, next.0);
            draft.put_u64(V3_11.interpreter.next_thread_id.unwrap(), threads.len() as u64 + 10);
            draft.put_u64(V3_11.interpreter.runtime.unwrap(), runtime.0);
            draft.put_u64(V3_11.interpreter.sys, sys.0);
            draft.put_u64(V3_11.interpreter.threads, threads.first().map_or(0, |first| first.0));
            next = self.finish(draft);
            for (index, thread) in threads.iter().enumerate() {
                let following = threads.get(index + 1).map_or(0, |thread| thread.0);
                self.poke(thread.wrapping_add(V3_11.thread.next), following);
                self.poke(thread.wrapping_add(V3_11.thread.interpreter), next.0);
            }
        }
        self.poke(runtime.wrapping_add(V3_11.runtime.interpreters), next.0);
        runtime
    }
}

impl Memory for Fake {
    fn read(&self, addr: Addr, buf: &mut [u8]) -> Result<(), Fault> {
        let start = usize::try_from(addr.0.wrapping_sub(BASE)).unwrap_or(usize::MAX);
        let bytes = start.checked_add(buf.len()).and_then(|end| self.data.get(start..end));
        buf.copy_from_slice(bytes.ok_or(Fault { addr, kind: FaultKind::Unmapped })?);
        Ok(())
    }
}
