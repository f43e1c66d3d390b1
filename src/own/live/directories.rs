//! The directories of files that define sections: the machine's, and the user's.
//!
//! Such a file may name a command, which runs with the rights of whoever calls guru. So a file
//! counts only if nobody else could have written it or put another in its place: see [`super::way`].
//! Root does not run what a user wrote, whatever `XDG_CONFIG_HOME` and `HOME` say: with sudo they may
//! still be those of the user who typed it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::way::{self, Stop};
use crate::note::Note;
use crate::own::definition::{self, Definition};

/// Where packages of the machine put theirs.
const SYSTEM: &str = "/etc/guru/sections.d";

/// Below the user's directory of configuration.
const USER: &str = "guru/sections.d";

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 256 << 10;

/// The most names of one directory that are looked at.
const MAX_NAMES: usize = 20_000;

/// The most files of one directory that are read.
const MAX_FILES: usize = 256;

/// The sections that the machine defines and then those that the user does, each by the name of
/// their files. What is not used is a note.
pub fn definitions(notes: &mut Vec<Note>) -> Vec<Definition> {
    let mut definitions = Vec::new();
    for directory in std::iter::once(PathBuf::from(SYSTEM)).chain(of_user()) {
        match of_directory(&directory, notes) {
            Ok(found) => definitions.extend(found),
            Err(Stop::Absent) => {}
            // Whether there are any below somebody else's directory is not looked for.
            Err(stop @ Stop::Foreign { .. }) if !is_at(&stop, &directory) => {
                notes.push(Note::remark(shown(&directory), told(&stop, &directory)));
            }
            Err(stop) => notes.push(Note::missing(shown(&directory), told(&stop, &directory))),
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

fn of_directory(path: &Path, notes: &mut Vec<Note>) -> Result<Vec<Definition>, Stop> {
    let directory = way::directory(path)?;
    let entries = rustix::fs::Dir::read_from(&directory)?;
    let names = entries.filter_map(Result::ok).map(|entry| entry.file_name().to_owned());
    let mut names: Vec<_> = names
        .filter(|name| name.to_bytes().ends_with(b".toml") && !name.to_bytes().starts_with(b"."))
        .take(MAX_NAMES)
        .collect();
    names.sort();
    if names.len() > MAX_FILES {
        let text = format!("only the first {MAX_FILES} files are read");
        notes.push(Note::missing(shown(path), text));
    }
    let mut definitions = Vec::new();
    for name in names.iter().take(MAX_FILES) {
        let file = path.join(OsStr::from_bytes(name.to_bytes()));
        match way::file(&file).map_err(|stop| told(&stop, &file)).and_then(|it| read(it.into())) {
            Ok(text) => definitions.extend(definition::parse(&shown(&file), &text, notes)),
            Err(why) => notes.push(Note::missing(shown(&file), why)),
        }
    }
    Ok(definitions)
}

fn read(file: File) -> Result<String, String> {
    let mut text = Vec::new();
    let read = file.take(MAX_FILE + 1).read_to_end(&mut text);
    read.map_err(|error| format!("not read: {error}"))?;
    if text.len() as u64 > MAX_FILE {
        return Err(format!("not used: larger than {MAX_FILE} bytes"));
    }
    String::from_utf8(text).map_err(|_| "not used: it is not UTF-8".to_owned())
}

/// Why it is not used.
fn told(stop: &Stop, path: &Path) -> String {
    let what = |at: &Path| match at == path {
        true => "it".to_owned(),
        false => format!("{}, on the way to it,", shown(at)),
    };
    match stop {
        Stop::Absent => "not read: there is no such file".to_owned(),
        Stop::Failed(why) => format!("not used: {why}"),
        Stop::Writable { path: at, .. } if at == path => {
            "not used: others may write to it (to do: chmod go-w)".to_owned()
        }
        Stop::Writable { path: at, sticky } => {
            let at = shown(at);
            let hint = match sticky {
                true => "put it elsewhere".to_owned(),
                false => format!("chmod go-w {at}"),
            };
            format!("not used: others may write to {at}, on the way to it (to do: {hint})")
        }
        Stop::Foreign { path: at, owner } => {
            let caller = rustix::process::geteuid();
            let hint = match caller.is_root() {
                true => {
                    format!("; root runs nothing that a user wrote (to do: put it into {SYSTEM})")
                }
                false => String::new(),
            };
            format!(
                "not used: {} belongs to user {owner}, neither to root nor to the caller (user {}){hint}",
                what(at),
                caller.as_raw()
            )
        }
    }
}

/// Whether it is the thing itself, and not one on the way to it, that belongs to somebody else.
fn is_at(stop: &Stop, path: &Path) -> bool {
    matches!(stop, Stop::Foreign { path: at, .. } if at == path)
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
