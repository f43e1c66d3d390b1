//! The bytes of a section of an ELF file, wherever they are: in the file, inflated from it, in memory.

use crate::addr::FileAddr;
use crate::evidence::files::OpenFile;
use crate::evidence::inflate::Inflated;
use crate::target::files::FileError;

/// A section of an ELF file.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// Where it is meant to be mapped; 0 for a section that is not.
    pub addr: FileAddr,
    /// Its bytes.
    pub bytes: SectionBytes<'a>,
}

/// Where the bytes of a section are.
#[derive(Clone, Copy, Debug)]
pub enum SectionBytes<'a> {
    /// In the file, read on demand.
    File {
        /// The file.
        file: &'a OpenFile,
        /// Where in the file it begins.
        offset: u64,
        /// Its length.
        len: u64,
    },
    /// Stored compressed, and inflated on demand.
    Inflated {
        /// The file.
        file: &'a OpenFile,
        /// What is made of it.
        inflated: &'a Inflated,
    },
    /// In memory.
    Memory(&'a [u8]),
}

impl<'a> SectionBytes<'a> {
    /// How many they are.
    pub fn len(&self) -> u64 {
        match self {
            SectionBytes::File { len, .. } => *len,
            SectionBytes::Inflated { inflated, .. } => inflated.size(),
            SectionBytes::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that can be had in one piece from `at` on, perhaps beyond the end of the section;
    /// none where there are no more.
    pub fn piece_from(&self, at: u64) -> Result<&'a [u8], FileError> {
        Ok(match self {
            SectionBytes::File { file, offset, .. } => match offset.checked_add(at) {
                Some(at) => file.block_from(at)?,
                None => &[],
            },
            SectionBytes::Inflated { file, inflated } => inflated.piece_from(at, file),
            SectionBytes::Memory(bytes) => {
                bytes.get(usize::try_from(at).unwrap_or(usize::MAX)..).unwrap_or_default()
            }
        })
    }
}

impl<'a> Section<'a> {
    /// All its bytes as one piece, if they are no more than `limit` (and, of a compressed one, no
    /// more than a piece).
    pub fn to_bytes(self, limit: u64) -> Option<&'a [u8]> {
        match self.bytes {
            SectionBytes::Memory(bytes) => Some(bytes).filter(|bytes| bytes.len() as u64 <= limit),
            SectionBytes::File { file, offset, len } if len <= limit => {
                file.slice(offset, len).ok()
            }
            SectionBytes::Inflated { file, inflated } if inflated.size() <= limit => {
                let first = inflated.piece_from(0, file);
                Some(first).filter(|bytes| bytes.len() as u64 == inflated.size())
            }
            SectionBytes::File { .. } | SectionBytes::Inflated { .. } => None,
        }
    }
}
