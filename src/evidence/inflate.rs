//! Bytes that are stored compressed, made piece by piece and only as far as they are asked for.
//!
//! Debug information of a library takes megabytes, and what is looked at is often near its
//! beginning. Pieces that were made are kept. Who says how long the result is, and whether that is
//! too long, is the caller.

use std::cell::RefCell;
use std::fmt;

use elsa::FrozenVec;
use flate2::{Decompress, FlushDecompress};

use crate::evidence::files::OpenFile;

/// The size of a piece, in bytes; the last may be shorter.
const PIECE: usize = 64 << 10;

/// How the bytes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// zlib (RFC 1950).
    Zlib,
    /// Zstandard (RFC 8878). It is made in one go.
    Zstandard,
}

/// Where compressed bytes lie in a file, and what they become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compressed {
    /// How.
    pub compression: Compression,
    /// Where they begin.
    pub start: u64,
    /// How many they are.
    pub len: u64,
    /// How many they say to become.
    pub size: u64,
}

/// Compressed bytes of a file, as far as they were inflated.
pub struct Inflated {
    stored: Compressed,
    pieces: FrozenVec<Box<[u8]>>,
    state: RefCell<State>,
}

enum State {
    /// Nothing has been read.
    New,
    /// Inside of a zlib stream, of which so many bytes were read.
    Zlib(Box<Decompress>, u64),
    /// There is no more: all was made, or the rest is broken.
    Ended,
}

impl Inflated {
    /// Bytes that are stored like this.
    pub fn new(stored: Compressed) -> Inflated {
        Inflated { stored, pieces: FrozenVec::new(), state: RefCell::new(State::New) }
    }

    /// How many bytes there are, if they are not broken.
    pub fn size(&self) -> u64 {
        self.stored.size
    }

    /// The bytes from `offset` to the end of the piece that holds it; none at the end, and where
    /// they are broken. `file` is the one that they are stored in.
    pub fn piece_from(&self, offset: u64, file: &OpenFile) -> &[u8] {
        let (Ok(index), Ok(inside)) =
            (usize::try_from(offset / PIECE as u64), usize::try_from(offset % PIECE as u64))
        else {
            return &[];
        };
        while self.pieces.len() <= index && self.make(file).is_some() {}
        self.pieces.get(index).and_then(|piece| piece.get(inside..)).unwrap_or_default()
    }

    /// Makes more pieces; `None` if there are no more.
    fn make(&self, file: &OpenFile) -> Option<()> {
        let state = self.state.replace(State::Ended);
        let (mut stream, mut read) = match (state, self.stored.compression) {
            (State::Ended, _) => return None,
            (State::Zlib(stream, read), _) => (stream, read),
            (State::New, Compression::Zlib) => (Box::new(Decompress::new(true)), 0),
            (State::New, Compression::Zstandard) => {
                for piece in self.zstandard(file)?.chunks(PIECE) {
                    self.pieces.push(piece.into());
                }
                return Some(());
            }
        };
        let done = self.pieces.len() as u64 * PIECE as u64;
        let wanted = usize::try_from(self.stored.size.saturating_sub(done)).unwrap_or(PIECE);
        let wanted = wanted.min(PIECE);
        file.room().take(wanted as u64).ok()?;
        let mut piece = Vec::with_capacity(wanted);
        while piece.len() < wanted {
            let input = file.block_from(self.stored.start.checked_add(read)?).ok()?;
            let left = usize::try_from(self.stored.len.saturating_sub(read)).unwrap_or(usize::MAX);
            let input = input.get(..input.len().min(left)).unwrap_or_default();
            let before = (stream.total_in(), piece.len());
            let inflated = stream.decompress_vec(input, &mut piece, FlushDecompress::None);
            read += stream.total_in() - before.0;
            if inflated.is_err() || (stream.total_in(), piece.len()) == before {
                break;
            }
        }
        let whole = piece.len() == PIECE;
        if !piece.is_empty() {
            self.pieces.push(piece.into_boxed_slice());
        }
        // After a piece that is shorter there is none: either all was made, or it is broken.
        if whole {
            self.state.replace(State::Zlib(stream, read));
        }
        Some(())
    }

    fn zstandard(&self, file: &OpenFile) -> Option<Vec<u8>> {
        let data = object::CompressedData {
            format: object::CompressionFormat::Zstandard,
            data: file.slice(self.stored.start, self.stored.len).ok()?,
            uncompressed_size: self.stored.size,
        };
        // Made in one go, and then cut into pieces.
        file.room().take(self.stored.size.saturating_mul(2)).ok()?;
        let made = data.decompress().ok();
        file.room().give(self.stored.size);
        Some(made?.into_owned())
    }
}

impl fmt::Debug for Inflated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflated").field("stored", &self.stored).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::io::Write as _;

    use super::*;
    use crate::target::files::FileMeta;

    const SIZE: usize = 3 * PIECE + 1000;

    fn original() -> Vec<u8> {
        (0..SIZE).map(|at| (at / 7 % 251) as u8 ^ (at % 13) as u8).collect()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::ZlibEncoder::new(b"12345".to_vec(), Default::default());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn file(bytes: &[u8]) -> OpenFile {
        OpenFile::of_bytes(FileMeta { len: 0, modified: 0, changed: None, identity: (0, 0) }, bytes)
    }

    fn inflated(file: &OpenFile, size: usize) -> Inflated {
        let (compression, size) = (Compression::Zlib, size as u64);
        Inflated::new(Compressed { compression, start: 5, len: file.len() - 5, size })
    }

    fn all(inflated: &Inflated, file: &OpenFile) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let piece = inflated.piece_from(bytes.len() as u64, file);
            if piece.is_empty() {
                return bytes;
            }
            bytes.extend_from_slice(piece);
        }
    }

    #[test]
    fn only_what_was_asked_for_is_made() {
        let file = file(&zlib(&original()));
        let inflated = inflated(&file, SIZE);
        assert_eq!(inflated.piece_from(17, &file), &original()[17..PIECE]);
        assert_eq!(inflated.pieces.len(), 1);
        assert_eq!(inflated.piece_from(PIECE as u64 + 1, &file).len(), PIECE - 1);
        assert_eq!(inflated.pieces.len(), 2);
        assert_eq!(all(&inflated, &file), original());
        assert!(inflated.piece_from(u64::MAX, &file).is_empty());
    }

    #[test]
    fn it_never_becomes_more_than_it_says() {
        let file = file(&zlib(&original()));
        assert_eq!(all(&inflated(&file, 10), &file), original()[..10]);
        assert_eq!(all(&inflated(&file, PIECE), &file), original()[..PIECE]);
        assert_eq!(all(&inflated(&file, SIZE + PIECE), &file), original());
    }

    #[test]
    fn what_is_broken_ends_where_it_breaks() {
        let mut bytes = zlib(&original());
        bytes.truncate(bytes.len() / 2);
        let cut = file(&bytes);
        let read = all(&inflated(&cut, SIZE), &cut);
        assert!(!read.is_empty() && original().starts_with(&read));
        let noise = file(b"12345 this is not compressed");
        assert!(all(&inflated(&noise, SIZE), &noise).is_empty());
        assert!(inflated(&noise, SIZE).piece_from(0, &noise).is_empty());
    }
}
