//! The files of a systemd unit: its own, its drop-ins, and the environment files that they name.
//!
//! systemd.unit(5), "Unit File Load Path" and "Description"; systemd.exec(5), `EnvironmentFile=`.

use std::collections::BTreeMap;

use super::dialect::{ENVIRONMENT_FILE, UNIT};
use super::glob;
use super::include::{Reader, Tree};
use super::lookup::Lookup;
use crate::path::absolute;

/// Where the machine's systemd looks, the strongest first.
const SYSTEM: &[&str] = &[
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// Where a user's systemd looks, below what is in the home directory.
const USER: &[&str] = &[
    "/etc/systemd/user",
    "/run/systemd/user",
    "/usr/local/lib/systemd/user",
    "/usr/lib/systemd/user",
];

/// Environment files of one unit.
const MAX_ENVIRONMENT_FILES: usize = 16;

/// A unit that a process belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'a> {
    /// Its name, with systemd's escapes: `nginx.service`, `getty@tty1.service`.
    pub name: &'a str,
    /// Whether a user's systemd runs it, and not the machine's.
    pub of_user: bool,
    /// The home directory of the process's user.
    pub home: Option<&'a str>,
}

/// The configurations of a unit: its own, then each of its environment files. None where the target's
/// root has no such unit: then it belongs to a machine outside.
pub fn configurations(unit: &Unit<'_>, lookup: &dyn Lookup) -> Vec<Tree> {
    let directories = directories(unit);
    let names = names(unit.name);
    // The unit itself; of an instance, its template.
    let template = names.iter().find(|name| name.contains("@."));
    let file = [Some(&unit.name.to_owned()), template].into_iter().flatten().find_map(|name| {
        directories.iter().map(|directory| format!("{directory}/{name}")).find(|p| lookup.exists(p))
    });
    let Some(file) = file else { return Vec::new() };
    let mut reader = Reader::new(&UNIT, "/", lookup);
    reader.read(file, format!("the unit {} of the process", unit.name));
    for path in drop_ins(&names, &directories, lookup) {
        reader.read(path, format!("a drop-in of {}", unit.name));
    }
    let tree = reader.finish();
    let environment = environment_files(&tree, unit, lookup);
    let environment = environment.into_iter().map(|path| {
        let mut reader = Reader::new(&ENVIRONMENT_FILE, "/", lookup);
        reader.read(path, format!("named by EnvironmentFile= of {}", unit.name));
        reader.finish()
    });
    let environment: Vec<Tree> = environment.collect();
    [vec![tree], environment].concat()
}

/// Where its files are looked for, the strongest first.
fn directories(unit: &Unit<'_>) -> Vec<String> {
    if !unit.of_user {
        return SYSTEM.iter().map(|path| (*path).to_owned()).collect();
    }
    let home = unit.home.map(|home| format!("{home}/.config/systemd/user"));
    home.into_iter().chain(USER.iter().map(|path| (*path).to_owned())).collect()
}

/// The names whose drop-ins are the unit's, too, the strongest first: `a-b@c.service`,
/// `a-b@.service`, `a-.service`, `service`.
fn names(unit: &str) -> Vec<String> {
    let mut names = vec![unit.to_owned()];
    let (stem, kind) = unit.rsplit_once('.').unwrap_or((unit, "service"));
    let prefix = match stem.split_once('@') {
        Some((prefix, _)) => {
            names.push(format!("{prefix}@.{kind}"));
            prefix
        }
        None => stem,
    };
    // The longest first.
    let dashes: Vec<usize> = prefix.match_indices('-').map(|(at, _)| at).collect();
    let cut = dashes.iter().rev().take(16).filter_map(|at| prefix.get(..=*at));
    names.extend(cut.filter(|cut| *cut != prefix).map(|cut| format!("{cut}.{kind}")));
    names.push(kind.to_owned());
    names
}

/// The drop-ins of a unit, in the order of their names; of several with one name the strongest.
fn drop_ins(names: &[String], directories: &[String], lookup: &dyn Lookup) -> Vec<String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for name in names {
        for directory in directories {
            let directory = format!("{directory}/{name}.d");
            for file in lookup.list(&directory).unwrap_or_default() {
                if file.ends_with(".conf") && !file.starts_with('.') {
                    let path = format!("{directory}/{file}");
                    found.entry(file).or_insert(path);
                }
            }
        }
    }
    found.into_values().collect()
}

