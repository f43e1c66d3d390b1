//! Which configuration files any program reads, as far as can be told from outside: those of the
//! servers that are known, or those that its command line seems to name; those that its environment
//! names, those that it holds open, and those of its unit.

use super::dialect::PLAIN;
use super::include::{Reader, Tree};
use super::lookup::Lookup;
use super::named::{Named, named_files};
use super::servers::{self, Process};
use super::unit::{self, Unit};
use crate::path::ends_like_configuration;

/// Files that are held open and shown for that alone.
const MAX_OPEN: usize = 16;

/// Where what is held open is data of packages, not configuration.
const DATA: &[&str] = &["/usr/", "/lib/", "/opt/", "/nix/", "/snap/", "/var/cache/"];

/// What tells of configuration files.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The process.
    pub process: Process<'a>,
    /// The words of the command line that count: of a script, its own.
    pub words: &'a [String],
    /// Variables of the environment that name a file.
    pub variables: &'a [(String, String)],
    /// Files that it holds open for reading.
    pub open: &'a [&'a str],
    /// The unit that it belongs to.
    pub unit: Option<Unit<'a>>,
}

/// The configurations that follow, each file in one of them.
pub fn configurations(sources: &Sources<'_>, lookup: &dyn Lookup) -> Vec<Tree> {
    let mut found = servers::configurations(&sources.process, lookup);
    if found.is_empty() {
        let named = named_files(sources.words, sources.process.directory).into_iter();
        let named = named.map(|file| {
            let why = file.because("named on the command line".to_owned(), lookup);
            (file.path, why)
        });
        // Even if it is not there: that may be the reason for a look.
        add(&mut found, named, lookup);
    }
    let variables = sources.variables.iter();
    for (path, why) in
        variables.filter_map(|(name, value)| of_variable(name, value, &sources.process, lookup))
    {
        add_of_variable(&mut found, path, why, lookup);
    }
    let is_data = |path: &str| DATA.iter().any(|prefix| path.starts_with(prefix));
    let open = sources.open.iter().filter(|path| ends_like_configuration(path) && !is_data(path));
    let open = open.filter(|path| is_file(path, lookup)).take(MAX_OPEN);
    add(&mut found, open.map(|path| ((*path).to_owned(), "held open".to_owned())), lookup);
    for tree in of_unit(sources.unit, lookup) {
        let known = |path: &str| found.iter().flat_map(|tree| &tree.files).any(|f| f.path == path);
        if !tree.files.iter().all(|file| known(&file.path)) {
            found.push(tree);
        }
    }
    found
}

/// The configurations of a unit alone.
pub fn of_unit(unit: Option<Unit<'_>>, lookup: &dyn Lookup) -> Vec<Tree> {
    unit.map(|unit| unit::configurations(&unit, lookup)).unwrap_or_default()
}

/// The file that a variable names, and the reason to think of it. One that is not there is told only if
/// it was a file of configuration for sure: a variable may name a directory as well.
fn of_variable(
    name: &str,
    value: &str,
    process: &Process<'_>,
    lookup: &dyn Lookup,
) -> Option<(String, String)> {
    let file = Named::of(value, process.directory);
    let says_file = ends_like_configuration(value) || name.ends_with("FILE");
    let is_missing = || says_file && !is_of_user(value) && lookup.is_absent(&file.path);
    if !is_file(&file.path, lookup) && !is_missing() {
        return None;
    }
    let relative = file.relative && !lookup.is_absent(&file.path);
    let how = if relative { ", relative to its working directory" } else { "" };
    let why = file.because(format!("named by {name}{how}"), lookup);
    Some((file.path, why))
}

/// Whether a path has a hidden part: what a user may have, and need not.
fn is_of_user(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.') && !matches!(part, "." | ".."))
}

/// Whether something other than a directory is at a path, and something that can be read: what is
/// `/dev/null` is none on purpose.
fn is_file(path: &str, lookup: &dyn Lookup) -> bool {
    path != "/dev/null" && lookup.exists(path) && lookup.list(path).is_none()
}

