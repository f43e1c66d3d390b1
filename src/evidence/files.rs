//! Files of the target, read piece by piece, with a log of what was read.
//!
//! The log *is* the cache: a file is a table of blocks, filled on first use. What the analysis
//! read can be saved with the evidence, and a recording answers exactly the same questions with
//! exactly the same bytes; a question that was not asked then is answered "not recorded".
//! "Absent" is an answer, too. Opening is done elsewhere: see [`Opener`].

use std::cell::{Cell, RefCell};
use std::fmt;

use elsa::{FrozenBTreeMap, FrozenMap};
use serde::{Deserialize, Serialize};

use crate::config::MAX_FILE_BYTES;
use crate::evidence::blocks::{BLOCK, Blocks, Piece};
use crate::evidence::inflate::{Compressed, Inflated};
use crate::evidence::known::KnownSecrets;
use crate::evidence::room::Room;
use crate::mask::Secrets;
use crate::target::files::{FileError, FileMeta, FileRequest, Opener, Source};
use crate::text::Text;

/// The largest file that is opened at all, in bytes.
pub const MAX_FILE: u64 = 2 << 30;

/// The longest piece of a file that is put together, in bytes: a symbol table with 2.7 million
/// entries.
const MAX_SLICE: u64 = 64 << 20;

/// The most bytes of all configuration files together that are read and masked, which takes up to half
/// a second for each MiB in short lines: 200 named files of 1 MiB took 51 s. What a large web server
/// reads has some hundred KiB. They are asked for by importance: what the program has read itself, its
/// command line and what that includes, its environment, what it holds open, its unit.
const MAX_CONFIG: u64 = 3 << 20;

/// The longest name that is read from a table of strings, in bytes.
const MAX_NAME: u64 = 8 << 10;

/// A file, read block by block.
pub struct OpenFile {
    meta: FileMeta,
    /// The file itself, until all of it was read: a search reads more files than may be open.
    source: RefCell<Option<Box<dyn Source>>>,
    /// What was read of it.
    blocks: Blocks,
    /// Ranges that crossed a piece's border, put together.
    joined: FrozenMap<(u64, u64), Box<[u8]>>,
    /// How many bytes may still be kept, of all files.
    room: Room,
    /// What was stored compressed, by where it begins.
    inflated: FrozenMap<u64, Box<Inflated>>,
}

impl OpenFile {
    fn new(meta: FileMeta, source: Option<Box<dyn Source>>, room: Room) -> OpenFile {
        OpenFile {
            meta,
            source: RefCell::new(source),
            blocks: Blocks::default(),
            joined: FrozenMap::new(),
            room,
            inflated: FrozenMap::new(),
        }
    }

    /// A file with these bytes instead of its own.
    pub(super) fn of_bytes(meta: FileMeta, bytes: &[u8]) -> OpenFile {
        let meta = FileMeta { len: bytes.len() as u64, ..meta };
        let file = OpenFile::new(meta, None, Room::default());
        let chunks = bytes.chunks(usize::try_from(BLOCK).unwrap_or(usize::MAX));
        for (index, chunk) in (0u32..).zip(chunks) {
            file.blocks.insert(index, 1, Ok(chunk.into()));
        }
        file
    }

    /// What is known of it.
    pub fn meta(&self) -> &FileMeta {
        &self.meta
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.meta.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.meta.len == 0
    }

    /// The bytes from `offset` to the end of what was read with it, at least of its block; none at
    /// the end of the file.
    pub fn block_from(&self, offset: u64) -> Result<&[u8], FileError> {
        if offset >= self.meta.len {
            return Ok(&[]);
        }
        let Ok(index) = u32::try_from(offset / BLOCK) else { return Ok(&[]) };
        let (first, piece) = match self.blocks.get(index) {
            Some(known) => known,
            None => (index, self.keep(index, 1, self.fetch(index, 1))),
        };
        let bytes = piece.as_ref().map_err(Clone::clone)?;
        let inside = usize::try_from(offset - u64::from(first) * BLOCK).unwrap_or(usize::MAX);
        Ok(bytes.get(inside..).unwrap_or_default())
    }

    fn keep(&self, first: u32, count: u32, piece: Piece) -> &Piece {
        let piece = self.blocks.insert(first, count, piece);
        if self.blocks.len() == self.meta.len.div_ceil(BLOCK) {
            self.source.take();
        }
        piece
    }

