//! Files of the target, read piece by piece, with a log of what was read.
//!
//! The log *is* the cache: a file is a table of blocks, filled on first use. What the analysis
//! read can be saved with the evidence, and a recording answers exactly the same questions with
//! exactly the same bytes; a question that was not asked then is answered "not recorded".
//! "Absent" is an answer, too. Opening is done elsewhere: see [`Opener`].

use std::cell::OnceCell;
use std::fmt;

use elsa::{FrozenBTreeMap, FrozenMap};
use serde::{Deserialize, Serialize};

use crate::config::MAX_FILE_BYTES;
use crate::config::mask::mask_config_text;
use crate::target::files::{FileError, FileMeta, FileRequest, Opener, Source};
use crate::text::Text;

/// The size of a block, in bytes: what one read brings.
pub const BLOCK: u64 = 16 * 1024;

/// The largest file that is opened at all, in bytes. The block table of a file this large takes
/// 2 MiB.
pub const MAX_FILE: u64 = 2 << 30;

type Block = Result<Box<[u8]>, FileError>;

/// A file, read block by block.
pub struct OpenFile {
    meta: FileMeta,
    source: Option<Box<dyn Source>>,
    blocks: Vec<OnceCell<Block>>,
    /// Ranges that crossed a block's border, put together.
    joined: FrozenMap<(u64, u64), Box<[u8]>>,
    /// Sections that were stored compressed, by where they begin.
    inflated: FrozenMap<u64, Box<[u8]>>,
}

impl OpenFile {
    fn new(meta: FileMeta, source: Option<Box<dyn Source>>) -> OpenFile {
        let count = usize::try_from(meta.len.div_ceil(BLOCK)).unwrap_or(0);
        let blocks = std::iter::repeat_with(OnceCell::new).take(count).collect();
        OpenFile { meta, source, blocks, joined: FrozenMap::new(), inflated: FrozenMap::new() }
    }

    /// A file with these bytes instead of its own.
    fn of_bytes(meta: FileMeta, bytes: &[u8]) -> OpenFile {
        let meta = FileMeta { len: bytes.len() as u64, ..meta };
        let file = OpenFile::new(meta, None);
        let chunks = bytes.chunks(usize::try_from(BLOCK).unwrap_or(usize::MAX));
        let blocks = chunks.map(|chunk| OnceCell::from(Ok(chunk.into()))).collect();
        OpenFile { blocks, ..file }
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

    /// The bytes from `offset` to the end of the block that holds it; none at the end.
    pub fn block_from(&self, offset: u64) -> Result<&[u8], FileError> {
        let index = usize::try_from(offset / BLOCK).unwrap_or(usize::MAX);
        let Some(cell) = self.blocks.get(index) else { return Ok(&[]) };
        let block = cell.get_or_init(|| self.fetch(offset / BLOCK * BLOCK));
        let bytes = block.as_ref().map_err(Clone::clone)?;
        let inside = usize::try_from(offset % BLOCK).unwrap_or(usize::MAX);
        Ok(bytes.get(inside..).unwrap_or_default())
    }

    fn fetch(&self, offset: u64) -> Block {
        let source = self.source.as_ref().ok_or(FileError::NotRecorded)?;
        let len = usize::try_from(BLOCK.min(self.meta.len - offset)).unwrap_or(0);
        let mut bytes = vec![0; len];
        // A file may shrink while it is read: what is gone is simply not there.
        let got = source.read_at(offset, &mut bytes)?;
        bytes.truncate(got);
        Ok(bytes.into_boxed_slice())
    }

    /// `len` bytes from `offset` on, as one piece; fails where the file has fewer.
    pub fn slice(&self, offset: u64, len: u64) -> Result<&[u8], FileError> {
        let end = offset.checked_add(len).filter(|end| *end <= self.meta.len);
        let end = end.ok_or_else(|| FileError::Other("the file is shorter than it says".into()))?;
        let wanted = usize::try_from(len).unwrap_or(usize::MAX);
        let first = self.block_from(offset)?;
        if let Some(bytes) = first.get(..wanted) {
            return Ok(bytes);
        }
        if let Some(bytes) = self.joined.get(&(offset, len)) {
            return Ok(bytes);
        }
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

    /// The whole file, if it is no larger than `limit` bytes.
    pub fn read_all(&self, limit: u64) -> Result<&[u8], FileError> {
        if self.meta.len > limit {
            return Err(FileError::TooLarge(limit));
        }
        self.slice(0, self.meta.len)
    }

    /// What `inflate` makes of the compressed bytes at `offset`, made once.
    pub fn inflated(
        &self,
        offset: u64,
        inflate: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Option<&[u8]> {
        if let Some(bytes) = self.inflated.get(&offset) {
            return Some(bytes);
        }
        Some(self.inflated.insert(offset, inflate()?.into_boxed_slice()))
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
        while range.start + len < range.end {
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
    opened: FrozenBTreeMap<FileRequest, Box<Result<OpenFile, FileError>>>,
    listed: FrozenBTreeMap<Text, Box<Result<Vec<Text>, FileError>>>,
}

impl Files {
    /// Files that are opened when they are asked for.
    pub fn live(opener: Box<dyn Opener>) -> Files {
        Files { opener: Some(opener), opened: FrozenBTreeMap::new(), listed: FrozenBTreeMap::new() }
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
        let file = OpenFile::new(meta, Some(source));
        match request {
            FileRequest::Config(_) => {
                let bytes = file.read_all(MAX_FILE_BYTES as u64)?;
                Ok(OpenFile::of_bytes(file.meta.clone(), &mask_config_text(bytes)))
            }
            _ => Ok(file),
        }
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
            .map(|(request, answer)| (request, answer.map(|file| RecordedFile::of(&file))));
        let listed = self.listed.into_map().into_iter().map(|(path, names)| (path, *names));
        FileLog { opened: opened.collect(), listed: listed.collect() }
    }

    /// Files that answer as they did when the log was made.
    pub fn from_log(log: FileLog) -> Files {
        let files =
            Files { opener: None, opened: FrozenBTreeMap::new(), listed: FrozenBTreeMap::new() };
        for (request, answer) in log.opened {
            let answer = answer.and_then(RecordedFile::into_open);
            files.opened.insert(request, Box::new(answer));
        }
        for (path, names) in log.listed {
            files.listed.insert(path, Box::new(names));
        }
        files
    }
}

impl RecordedFile {
    fn of(file: &OpenFile) -> RecordedFile {
        let blocks = (0u32..).zip(&file.blocks).filter_map(|(index, cell)| {
            let block = cell.get()?.as_ref().map_err(Clone::clone);
            Some((index, block.map(|bytes| serde_bytes::ByteBuf::from(bytes.to_vec()))))
        });
        RecordedFile { meta: file.meta.clone(), blocks: blocks.collect() }
    }

    fn into_open(self) -> Result<OpenFile, FileError> {
        if self.meta.len > MAX_FILE {
            return Err(FileError::TooLarge(MAX_FILE));
        }
        let mut file = OpenFile::new(self.meta, None);
        for (index, block) in self.blocks {
            let place = usize::try_from(index).ok().and_then(|index| file.blocks.get_mut(index));
            if let Some(place) = place {
                *place = OnceCell::from(block.map(|bytes| bytes.into_vec().into_boxed_slice()));
            }
        }
        Ok(file)
    }
}
