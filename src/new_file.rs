//! Files that guru makes for its user: new, private, and gone again if nothing came of them.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file that was not there before, mode 0600. Dropping it before it is filled removes it, so
/// that the same command can be tried again.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    path: PathBuf,
    filled: bool,
}

impl NewFile {
    /// Creates it. A symbolic link is not followed.
    pub fn create(path: &Path) -> io::Result<NewFile> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(NewFile { file, path: path.to_owned(), filled: false })
    }

    /// Lets `write` fill it, from its start. It stays only if it is kept.
    pub fn fill(&self, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
        self.file.set_len(0)?;
        (&self.file).rewind()?;
        write(&self.file)
    }

    /// What to write to. It stays only if it is kept.
    pub fn writer(&self) -> &File {
        &self.file
    }

    /// Lets it stay.
    pub fn keep(mut self) {
        self.filled = true;
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.filled {
            // What can not be removed stays, empty.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_stays_only_when_it_is_filled() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        drop(NewFile::create(&path).unwrap());
        assert!(!path.exists());
        let failing = NewFile::create(&path).unwrap();
        failing.fill(|_| Err(io::Error::other("full"))).unwrap_err();
        drop(failing);
        assert!(!path.exists());

        let file = NewFile::create(&path).unwrap();
        file.fill(|mut file| file.write_all(b"a longer text")).unwrap();
        file.fill(|mut file| file.write_all(b"text")).unwrap();
        file.keep();
        assert_eq!(std::fs::read(&path).unwrap(), b"text");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(NewFile::create(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"text");
    }
}
