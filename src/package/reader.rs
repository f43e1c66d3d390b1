//! Reads the many small files of a package database within a budget, and remembers what failed.
//!
//! A search that found nothing means "there is none" only if all could be read.

use std::cell::{Cell, OnceCell};

use crate::evidence::files::Files;
use crate::target::files::FileError;

/// The largest file that is read, in bytes: dpkg's status file of a full desktop has 10 MiB.
pub const MAX_FILE: u64 = 24 << 20;

/// The most bytes that one search reads, again and again, too. dpkg's file lists of a server take
/// 10 MiB.
pub const MAX_TOTAL: u64 = 64 << 20;

/// Files, read whole, up to a total.
#[derive(Debug)]
pub struct Reader<'a> {
    /// The files.
    pub files: &'a Files,
    left: Cell<u64>,
    trouble: OnceCell<String>,
}

impl<'a> Reader<'a> {
    /// A reader with its whole budget.
    pub fn new(files: &'a Files) -> Reader<'a> {
        Reader { files, left: Cell::new(MAX_TOTAL), trouble: OnceCell::new() }
    }

    /// Whether there is a file that can be opened.
    pub fn has(&self, path: &str) -> bool {
        self.files.in_root(path).inspect_err(|error| self.failed(path, error)).is_ok()
    }

    /// The content of a file; `None` if it is absent or cannot be read.
    pub fn read(&self, path: &str) -> Option<&'a [u8]> {
        let limit = MAX_FILE.min(self.left.get());
        match self.files.in_root(path).and_then(|file| file.read_all(limit)) {
            Ok(bytes) => {
                self.left.set(self.left.get().saturating_sub(bytes.len() as u64));
                Some(bytes)
            }
            Err(error) => {
                self.failed(path, &error);
                None
            }
        }
    }

    /// The names in a directory; none if it is absent or cannot be read.
    pub fn list(&self, path: &str) -> impl Iterator<Item = &'a str> {
        let names = self.files.list(path).inspect_err(|error| self.failed(path, error));
        names.unwrap_or_default().iter().map(crate::text::Text::raw)
    }

    /// The first thing that could not be read, other than for being absent.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.get().map(String::as_str)
    }

    /// Remembers why a file does not tell all, if it is the first.
    pub fn note(&self, path: &str, why: &str) {
        self.trouble.get_or_init(|| format!("{path}: {why}"));
    }

    fn failed(&self, path: &str, error: &FileError) {
        if *error != FileError::Absent {
            self.note(path, &error.to_string());
        }
    }
}
