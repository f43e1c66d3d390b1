//! The distribution's packages: which ones installed files.
//!
//! Reads the files of the package databases in the target's root and runs no tool. Older kinds of
//! rpm's database and pacman's are told of, not read.

mod apk;
mod distroless;
mod dpkg;
mod elf_note;
mod likely;
mod os_release;
mod rpm;
mod sqlite;
mod wanted;

pub use elf_note::{of_image, shown as note_of_image};
pub use os_release::name as os_name;

use crate::evidence::files::Files;
use crate::package::reader::Reader;
use crate::text::Text;
use wanted::Wanted;

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
    /// Where it was found: `dpkg`, `apk`, `rpm`, `package note`.
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

/// Databases that are not read, with their names: rpm's in Berkeley DB and ndb, and pacman's.
const UNREAD: &[(&str, &str)] = &[
    ("/usr/lib/sysimage/rpm/Packages.db", "rpm (ndb)"),
    ("/var/lib/rpm/Packages.db", "rpm (ndb)"),
    ("/var/lib/rpm/Packages", "rpm (Berkeley DB)"),
    ("/var/lib/pacman/local/ALPM_DB_VERSION", "pacman"),
];

/// How far a database was searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Searched {
    /// There is none.
    NoDatabase,
    /// Whole for the files that must be found, in likely places for the others.
    MustEverywhere,
    /// Whole.
    Everywhere,
}

/// The databases, in the order in which they are asked.
const DATABASES: &[fn(&Reader<'_>, &mut Wanted<'_>) -> Searched] =
    &[dpkg::find, distroless::find, apk::find, rpm::find];

/// The package that installed the file at this absolute path.
pub fn owner(files: &Files, path: &str) -> Owner {
    owners(files, &[(path, true)]).pop().unwrap_or(Owner::NoDatabase)
}

/// The packages that installed the files at these absolute paths, in their order. Where it would
/// take long, a file that is not marked as one that must be found is looked for in likely packages
/// only.
pub fn owners(files: &Files, paths: &[(&str, bool)]) -> Vec<Owner> {
    let reader = Reader::new(files);
    let wanted = paths.iter().filter(|(path, must)| not_installed(path, *must).is_none());
    let mut wanted = Wanted::new(files, wanted.copied());
    let mut searched = Searched::NoDatabase;
    for find in DATABASES {
        if !wanted.is_done() {
            match find(&reader, &mut wanted) {
                Searched::NoDatabase => {}
                how => searched = how,
            }
        }
    }
    let unfound = |must: bool| match (reader.trouble(), searched) {
        (Some(trouble), _) => {
            Owner::NotKnown(format!("the package database was not read in full: {trouble}"))
        }
        (None, Searched::NoDatabase) => {
            match UNREAD.iter().find(|(database, _)| reader.has(database)) {
                Some((_, name)) => Owner::NotKnown(format!("{name} database found, not read")),
                None => Owner::NoDatabase,
            }
        }
        (None, Searched::MustEverywhere) if !must => {
            Owner::NotKnown("looked for in likely packages only".into())
        }
        (None, _) => Owner::Nobody,
    };
    let mut found = wanted.owners();
    let owners = paths.iter().map(|(path, must)| match not_installed(path, *must) {
        Some(directory) => {
            Owner::NotKnown(format!("not looked for: no package installs in {directory}"))
        }
        None => match found.next().flatten() {
            Some(package) => Owner::Package(package.clone()),
            None => unfound(*must),
        },
    });
    owners.collect()
}

/// The directory of a file for which the databases are not asked: one that packages leave alone. For a
/// file that need not be found, that is any one that the standard does not give to them.
fn not_installed(path: &str, must: bool) -> Option<&str> {
    if let Some(directory) = LOCAL.iter().find(|directory| is_below(path, directory)) {
        return Some(directory);
    }
    let top = path.get(1..)?.find('/').map_or("/", |end| path.get(..=end).unwrap_or(path));
    (!must && !may_install(path)).then_some(top)
}

/// Whether a distribution's own packages may install a file at this absolute path.
pub fn may_install(path: &str) -> bool {
    INSTALLED.iter().any(|directory| is_below(path, directory))
}

fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}
