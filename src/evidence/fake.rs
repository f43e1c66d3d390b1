//! Evidence for tests: a snapshot of a process that does not exist, and its files.
//!
//! The files are a table of paths in place of a file system. It follows no symlinks: two paths of one file are two entries with the same inode.

use crate::asked::Asked;
use std::collections::{BTreeMap, BTreeSet};

use crate::addr::Addr;
use crate::arch::Arch;
use crate::evidence::files::Files;
use crate::evidence::pages::Recording;
use crate::evidence::{Held, Snapshot};
use crate::report::Hold;
use crate::target::files::{FileError, FileMeta, FileRequest, Opener, Source};
use crate::target::{OpenFiles, ProcessFacts, TargetFacts};
use crate::text::Text;

/// A snapshot of process 10, of user 42, with this command line; it started at second 1000.
pub fn snapshot(command: &[&str]) -> Snapshot {
    let command = command.iter().copied().map(Text::from).collect();
    Snapshot {
        asked: Asked::default(),
        searches: Vec::new(),
        ran: Vec::new(),
        target: TargetFacts {
            process: ProcessFacts { command, ..process(10, 1) },
            parent: None,
            arch: Arch::X86_64,
            executable: None,
            directory: Some("/srv".into()),
            stack_start: None,
            environment: Vec::new(),
            open_files: OpenFiles::default(),
            cgroup: None,
            mounts: Vec::new(),
        },
        descendants: Vec::new(),
        threads: Vec::new(),
        mappings: Vec::new(),
        memory: Recording::default(),
        hold: Held { hold: Hold::All, at: 2000, paused_us: Some(0), held_us: 0 },
        notes: Vec::new(),
    }
}

/// What `/proc` tells of a process with these ids.
pub fn process(pid: i32, ppid: i32) -> ProcessFacts {
    ProcessFacts {
        pid,
        ppid,
        name: "server".into(),
        state: 'S',
        uid: 42,
        started: Some(1000),
        command: Vec::new(),
        cut: false,
    }
}

/// The files of a process that does not exist.
#[derive(Default)]
pub struct FakeRoot {
    in_root: BTreeMap<String, Result<FakeFile, FileError>>,
    mapped: BTreeMap<Addr, FakeFile>,
}

/// One of them.
#[derive(Clone)]
pub struct FakeFile {
    /// Its content.
    pub bytes: Vec<u8>,
    /// When it was written, in seconds since 1970.
    pub modified: i64,
    /// Its inode; the device is always 1.
    pub inode: u64,
}

impl FakeRoot {
    /// A root with these files, each with an inode of its own, from 100 on.
    pub fn new(files: &[(&str, &str)]) -> FakeRoot {
        let mut root = FakeRoot::default();
        for (inode, (path, content)) in (100..).zip(files) {
            root.add(path, FakeFile { bytes: content.as_bytes().to_vec(), modified: 0, inode });
        }
        root
    }

    /// Puts a file at a path.
    pub fn add(&mut self, path: &str, file: FakeFile) {
        self.in_root.insert(path.into(), Ok(file));
    }

    /// Makes a path fail.
    pub fn fail(&mut self, path: &str, error: FileError) {
        self.in_root.insert(path.into(), Err(error));
    }

    /// Maps a file at an address.
    pub fn map(&mut self, start: Addr, file: FakeFile) {
        self.mapped.insert(start, file);
    }

    /// The files, as the analysis gets them.
    pub fn files(self) -> Files {
        Files::live(Box::new(self))
    }
}

impl Opener for FakeRoot {
    fn open(&self, request: &FileRequest) -> Result<(Box<dyn Source>, FileMeta), FileError> {
        let file = match request {
            FileRequest::InRoot(path) | FileRequest::Config(path) => {
                self.in_root.get(path.raw()).cloned().ok_or(FileError::Absent)??
            }
            FileRequest::Mapped { start, .. } => {
                self.mapped.get(start).cloned().ok_or(FileError::Absent)?
            }
            FileRequest::Debug(_) => return Err(FileError::Absent),
        };
        let len = file.bytes.len() as u64;
        let meta =
            FileMeta { len, modified: file.modified, changed: None, identity: (1, file.inode) };
        Ok((Box::new(Bytes(file.bytes)), meta))
    }

    fn list(&self, path: &Text) -> Result<Vec<Text>, FileError> {
        let names: BTreeSet<&str> = self
            .in_root
            .keys()
            .filter_map(|file| file.strip_prefix(path.raw())?.strip_prefix('/')?.split('/').next())
            .collect();
        if names.is_empty() {
            return Err(FileError::Absent);
        }
        Ok(names.into_iter().map(Text::from).collect())
    }
}

struct Bytes(Vec<u8>);

impl Source for Bytes {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError> {
        let rest = &self.0[usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len())..];
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }
}