/// The environment files that a unit names and that are there: `-` before a name says that it need
/// not be. An empty value forgets those before it.
fn environment_files(tree: &Tree, unit: &Unit<'_>, lookup: &dyn Lookup) -> Vec<String> {
    let groups = tree.parsed.groups.iter().filter(|group| group.name == "Service");
    let options = groups.flat_map(|group| &group.options);
    let values = options.filter(|option| option.name == "EnvironmentFile");
    let mut found: Vec<String> = Vec::new();
    for value in values.flat_map(|option| &option.values) {
        if value.text.is_empty() {
            found.clear();
            continue;
        }
        let (optional, path) = match value.text.strip_prefix('-') {
            Some(path) => (true, path),
            None => (false, value.text.as_str()),
        };
        // What cannot be put in is left out: it depends on the machine.
        let Some(path) = specified(path, unit.name) else { continue };
        let path = absolute(&path, "/", None);
        let paths = match glob::is_pattern(&path) {
            true => glob::expand(&path, lookup).unwrap_or_default(),
            false => vec![path],
        };
        found.extend(paths.into_iter().filter(|path| !optional || lookup.exists(path)));
    }
    found.truncate(MAX_ENVIRONMENT_FILES);
    found
}

/// A path with its specifiers put in (systemd.unit(5), "Specifiers"): `%i` and `%I`, `%p`, `%n`, `%N`.
fn specified(path: &str, unit: &str) -> Option<String> {
    let stem = unit.rsplit_once('.').map_or(unit, |(stem, _)| stem);
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    let mut whole = String::new();
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            whole.push(c);
            continue;
        }
        match chars.next()? {
            '%' => whole.push('%'),
            'i' => whole.push_str(instance),
            'I' => whole.push_str(&instance.replace('-', "/")),
            'p' => whole.push_str(prefix),
            'n' => whole.push_str(unit),
            'N' => whole.push_str(stem),
            _ => return None,
        }
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::super::lookup::FakeFiles;
    use super::*;

    fn read(name: &str, files: &[(&str, &str)]) -> Vec<Tree> {
        let unit = Unit { name, of_user: false, home: None };
        configurations(&unit, &FakeFiles(files))
    }

    fn paths(trees: &[Tree]) -> Vec<Vec<&str>> {
        trees.iter().map(|tree| tree.files.iter().map(|f| f.path.as_str()).collect()).collect()
    }

    #[test]
    fn a_unit_has_drop_ins_of_several_directories_and_names_environment_files() {
        let unit = "[Service]\nEnvironmentFile=/none\nEnvironmentFile=\nEnvironmentFile=-/etc/no\n\
                    EnvironmentFile=-/etc/default/%p\nEnvironmentFile=/etc/w/%h\n";
        let trees = read(
            "web-app.service",
            &[
                ("/usr/lib/systemd/system/web-app.service", unit),
                ("/usr/lib/systemd/system/web-app.service.d/20-b.conf", "[Service]\nUser=lib\n"),
                ("/etc/systemd/system/web-app.service.d/20-b.conf", "[Service]\nUser=etc\n"),
                ("/etc/systemd/system/web-.service.d/10-a.conf", "[Service]\nNice=1\n"),
                ("/etc/systemd/system/service.d/30-c.conf", "[Service]\nNice=2\n"),
                ("/etc/default/web-app", "A=1\n"),
            ],
        );
        assert_eq!(
            paths(&trees),
            [
                vec![
                    "/usr/lib/systemd/system/web-app.service",
                    "/etc/systemd/system/web-.service.d/10-a.conf",
                    "/etc/systemd/system/web-app.service.d/20-b.conf",
                    "/etc/systemd/system/service.d/30-c.conf",
                ],
                vec!["/etc/default/web-app"],
            ]
        );
    }

    #[test]
    fn an_instance_is_read_from_its_template() {
        let trees = read(
            "pg@15-main.service",
            &[
                ("/lib/systemd/system/pg@.service", "[Service]\nEnvironmentFile=/etc/pg/%I\n"),
                ("/etc/systemd/system/pg@.service.d/a.conf", ""),
                ("/etc/pg/15/main", "A=1\n"),
            ],
        );
        assert_eq!(
            paths(&trees),
            [
                vec!["/lib/systemd/system/pg@.service", "/etc/systemd/system/pg@.service.d/a.conf"],
                vec!["/etc/pg/15/main"]
            ]
        );
        assert!(read("docker-abc.scope", &[("/etc/x", "")]).is_empty());
    }
}