/// Reads files, each a configuration of its own, unless it is in one already.
fn add(found: &mut Vec<Tree>, files: impl Iterator<Item = (String, String)>, lookup: &dyn Lookup) {
    for (path, why) in files {
        add_with(found, path, |path, reader| reader.read(path, why), lookup);
    }
}

/// Adds the file of a variable. One that is not there is nothing that is missing: variables are
/// inherited, and many programs need no file.
fn add_of_variable(found: &mut Vec<Tree>, path: String, why: String, lookup: &dyn Lookup) {
    let add = |path: String, reader: &mut Reader<'_>| match lookup.is_absent(&path) {
        true => reader.doubt(path, why, "no such file"),
        false => reader.read(path, why),
    };
    add_with(found, path, add, lookup);
}

fn add_with(
    found: &mut Vec<Tree>,
    path: String,
    add: impl FnOnce(String, &mut Reader<'_>),
    lookup: &dyn Lookup,
) {
    if found.iter().flat_map(|tree| &tree.files).any(|file| file.path == path) {
        return;
    }
    let mut reader = Reader::new(&PLAIN, "/", lookup);
    add(path, &mut reader);
    found.push(reader.finish());
}

#[cfg(test)]
mod tests {
    use super::super::lookup::FakeFiles;
    use super::*;

    #[test]
    fn every_file_is_shown_once_with_the_first_reason_to_think_of_it() {
        let words: Vec<String> =
            ["app", "--config", "/etc/a.conf", "/etc/gone.conf"].map(str::to_owned).into();
        let variable = |name: &str, path: &str| (name.to_owned(), path.to_owned());
        let sources = Sources {
            process: Process {
                names: &["app"],
                command: &words,
                directory: "/opt/app",
                environment: &[],
                parent: &[],
            },
            words: &words,
            variables: &[
                variable("APP_CONFIG", "/etc/b"),
                variable("OTHER_CONFIG", "/etc/none"),
                variable("DIR_CONFIG", "/etc"),
                variable("A_CONFIG", "/etc/a.conf"),
                variable("R_CONFIG", "r.ini"),
                variable("S_CONFIG", "./s.ini"),
                variable("GONE_CONFIG_FILE", "/srv/gone"),
                variable("AWS_CONFIG_FILE", "/root/.aws/config"),
                variable("NULL_CONFIG_FILE", "/dev/null"),
            ],
            open: &["/etc/b", "/srv/c.yaml", "/srv/data.bin", "/usr/share/x/d.json"],
            unit: Some(Unit { name: "app.service", of_user: false, home: None }),
        };
        let files = FakeFiles(&[
            ("/etc/a.conf", "a 1\n"),
            ("/etc/b", "b 1\n"),
            ("/srv/c.yaml", "c: 1\n"),
            ("/opt/app/r.ini", "r=1\n"),
            ("/dev/null", ""),
            ("/srv/data.bin", "d 1\n"),
            ("/usr/share/x/d.json", "{}"),
            ("/lib/systemd/system/app.service", "[Service]\nEnvironmentFile=/etc/b\n"),
        ]);
        let shown: Vec<String> = configurations(&sources, &files)
            .iter()
            .flat_map(|tree| &tree.files)
            .map(|file| format!("{} {}", file.path, file.why))
            .collect();
        assert_eq!(
            shown,
            [
                "/etc/a.conf named on the command line",
                "/etc/gone.conf named on the command line",
                "/etc/b named by APP_CONFIG",
                "/opt/app/r.ini named by R_CONFIG, relative to its working directory",
                "/opt/app/s.ini named by S_CONFIG, relative to its working directory, which it may have changed",
                "/srv/gone named by GONE_CONFIG_FILE",
                "/srv/c.yaml held open",
                "/lib/systemd/system/app.service the unit app.service of the process",
            ]
        );
    }
}
