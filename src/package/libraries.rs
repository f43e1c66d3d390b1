//! The mapped libraries: the packages that they come from, and those that are no longer what lies
//! at their path.
//!
//! A service goes on with the libraries that it has mapped when a package is upgraded. The kernel
//! marks a mapped file that lost its path; only those are looked at closer.

use std::collections::{BTreeMap, HashSet};

use super::Fields;
use super::executable::{OnDisk, on_disk, path_of};
use super::system::{Owner, SystemPackage, of_image};
use crate::evidence::files::Files;
use crate::module::{Module, Modules};
use crate::path::base_name;
use crate::text::Text;

/// The most libraries that are looked at: a JVM or a browser has some hundred.
const MAX_LIBRARIES: usize = 2000;

/// The most packages that are named, each in a field.
const MAX_PACKAGES: usize = 200;

/// The most files that are named for one package.
const MAX_NAMES: usize = 12;

/// The most that are named where nothing is known of them: a Python has dozens of extension modules.
const MAX_UNKNOWN_NAMES: usize = 3;

/// Mappings with code that are no files of a package: memory, shared and of devices.
const NO_FILES: &[&str] = &["/memfd:", "/dev/", "/SYSV", "/anon_hugepage", "/proc/"];

/// A mapped file that is not the executable.
pub struct Library<'a, 'm> {
    /// Its path, as the process sees it.
    pub path: &'a str,
    module: &'a Module<'m>,
    /// What is at its path now, if not the mapped file.
    gone: Option<OnDisk>,
}

/// The mapped libraries of a process with this executable, each path once.
pub fn libraries<'a, 'm>(
    files: &Files,
    modules: &'a Modules<'m>,
    executable: Option<&str>,
) -> Vec<Library<'a, 'm>> {
    let mut found: Vec<Library<'a, 'm>> = Vec::new();
    let mut known = HashSet::new();
    for module in modules.iter().filter(|module| !module.is_vdso()) {
        let shown = module.path().raw();
        let path = path_of(files, shown);
        if !shown.starts_with('/')
            || NO_FILES.iter().any(|begin| shown.starts_with(begin))
            || Some(path) == executable
            // What is executable and no ELF file is the program's own doing (libffi).
            || (path != shown && module.image().is_err())
        {
            continue;
        }
        let state = (path != shown).then(|| on_disk(files, path, module));
        let gone = state.filter(|state| *state != OnDisk::Running);
        if known.insert(path) {
            found.push(Library { path, module, gone });
        }
        if found.len() == MAX_LIBRARIES {
            break;
        }
    }
    found.sort_by_key(|library| library.path);
    found
}

/// What there is to show of libraries and their packages.
pub fn show(libraries: &[Library<'_, '_>], owners: &[Owner], fields: &mut Fields) {
    let mut packages: BTreeMap<Text, Vec<&str>> = BTreeMap::new();
    let mut nobodys = Vec::new();
    let mut unknown: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (library, owner) in libraries.iter().zip(owners) {
        let noted = match owner {
            Owner::Package(package) => Some(package.line()),
            // The file's own note, where there is no database to be asked.
            Owner::NoDatabase => library.noted().map(|package| package.line()),
            Owner::Nobody | Owner::NotKnown(_) => None,
        };
        match (noted, owner) {
            (Some(line), _) => packages.entry(line).or_default().push(library.path),
            (None, Owner::NotKnown(why)) => unknown.entry(why).or_default().push(library.path),
            (None, Owner::Nobody) => nobodys.push(library.path),
            (None, _) => {}
        }
    }
    if libraries.len() >= MAX_LIBRARIES {
        fields.more("libraries", Some(format!("only {MAX_LIBRARIES} are looked at")));
    }
    let count = packages.len();
    for (line, paths) in packages.iter().take(MAX_PACKAGES) {
        fields
            .more("library package", Some(format!("{}: {}", line.raw(), names(paths, MAX_NAMES))));
    }
    if let Some(more) = count.checked_sub(MAX_PACKAGES).filter(|more| *more > 0) {
        fields.more("library packages", Some(format!("{more} more are not named")));
    }
    if !nobodys.is_empty() {
        fields.more("libraries of no package", Some(names(&nobodys, MAX_NAMES)));
    }
    for (why, paths) in &unknown {
        let names = names(paths, MAX_UNKNOWN_NAMES);
        fields.more("libraries of no known package", Some(format!("{names} ({why})")));
    }
    for library in libraries.iter().filter(|library| library.gone.is_some()).take(MAX_PACKAGES) {
        let state = match library.gone {
            Some(OnDisk::Replaced) => "replaced since it was loaded",
            Some(OnDisk::Deleted) => "deleted since it was loaded",
            _ => "deleted or replaced since it was loaded",
        };
        fields.more("stale library", Some(format!("{}: {state}", library.path)));
    }
}

impl Library<'_, '_> {
    fn noted(&self) -> Option<SystemPackage> {
        of_image(self.module.image().ok()?)
    }
}

/// The names of files, the first of them.
fn names(paths: &[&str], most: usize) -> String {
    let mut names: Vec<&str> = paths.iter().take(most).map(|path| base_name(path)).collect();
    let more = paths.len().saturating_sub(names.len());
    let rest = format!("and {more} more");
    if more > 0 {
        names.push(&rest);
    }
    names.join(", ")
}
