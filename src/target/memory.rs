//! Reading memory of the target: one trait for the live process, a recording and a dump.
//!
//! What is read is hostile. A read fills the buffer or fails; it never panics.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::addr::Addr;
use crate::text::Text;

/// Why memory could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Nothing is mapped there, or it may not be read.
    Unmapped,
    /// It may be mapped, but it was not recorded.
    NotRecorded,
    /// It was not recorded because a budget was used up.
    OverBudget,
    /// The process is gone.
    Gone,
    /// Another program would have to serve it (FUSE, a network file system, userfaultfd), and may
    /// never do so.
    Served,
}

/// A failed read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Where.
    pub addr: Addr,
    /// Why.
    pub kind: FaultKind,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.kind {
            FaultKind::Unmapped => "is not mapped",
            FaultKind::NotRecorded => "was not recorded",
            FaultKind::OverBudget => "was not recorded (over the budget)",
            FaultKind::Gone => "is gone with its process",
            FaultKind::Served => {
                "is another program's to serve (FUSE, userfaultfd, …), which was not asked"
            }
        };
        write!(f, "memory at {} {why}", self.addr)
    }
}

impl std::error::Error for Fault {}

/// Memory of the target.
pub trait Memory {
    /// Fills `buf` from `addr` on, or fails: never in part.
    fn read(&self, addr: Addr, buf: &mut [u8]) -> Result<(), Fault>;

    /// Tells that these places are likely to be read next: whoever needs a call of the kernel for
    /// each can fetch them together.
    fn announce(&self, _: &[Addr]) {}
}

/// The longest C string that is read, in bytes.
pub const MAX_C_STRING: usize = 4096;

/// What can be read from any [`Memory`]: little-endian numbers, pointers, strings.
///
/// Both architectures that guru knows are little-endian.
pub trait MemoryExt: Memory {
    /// An 8-bit number.
    fn u8(&self, addr: Addr) -> Result<u8, Fault> {
        let mut buf = [0; 1];
        self.read(addr, &mut buf)?;
        Ok(buf[0])
    }

    /// A 32-bit number.
    fn u32(&self, addr: Addr) -> Result<u32, Fault> {
        let mut buf = [0; 4];
        self.read(addr, &mut buf)?;
        Ok(u32::from_le_bytes(buf))
    }

    /// A signed 32-bit number.
    fn i32(&self, addr: Addr) -> Result<i32, Fault> {
        self.u32(addr).map(u32::cast_signed)
    }

    /// A 64-bit number.
    fn u64(&self, addr: Addr) -> Result<u64, Fault> {
        let mut buf = [0; 8];
        self.read(addr, &mut buf)?;
        Ok(u64::from_le_bytes(buf))
    }

    /// A signed 64-bit number.
    fn i64(&self, addr: Addr) -> Result<i64, Fault> {
        self.u64(addr).map(u64::cast_signed)
    }

    /// A pointer.
    fn ptr(&self, addr: Addr) -> Result<Addr, Fault> {
        self.u64(addr).map(Addr)
    }

    /// `len` bytes. The caller has checked `len` against a cap of its own.
    fn bytes(&self, addr: Addr, len: usize) -> Result<Vec<u8>, Fault> {
        let mut buf = vec![0; len];
        self.read(addr, &mut buf)?;
        Ok(buf)
    }

    /// The bytes up to the first zero, at most [`MAX_C_STRING`].
    fn c_string(&self, addr: Addr) -> Result<Text, Fault> {
        /// What is read at once: such a piece lies on one page, and is there as its begin is.
        const PIECE: u64 = 64;
        let mut text = Vec::new();
        while text.len() < MAX_C_STRING {
            let at = addr.wrapping_add(text.len() as u64);
            let len = (PIECE - at.0 % PIECE) as usize;
            let piece = self.bytes(at, len.min(MAX_C_STRING - text.len()))?;
            let end = piece.iter().position(|byte| *byte == 0);
            text.extend_from_slice(piece.get(..end.unwrap_or(piece.len())).unwrap_or_default());
            if end.is_some() {
                break;
            }
        }
        Ok(Text::from_bytes(&text))
    }
}

impl<M: Memory + ?Sized> MemoryExt for M {}

/// Memory of which many pieces can be read at once.
pub trait BatchRead {
    /// Reads ranges, one after the other, into `out`, whose length is the sum of theirs. What can
    /// not be read is left as it is in `out`, and told to `missing` by its place in `out` and its
    /// length, page by page.
    fn read_ranges(
        &self,
        ranges: &[(Addr, usize)],
        out: &mut [u8],
        missing: &mut dyn FnMut(usize, usize),
    );
}
