//! The files of a process that does not exist.

use std::collections::BTreeMap;

use guru::addr::Addr;
use guru::evidence::files::Files;
use guru::target::Mapping;
use guru::target::files::{FileError, FileMeta, FileRequest, Opener, Source};
use guru::text::Text;

/// Where its only program is mapped.
pub const BASE: u64 = 0x5555_0000_0000;

/// Files by their paths; the one that is mapped has the path [`PROGRAM`].
#[derive(Default)]
pub struct Root(BTreeMap<String, Vec<u8>>);

/// The program.
pub const PROGRAM: &str = "/bin/program";

impl Root {
    /// These files.
    pub fn of(files: &[(&str, &[u8])]) -> Files {
        let files = files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec()));
        Files::live(Box::new(Root(files.collect())))
    }
}

/// The mapping of the program, with this many bytes of file.
pub fn mapping(len: usize) -> Mapping {
    let (start, end) = (Addr(BASE), Addr(BASE + len as u64));
    let (device, inode, path) = ((8, 1), 7, PROGRAM.into());
    Mapping {
        start,
        end,
        readable: true,
        writable: false,
        executable: true,
        offset: 0,
        device,
        inode,
        path,
    }
}

impl Opener for Root {
    fn open(&self, request: &FileRequest) -> Result<(Box<dyn Source>, FileMeta), FileError> {
        let path = match request {
            FileRequest::InRoot(path) | FileRequest::Config(path) => path.raw(),
            FileRequest::Mapped { .. } => PROGRAM,
            FileRequest::Debug(_) => return Err(FileError::Absent),
        };
        let bytes = self.0.get(path).cloned().ok_or(FileError::Absent)?;
        let len = bytes.len() as u64;
        let meta = FileMeta { len, modified: 0, changed: None, identity: (1, 7) };
        Ok((Box::new(Bytes(bytes)), meta))
    }

    fn list(&self, path: &Text) -> Result<Vec<Text>, FileError> {
        let inside = |file: &String| {
            let rest = file.strip_prefix(path.raw())?.strip_prefix('/')?;
            Some(rest.split('/').next()?.to_owned())
        };
        let mut names: Vec<String> = self.0.keys().filter_map(inside).collect();
        names.dedup();
        if names.is_empty() {
            return Err(FileError::Absent);
        }
        Ok(names.into_iter().map(Text::from).collect())
    }
}

struct Bytes(Vec<u8>);

impl Source for Bytes {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, FileError> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let len = buf.len().min(self.0.len() - from);
        buf[..len].copy_from_slice(&self.0[from..from + len]);
        Ok(len)
    }
}
