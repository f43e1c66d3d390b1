//! The executable: its path, its build id, and whether the file at its path is the running one.

use crate::evidence::Snapshot;
use crate::evidence::files::Files;
use crate::module::{Module, Modules};
use crate::target::files::FileError;

/// What the kernel adds to the path of a file that was removed or replaced. A file may also be
/// called so: it is a hint for finding the path, never a proof.
const DELETED: &str = " (deleted)";

/// The executable of the process.
#[derive(Debug)]
pub struct Executable<'a, 'm> {
    /// Its path, as the process sees it.
    pub path: &'a str,
    /// Its mapped ELF file.
    pub module: Option<&'a Module<'m>>,
    /// What is at its path now.
    pub on_disk: OnDisk,
}

/// What is at the path of the executable now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDisk {
    /// The file that runs.
    Running,
    /// Another file, or none that could be run.
    Replaced,
    /// Nothing.
    Deleted,
    /// It could not be found out.
    NotKnown,
}

impl OnDisk {
    /// In words.
    pub fn words(self) -> Option<&'static str> {
        match self {
            OnDisk::Running => Some("the running one"),
            OnDisk::Replaced => Some("replaced since the start"),
            OnDisk::Deleted => Some("deleted"),
            OnDisk::NotKnown => None,
        }
    }
}

impl<'a, 'm> Executable<'a, 'm> {
    /// The executable of a process, if its path is known.
    pub fn of(
        snapshot: &'a Snapshot,
        files: &'a Files,
        modules: &'a Modules<'m>,
    ) -> Option<Executable<'a, 'm>> {
        let shown = snapshot.target.executable.as_ref()?;
        let module = modules.iter().find(|module| module.path() == shown);
        let path = path_of(files, shown.raw());
        let on_disk = module.map_or(OnDisk::NotKnown, |module| on_disk(files, path, module));
        Some(Executable { path, module, on_disk })
    }

    /// The build id, in hexadecimal.
    pub fn build_id(&self) -> Option<String> {
        let id = self.module?.image().ok()?.build_id()?;
        Some(id.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// The path of a file that the kernel shows as `shown`.
pub fn path_of<'a>(files: &Files, shown: &'a str) -> &'a str {
    match shown.strip_suffix(DELETED) {
        Some(path) if files.in_root(shown).is_err() => path,
        _ => shown,
    }
}

/// Compares the file at the path with the mapped one.
pub fn on_disk(files: &Files, path: &str, module: &Module<'_>) -> OnDisk {
    let found = match files.in_root(path) {
        Ok(file) => file.meta().identity,
        Err(FileError::Absent) => return OnDisk::Deleted,
        Err(FileError::NotRegular) => return OnDisk::Replaced,
        Err(_) => return OnDisk::NotKnown,
    };
    // The inode is known of the mapping itself, but its device is not: overlay and btrfs show
    // another one there than to stat(2).
    let inode = module.mappings().first().map(|mapping| mapping.inode);
    if inode != Some(found.1) {
        return OnDisk::Replaced;
    }
    match files.open(&module.request()) {
        Ok(running) if running.meta().identity == found => OnDisk::Running,
        Ok(running) if running.meta().identity.1 != found.1 => OnDisk::Replaced,
        _ => OnDisk::NotKnown,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::addr::Addr;
    use crate::evidence::fake::{FakeFile, FakeRoot, snapshot};
    use crate::target::Mapping;

    const START: Addr = Addr(0x1000);

    fn file(inode: u64) -> FakeFile {
        FakeFile { bytes: b"\x7fELF".to_vec(), modified: 0, inode }
    }

    /// The path and the state of an executable shown as `shown`, with these files in the root.
    fn state(shown: &str, in_root: &[(&str, u64)]) -> (String, OnDisk) {
        let mut seen = snapshot(&[]);
        seen.target.executable = Some(shown.into());
        seen.mappings = vec![Mapping {
            start: START,
            end: Addr(0x2000),
            readable: true,
            writable: false,
            executable: true,
            offset: 0,
            device: (8, 1),
            inode: 7,
            path: shown.into(),
        }];
        let mut root = FakeRoot::default();
        root.map(START, file(7));
        in_root.iter().for_each(|(path, inode)| root.add(path, file(*inode)));
        let files = root.files();
        let modules = Modules::new(&files, &seen.mappings);
        let found = Executable::of(&seen, &files, &modules);
        found.map(|found| (found.path.to_owned(), found.on_disk)).unwrap()
    }

    #[test]
    fn the_file_at_the_path_is_compared_by_inode() {
        assert_eq!(state("/bin/x", &[("/bin/x", 7)]), ("/bin/x".into(), OnDisk::Running));
        assert_eq!(state("/bin/x", &[("/bin/x", 8)]), ("/bin/x".into(), OnDisk::Replaced));
        assert_eq!(state("/bin/x", &[]), ("/bin/x".into(), OnDisk::Deleted));
    }

    #[test]
    fn the_kernels_word_for_a_deleted_file_is_no_proof() {
        let shown = "/bin/x (deleted)";
        assert_eq!(state(shown, &[(shown, 7)]), (shown.into(), OnDisk::Running));
        assert_eq!(state(shown, &[("/bin/x", 8)]), ("/bin/x".into(), OnDisk::Replaced));
        assert_eq!(state(shown, &[("/bin/x", 7)]), ("/bin/x".into(), OnDisk::Running));
        assert_eq!(state(shown, &[]), ("/bin/x".into(), OnDisk::Deleted));
    }
}