    fn fetch(&self, first: u32, count: u32) -> Piece {
        let source = self.source.borrow();
        let source = source.as_ref().ok_or(FileError::NotRecorded)?;
        let offset = u64::from(first) * BLOCK;
        let len = (u64::from(count) * BLOCK).min(self.meta.len.saturating_sub(offset));
        self.room.take(len)?;
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        // A file may shrink while it is read: what is gone is simply not there.
        let got = source.read_at(offset, &mut bytes)?;
        bytes.truncate(got);
        Ok(bytes.into_boxed_slice())
    }

    /// `len` bytes from `offset` on, as one piece; fails where the file has fewer, or they are
    /// too many.
    pub fn slice(&self, offset: u64, len: u64) -> Result<&[u8], FileError> {
        let end = offset.checked_add(len).filter(|end| *end <= self.meta.len);
        let end = end.ok_or_else(|| FileError::Other("the file is shorter than it says".into()))?;
        let wanted = usize::try_from(len).unwrap_or(usize::MAX);
        if len <= MAX_SLICE {
            self.fetch_at_once(offset, end);
        }
        let first = self.block_from(offset)?;
        if let Some(bytes) = first.get(..wanted) {
            return Ok(bytes);
        }
        if let Some(bytes) = self.joined.get(&(offset, len)) {
            return Ok(bytes);
        }
        if len > MAX_SLICE {
            return Err(FileError::TooLarge(MAX_SLICE));
        }
        self.room.take(len)?;
        let mut bytes = Vec::with_capacity(wanted);
        while offset + (bytes.len() as u64) < end {
            let piece = self.block_from(offset + bytes.len() as u64)?;
            if piece.is_empty() {
                return Err(FileError::Other("the file shrank while it was read".into()));
            }
            bytes.extend_from_slice(&piece[..piece.len().min(wanted - bytes.len())]);
        }
        Ok(self.joined.insert((offset, len), bytes.into_boxed_slice()))
    }

    /// Fetches a range of several blocks as one piece, if nothing of it is there: a table of symbols
    /// that is put together of blocks takes twice the memory.
    fn fetch_at_once(&self, offset: u64, end: u64) {
        let [first, last] = [offset, end.saturating_sub(1)].map(|at| u32::try_from(at / BLOCK));
        let (Ok(first), Ok(last)) = (first, last) else { return };
        if first >= last || self.blocks.has_any(first, last) {
            return;
        }
        let piece = self.fetch(first, last - first + 1);
        // Where that fails, block by block some of it may be had.
        if piece.as_ref().is_ok_and(|bytes| u64::from(first) * BLOCK + bytes.len() as u64 >= end) {
            self.keep(first, last - first + 1, piece);
        }
    }

    /// The name at `offset`, up to its NUL, or its first `limit` bytes. It is not kept.
    pub fn name_at(&self, offset: u64, limit: usize) -> Result<Vec<u8>, FileError> {
        let mut name: Vec<u8> = Vec::new();
        while name.len() < limit {
            let piece = self.block_from(offset.saturating_add(name.len() as u64))?;
            let piece = &piece[..piece.len().min(limit - name.len())];
            let end = piece.iter().position(|byte| *byte == 0);
            name.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
            if end.is_some() || piece.is_empty() {
                break;
            }
        }
        Ok(name)
    }

    /// The whole file, if it is no larger than `limit` bytes.
    pub fn read_all(&self, limit: u64) -> Result<&[u8], FileError> {
        if self.meta.len > limit {
            return Err(FileError::TooLarge(limit));
        }
        self.slice(0, self.meta.len)
    }

    /// What is stored compressed, to be inflated as it is asked for.
    pub fn inflated(&self, stored: Compressed) -> &Inflated {
        match self.inflated.get(&stored.start) {
            Some(known) => known,
            None => self.inflated.insert(stored.start, Box::new(Inflated::new(stored))),
        }
    }

    /// Room for what is made of the file.
    pub(super) fn room(&self) -> &Room {
        &self.room
    }
}

impl fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenFile").field("meta", &self.meta).finish_non_exhaustive()
    }
}

