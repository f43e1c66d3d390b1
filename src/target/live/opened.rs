//! The files that a process holds open for reading only.
//!
//! What it can write is data or a log. Nothing is opened here: the links below `/proc/PID/fd` tell
//! path and mode (proc_pid_fd(5)).

use std::os::fd::AsFd as _;

use rustix::fs::{AtFlags, Dir};

use crate::target::live::facts::Root;
use crate::target::live::proc::ProcDir;
use crate::target::{MAX_OPEN_FILES, OpenFiles};
use crate::text::Text;

/// The most descriptors that are looked at: a busy server has 100,000 sockets, and what it reads at its
/// start has low numbers.
const MAX_DESCRIPTORS: usize = 4096;

/// Files whose paths begin so are the kernel's, or memory.
const NO_FILES: &[&[u8]] = &[b"/dev/", b"/proc/", b"/sys/", b"/memfd:"];

/// The files that this process holds open for reading only, by their paths, each once.
pub fn open_files(process: &ProcDir, root: &Root) -> OpenFiles {
    let mut found = OpenFiles::default();
    let Ok(descriptors) = process.directory("fd") else { return found };
    let entries = Dir::read_from(descriptors.as_fd()).into_iter().flatten();
    for (index, entry) in entries.flatten().enumerate() {
        if index >= MAX_DESCRIPTORS || found.paths.len() >= MAX_OPEN_FILES {
            found.more = true;
            break;
        }
        found
            .paths
            .extend(entry.file_name().to_str().ok().and_then(|fd| file(&descriptors, fd, root)));
    }
    found.paths.sort();
    found.paths.dedup();
    found
}

/// The path of a file that is open for reading only.
fn file(descriptors: &ProcDir, fd: &str, root: &Root) -> Option<Text> {
    let link = descriptors.link(fd).ok()?;
    let path = link.as_slice();
    let is_file = path.starts_with(b"/")
        && !path.ends_with(b" (deleted)")
        && !NO_FILES.iter().any(|prefix| path.starts_with(prefix));
    // The link's own mode says how the file was opened.
    let readable_only = || {
        let stat = rustix::fs::statat(descriptors, fd, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(stat.st_mode & 0o600 == 0o400)
    };
    (is_file && readable_only()?).then(|| Text::from_bytes(root.inside(path)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn files_open_for_reading_are_listed_and_those_open_for_writing_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let written = std::fs::File::create(path("written.conf")).unwrap();
        std::fs::write(path("read.conf"), "a 1\n").unwrap();
        let read = std::fs::File::open(path("read.conf")).unwrap();
        let pid = std::process::id().cast_signed();
        let process = ProcDir::open(pid).unwrap();
        let found = open_files(&process, &Root::of(&process));
        let has = |name: &str| {
            let path = path(name);
            found.paths.iter().any(|found| found.raw() == path.to_str().unwrap())
        };
        assert!(has("read.conf") && !has("written.conf"), "{found:?}");
        assert!(!found.more);
        drop((written, read));
    }
}
