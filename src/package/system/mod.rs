//! The distribution's packages: which one installed a file.
//!
//! Reads the files of the package databases in the target's root and runs no tool. Databases
//! that need a library (rpm, pacman) are told of, not read.

mod apk;
mod dpkg;
mod elf_note;
mod os_release;

pub use elf_note::of_image;
pub use os_release::name as os_name;

use crate::evidence::files::Files;
use crate::package::reader::Reader;
use crate::text::Text;

/// A package of the distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemPackage {
    /// Its name.
    pub name: Text,
    /// Its version, as the database has it.
    pub version: Option<Text>,
    /// Who made it, if it says that it does not come from the distribution itself (dpkg's
    /// `Origin`).
    pub origin: Option<Text>,
    /// Where it was found: `dpkg`, `apk`, `package note`.
    pub database: &'static str,
}

impl SystemPackage {
    /// One line that names it: `coreutils 9.1-1 (dpkg)`.
    pub fn line(&self) -> Text {
        let version = self.version.as_ref().map(|version| format!(" {}", version.raw()));
        let version = version.unwrap_or_default();
        format!("{}{version} ({})", self.name.raw(), self.database).into()
    }
}

/// What the databases say of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This package installed it.
    Package(SystemPackage),
    /// No package did.
    Nobody,
    /// It was not looked for, or not everywhere.
    NotKnown(String),
    /// There is no database.
    NoDatabase,
}

/// Directories that packages leave to the machine's owner (Filesystem Hierarchy Standard, Debian
/// Policy 9.1.2). Searching the whole database for a file there is not worth its time.
const LOCAL: &[&str] =
    &["/usr/local", "/home", "/root", "/tmp", "/var/tmp", "/run", "/dev", "/proc"];

/// Where packages of a distribution install files (Filesystem Hierarchy Standard 3.0, 3.1).
const INSTALLED: &[&str] = &[
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/srv", "/var",
];

/// Databases that are not read, with their names.
const UNREAD: &[(&str, &str)] = &[
    ("/var/lib/rpm/rpmdb.sqlite", "rpm"),
    ("/usr/lib/sysimage/rpm/rpmdb.sqlite", "rpm"),
    ("/usr/lib/sysimage/rpm/Packages.db", "rpm"),
    ("/var/lib/rpm/Packages.db", "rpm"),
    ("/var/lib/rpm/Packages", "rpm"),
    ("/var/lib/pacman/local/ALPM_DB_VERSION", "pacman"),
];

/// The package that installed the file at this absolute path.
pub fn owner(files: &Files, path: &str) -> Owner {
    if let Some(directory) = LOCAL.iter().find(|directory| is_below(path, directory)) {
        return Owner::NotKnown(format!(
            "not looked for in package databases: packages install nothing in {directory}"
        ));
    }
    let reader = Reader::new(files);
    let answers = [dpkg::owner(&reader, path), dpkg::distroless_owner(&reader, path)]
        .into_iter()
        .chain([apk::owner(&reader, path)]);
    let mut searched = false;
    for answer in answers {
        match answer {
            Owner::NoDatabase => {}
            Owner::Nobody => searched = true,
            Owner::Package(_) | Owner::NotKnown(_) => return answer,
        }
    }
    if let Some(trouble) = reader.trouble() {
        return Owner::NotKnown(format!("the package database was not read in full: {trouble}"));
    }
    if searched {
        return Owner::Nobody;
    }
    match UNREAD.iter().find(|(database, _)| reader.has(database)) {
        Some((_, name)) => Owner::NotKnown(format!("{name} database found, not read")),
        None => Owner::NoDatabase,
    }
}

/// Whether a distribution's own packages may install a file at this absolute path.
pub fn may_install(path: &str) -> bool {
    INSTALLED.iter().any(|directory| is_below(path, directory))
}

fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

/// The names that a database may have for a file: where `/bin` is a symlink to `/usr/bin`, files
/// are still listed under the path that they were packed with.
fn aliases(files: &Files, path: &str) -> Vec<String> {
    const MERGED: &[&str] = &["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
    let moved = path.strip_prefix("/usr").map_or_else(|| format!("/usr{path}"), str::to_owned);
    let merged = |path: &str| {
        MERGED.iter().any(|dir| is_below(path.strip_prefix("/usr").unwrap_or(path), dir))
    };
    let identity = |path: &str| files.in_root(path).ok().map(|file| file.meta().identity);
    // The same file, or neither is there any more; else there are two directories.
    let same = merged(path) && identity(&moved) == identity(path);
    std::iter::once(path.to_owned()).chain(same.then_some(moved)).collect()
}