/// `object` reads headers, sections and symbol tables through this.
impl<'a> object::ReadRef<'a> for &'a OpenFile {
    fn len(self) -> Result<u64, ()> {
        Ok(self.meta.len)
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        self.slice(offset, size).map_err(drop)
    }

    fn read_bytes_at_until(
        self,
        range: std::ops::Range<u64>,
        delimiter: u8,
    ) -> Result<&'a [u8], ()> {
        let mut len = 0;
        while range.start + len < range.end && len <= MAX_NAME {
            let piece = self.block_from(range.start + len).map_err(drop)?;
            if piece.is_empty() {
                break;
            }
            if let Some(at) = piece.iter().position(|byte| *byte == delimiter) {
                len += at as u64;
                return if range.start + len < range.end {
                    self.read_bytes_at(range.start, len)
                } else {
                    Err(())
                };
            }
            len += piece.len() as u64;
        }
        Err(())
    }
}

/// All files that the analysis asked for.
pub struct Files {
    opener: Option<Box<dyn Opener>>,
    /// What becomes of those of configuration files.
    secrets: Secrets,
    /// How many bytes of these may still be read.
    config: Cell<u64>,
    room: Room,
    /// Secrets of the process that their names do not tell.
    known: KnownSecrets,
    opened: FrozenBTreeMap<FileRequest, Box<Result<OpenFile, FileError>>>,
    listed: FrozenBTreeMap<Text, Box<Result<Vec<Text>, FileError>>>,
}

impl Files {
    /// Files that are opened when they are asked for.
    pub fn live(opener: Box<dyn Opener>) -> Files {
        Files { opener: Some(opener), ..Files::closed() }
    }

    /// The same with this done to the secrets of configuration files that are opened from now on.
    pub fn with_secrets(self, secrets: Secrets) -> Files {
        Files { secrets, ..self }
    }

    /// No files, and nothing to open any.
    fn closed() -> Files {
        Files {
            opener: None,
            secrets: Secrets::default(),
            config: Cell::new(MAX_CONFIG),
            room: Room::default(),
            known: KnownSecrets::default(),
            opened: FrozenBTreeMap::new(),
            listed: FrozenBTreeMap::new(),
        }
    }

    /// Masks the configuration files that were read with their secrets, and those that are opened
    /// from now on.
    pub fn mask(&mut self) {
        self.hide(KnownSecrets::default());
    }

    /// The same; and hides secrets whose names do not tell that they are some.
    pub fn hide(&mut self, known: KnownSecrets) {
        (self.secrets, self.known) = (Secrets::Masked, known);
        self.config.set(MAX_CONFIG);
        for (request, answer) in std::mem::take(&mut self.opened).into_map() {
            let answer = match (&request, *answer) {
                (FileRequest::Config(path), Ok(file)) => self.read_masked(path.raw(), &file),
                (_, answer) => answer,
            };
            self.opened.insert(request, Box::new(answer));
        }
    }

    /// Opens a file, or answers as the first time.
    pub fn open(&self, request: &FileRequest) -> Result<&OpenFile, FileError> {
        let known = match self.opened.get(request) {
            Some(known) => known,
            None => self.opened.insert(request.clone(), Box::new(self.open_anew(request))),
        };
        known.as_ref().map_err(Clone::clone)
    }

    fn open_anew(&self, request: &FileRequest) -> Result<OpenFile, FileError> {
        let opener = self.opener.as_ref().ok_or(FileError::NotRecorded)?;
        let (source, meta) = opener.open(request)?;
        if meta.len > MAX_FILE {
            return Err(FileError::TooLarge(MAX_FILE));
        }
        let file = OpenFile::new(meta, Some(source), self.room.clone());
        match request {
            FileRequest::Config(path) => self.read_masked(path.raw(), &file),
            _ => Ok(file),
        }
    }

    /// A configuration file, read as a whole, with this done to its secrets.
    fn read_masked(&self, path: &str, file: &OpenFile) -> Result<OpenFile, FileError> {
        if file.len() > MAX_FILE_BYTES as u64 {
            return Err(FileError::TooLarge(MAX_FILE_BYTES as u64));
        }
        let Some(left) = self.config.get().checked_sub(file.len()) else {
            return Err(FileError::Other(format!(
                "not read: more than {MAX_CONFIG} bytes of configuration with those before it"
            )));
        };
        self.config.set(left);
        let bytes = file.read_all(MAX_FILE_BYTES as u64)?;
        let bytes = self.known.mask_file(self.secrets.mask_file(path, bytes));
        Ok(OpenFile::of_bytes(file.meta.clone(), &bytes))
    }

    /// Whether more was asked for than is kept.
    pub fn is_spent(&self) -> bool {
        self.room.is_spent()
    }

    /// Opens the file at a path inside the target's root.
    pub fn in_root(&self, path: &str) -> Result<&OpenFile, FileError> {
        self.open(&FileRequest::InRoot(path.into()))
    }

