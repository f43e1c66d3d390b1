//! Addresses, as types: in the process, in an ELF file, in code.
//!
//! The three are never mixed silently: a load bias turns one into another, and a return address
//! is looked up one byte earlier than an exact one. Nothing here reads memory.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An address in the inspected process.
///
/// In human readable formats (JSON) it is a string such as `"0x7f21c0de"`, because numbers over
/// 2^53 do not survive most JSON readers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Addr(pub u64);

impl Addr {
    /// The address `offset` bytes further on, or `None` where the address space ends.
    pub fn checked_add(self, offset: u64) -> Option<Addr> {
        self.0.checked_add(offset).map(Addr)
    }

    /// The address `offset` bytes further on, wrapping as the processor does.
    pub fn wrapping_add(self, offset: u64) -> Addr {
        Addr(self.0.wrapping_add(offset))
    }

    /// Whether this is the null pointer.
    pub fn is_null(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Addr({:#x})", self.0)
    }
}

impl Serialize for Addr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_u64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Addr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return u64::deserialize(deserializer).map(Addr);
        }
        let text = String::deserialize(deserializer)?;
        text.strip_prefix("0x")
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .map(Addr)
            .ok_or_else(|| serde::de::Error::custom("an address is a string such as \"0x1f\""))
    }
}

/// An address as an ELF file states it (`p_vaddr`, `st_value`, `DW_AT_low_pc`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileAddr(pub u64);

/// An address in code, with what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CodeAddr {
    /// The instruction that runs next: the program counter of a stopped thread, or of the
    /// function that a signal interrupted.
    Exact(Addr),
    /// The instruction after a call. The call itself lies before it, and may be the last
    /// instruction of its function: everything about it is looked up one byte earlier.
    Return(Addr),
}

impl CodeAddr {
    /// The address to show.
    pub fn shown(self) -> Addr {
        match self {
            CodeAddr::Exact(addr) | CodeAddr::Return(addr) => addr,
        }
    }

    /// The address to look up.
    pub fn lookup(self) -> Addr {
        match self {
            CodeAddr::Exact(addr) => addr,
            CodeAddr::Return(addr) => Addr(addr.0.wrapping_sub(1)),
        }
    }
}
