//! The directories of files that define sections: the machine's, and the user's.
//!
//! Such a file may name a command, which runs with the rights of whoever calls guru. So a file
//! counts only if nobody else could have written it: it and its directory belong to root or to the
//! caller, and neither group nor others may write to them. Root does not run what a user wrote,
//! whatever `XDG_CONFIG_HOME` says.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::note::Note;
use crate::own::definition::{self, Definition};

/// Where packages of the machine put theirs.
const SYSTEM: &str = "/etc/guru/sections.d";

/// Below the user's directory of configuration.
const USER: &str = "guru/sections.d";

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 256 << 10;

/// The most files of one directory that are read.
const MAX_FILES: usize = 256;

/// What group and others may not do.
const WRITE: u32 = 0o022;

/// The sections that the machine defines and then those that the user does, each by the name of
/// their files. What is not used is a note.
pub fn definitions(notes: &mut Vec<Note>) -> Vec<Definition> {
    let mut definitions = Vec::new();
    for directory in std::iter::once(PathBuf::from(SYSTEM)).chain(of_user()) {
        match of_directory(&directory, notes) {
            Ok(found) => definitions.extend(found),
            Err(why) => notes.push(Note::missing(shown(&directory), why)),
        }
    }
    definitions
}

/// `$XDG_CONFIG_HOME/guru/sections.d`, or that below `~/.config` (XDG Base Directory
/// Specification 0.8: a relative path does not count).
fn of_user() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let base = variable("XDG_CONFIG_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".config")))?;
    Some(base.join(USER))
}

fn of_directory(path: &Path, notes: &mut Vec<Note>) -> Result<Vec<Definition>, String> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(directory) => directory,
        Err(Errno::NOENT) => return Ok(Vec::new()),
        Err(error) => return Err(unread(error)),
    };
    trusted(&rustix::fs::fstat(&directory).map_err(unread)?)?;
    let entries = rustix::fs::Dir::read_from(&directory).map_err(unread)?;
    let names = entries.filter_map(Result::ok).map(|entry| entry.file_name().to_owned());
    let mut names: Vec<_> = names
        .filter(|name| name.to_bytes().ends_with(b".toml") && !name.to_bytes().starts_with(b"."))
        .collect();
    names.sort();
    if names.len() > MAX_FILES {
        let text = format!("only the first {MAX_FILES} files are read");
        notes.push(Note::missing(shown(path), text));
    }
    let mut definitions = Vec::new();
    for name in names.iter().take(MAX_FILES) {
        let file = shown(&path.join(name.to_string_lossy().as_ref()));
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let opened = rustix::fs::openat(&directory, name.as_c_str(), flags, Mode::empty());
        match opened.map_err(unread).and_then(read) {
            Ok(text) => definitions.extend(definition::parse(&file, &text, notes)),
            Err(why) => notes.push(Note::missing(file, why)),
        }
    }
    Ok(definitions)
}

fn read(file: OwnedFd) -> Result<String, String> {
    let stat = rustix::fs::fstat(&file).map_err(unread)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err("not used: it is not a regular file".to_owned());
    }
    trusted(&stat)?;
    let mut text = Vec::new();
    let read = File::from(file).take(MAX_FILE + 1).read_to_end(&mut text);
    read.map_err(|error| format!("not read: {error}"))?;
    if text.len() as u64 > MAX_FILE {
        return Err(format!("not used: larger than {MAX_FILE} bytes"));
    }
    String::from_utf8(text).map_err(|_| "not used: it is not UTF-8".to_owned())
}

/// Whether only root and the caller can have written it.
fn trusted(stat: &Stat) -> Result<(), String> {
    let (caller, owner) = (rustix::process::geteuid().as_raw(), stat.st_uid);
    if owner != 0 && owner != caller {
        return Err(format!(
            "not used: it belongs to user {owner}, neither to root nor to the caller (user \
             {caller})"
        ));
    }
    if stat.st_mode & WRITE != 0 {
        return Err("not used: others may write to it (to do: chmod go-w)".to_owned());
    }
    Ok(())
}

fn unread(error: Errno) -> String {
    format!("not read: {}", io::Error::from(error))
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