    /// Opens the configuration file at a path inside the target's root, its secrets masked.
    pub fn config(&self, path: &str) -> Result<&OpenFile, FileError> {
        self.open(&FileRequest::Config(path.into()))
    }

    /// The names in a directory inside the target's root, sorted.
    pub fn list(&self, path: &str) -> Result<&[Text], FileError> {
        let path = Text::from(path);
        let known = match self.listed.get(&path) {
            Some(known) => known,
            None => {
                let names = match &self.opener {
                    Some(opener) => opener.list(&path),
                    None => Err(FileError::NotRecorded),
                };
                self.listed.insert(path, Box::new(names))
            }
        };
        known.as_ref().map(Vec::as_slice).map_err(Clone::clone)
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

/// What was asked of the files and what they answered: [`Files`] as data.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FileLog {
    opened: Vec<(FileRequest, Result<RecordedFile, FileError>)>,
    listed: Vec<(Text, Result<Vec<Text>, FileError>)>,
}

/// The blocks that were read of one file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct RecordedFile {
    meta: FileMeta,
    blocks: Vec<(u32, Result<serde_bytes::ByteBuf, FileError>)>,
}

impl Files {
    /// What has been asked up to now.
    pub fn into_log(self) -> FileLog {
        let opened = self
            .opened
            .into_map()
            .into_iter()
            .map(|(request, answer)| (request, answer.map(RecordedFile::of)));
        let listed = self.listed.into_map().into_iter().map(|(path, names)| (path, *names));
        FileLog { opened: opened.collect(), listed: listed.collect() }
    }

    /// Files that answer as they did when the log was made.
    pub fn from_log(log: FileLog) -> Files {
        let files = Files::closed();
        for (request, answer) in log.opened {
            let answer = answer.and_then(|file| file.into_open(files.room.clone()));
            files.opened.insert(request, Box::new(answer));
        }
        for (path, names) in log.listed {
            files.listed.insert(path, Box::new(names));
        }
        files
    }
}

impl RecordedFile {
    fn of(file: OpenFile) -> RecordedFile {
        let blocks = file.blocks.into_blocks().map(|(index, block)| {
            (index, block.map(|bytes| serde_bytes::ByteBuf::from(bytes.into_vec())))
        });
        RecordedFile { meta: file.meta, blocks: blocks.collect() }
    }

    fn into_open(self, room: Room) -> Result<OpenFile, FileError> {
        if self.meta.len > MAX_FILE {
            return Err(FileError::TooLarge(MAX_FILE));
        }
        let file = OpenFile::new(self.meta, None, room);
        for (index, block) in self.blocks {
            let block = block.map(|bytes| bytes.into_vec().into_boxed_slice());
            file.blocks.insert(index, 1, block);
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::evidence::room::MAX_KEPT;

    /// A file of zeros that takes no space.
    struct Sparse;

    impl Source for Sparse {
        fn read_at(&self, _: u64, bytes: &mut [u8]) -> Result<usize, FileError> {
            bytes.fill(0);
            Ok(bytes.len())
        }
    }

    fn sparse() -> OpenFile {
        let meta = FileMeta { len: MAX_FILE, modified: 0, changed: None, identity: (0, 0) };
        OpenFile::new(meta, Some(Box::new(Sparse)), Room::default())
    }

    #[test]
    fn a_huge_piece_is_not_put_together() {
        let file = sparse();
        assert!(matches!(file.slice(0, MAX_SLICE + 1), Err(FileError::TooLarge(MAX_SLICE))));
        assert_eq!(file.blocks.len(), 1);
        file.room().take(MAX_KEPT - 2 * BLOCK).unwrap();
        assert!(file.slice(0, BLOCK + 1).is_err());
        assert_eq!(file.name_at(5, 100).unwrap(), b"");
    }

    #[test]
    fn a_file_that_was_read_to_its_end_is_closed() {
        let meta = FileMeta { len: BLOCK + 1, modified: 0, changed: None, identity: (0, 0) };
        let file = OpenFile::new(meta, Some(Box::new(Sparse)), Room::default());
        assert_eq!(file.block_from(BLOCK).unwrap(), [0]);
        assert!(file.source.borrow().is_some());
        assert_eq!(file.read_all(MAX_FILE).unwrap().len() as u64, BLOCK + 1);
        assert!(file.source.borrow().is_none());
    }
}
