//! The files whose packages are looked for: all of them in one pass over a database.

use std::collections::HashMap;

use super::SystemPackage;
use crate::evidence::files::Files;

/// Directories that are one on systems with a merged `/usr`, while packages still list files under
/// the path that they were packed with.
const MERGED: &[&str] = &["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// The longest path whose length is remembered apart; longer ones are compared at once.
const MAX_LENGTH: usize = 256;

/// Files whose packages are looked for.
#[derive(Debug)]
pub struct Wanted<'p> {
    files: Vec<WantedFile<'p>>,
    /// The files by the names that a database may have for them, without the first `/`.
    by_path: HashMap<Vec<u8>, usize>,
    /// Which lengths these names have: nearly every line of a database has another.
    lengths: [bool; MAX_LENGTH],
    packages: Vec<SystemPackage>,
    left: usize,
}

/// One of them.
#[derive(Debug)]
pub struct WantedFile<'p> {
    /// Its number.
    pub number: usize,
    /// Its path, as the process sees it.
    pub path: &'p str,
    /// Whether it is worth reading the whole database for.
    pub must: bool,
    /// The number of its package.
    owner: Option<usize>,
}

impl<'p> Wanted<'p> {
    /// These files, by their absolute paths; those that `must` be found.
    pub fn new(files: &Files, paths: impl Iterator<Item = (&'p str, bool)>) -> Wanted<'p> {
        let mut wanted = Wanted {
            files: Vec::new(),
            by_path: HashMap::new(),
            lengths: [false; MAX_LENGTH],
            packages: Vec::new(),
            left: 0,
        };
        let mut merged = Merged { files, known: HashMap::new() };
        for (path, must) in paths {
            let number = wanted.files.len();
            wanted.files.push(WantedFile { number, path, must, owner: None });
            wanted.left += 1;
            wanted.add(number, path);
            if let Some(alias) = merged.alias(path) {
                wanted.add(number, &alias);
            }
        }
        wanted
    }

    fn add(&mut self, at: usize, path: &str) {
        let name = path.strip_prefix('/').unwrap_or(path);
        if let Some(has) = self.lengths.get_mut(name.len()) {
            *has = true;
        }
        self.by_path.insert(name.as_bytes().to_vec(), at);
    }

    /// The names that a database may have for the files, without the first `/`.
    pub fn names(&self) -> Vec<&[u8]> {
        let names = self.by_path.iter().filter(|(_, number)| self.is_left(**number));
        let mut names: Vec<&[u8]> = names.map(|(name, _)| name.as_slice()).collect();
        names.sort_unstable();
        names
    }

    /// The files that no package was found for as yet.
    pub fn left(&self) -> impl Iterator<Item = &WantedFile<'p>> {
        self.files.iter().filter(|file| file.owner.is_none())
    }

    /// Whether no package was found for this file as yet.
    pub fn is_left(&self, number: usize) -> bool {
        self.files.get(number).is_some_and(|file| file.owner.is_none())
    }

    /// Whether all were found.
    pub fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Gives the wanted files among these names (without the first `/`) to a package; whether there
    /// was any.
    pub fn claim(
        &mut self,
        names: impl Iterator<Item = impl AsRef<[u8]>>,
        package: impl FnOnce() -> SystemPackage,
    ) -> bool {
        let number = self.packages.len();
        let before = self.left;
        for name in names {
            let name = name.as_ref();
            if self.left == 0 {
                break;
            }
            if self.lengths.get(name.len()) == Some(&false) {
                continue;
            }
            let found = self.by_path.get(name).and_then(|at| self.files.get_mut(*at));
            if let Some(file) = found.filter(|file| file.owner.is_none()) {
                file.owner = Some(number);
                self.left -= 1;
            }
        }
        let any = self.left != before;
        if any {
            self.packages.push(package());
        }
        any
    }

    /// The files in order, each with its package.
    pub fn owners(&self) -> impl Iterator<Item = Option<&SystemPackage>> {
        self.files.iter().map(|file| self.packages.get(file.owner?))
    }
}

/// Which of the directories are one with those below `/usr`.
struct Merged<'a> {
    files: &'a Files,
    known: HashMap<&'static str, bool>,
}

impl Merged<'_> {
    /// The other name of a file, where `/bin` is a symlink to `/usr/bin` or the other way round.
    fn alias(&mut self, path: &str) -> Option<String> {
        let bare = path.strip_prefix("/usr").unwrap_or(path);
        let directory = MERGED.iter().find(|dir| super::is_below(bare, dir))?;
        let moved = if bare.len() < path.len() { bare.to_owned() } else { format!("/usr{path}") };
        let same = self.known.get(directory).copied().or_else(|| {
            let identity =
                |path: &str| self.files.in_root(path).ok().map(|file| file.meta().identity);
            match (identity(path), identity(&moved)) {
                // It is gone: the next file may tell.
                (None, None) => None,
                (one, other) => {
                    let same = one == other;
                    self.known.insert(*directory, same);
                    Some(same)
                }
            }
        });
        // A file that is gone had either name.
        same.unwrap_or(true).then_some(moved)
    }
}
