//! Which configuration files oslo.config reads, and in which order, as `cfg.py` of 10.7.0 has it
//! (`_parse_config_files`, `find_config_files`, `find_config_dirs`).
//!
//! Nothing is opened here: the caller says what exists. What a program passes to oslo.config itself
//! (`default_config_files`, `prog`) only the live object tells: [`plan_of_object`].

use crate::path::{MAX_PATH_BYTES, absolute, base_name};

/// Files of one plan. A plan that is longer is cut.
pub const MAX_FILES: usize = 256;

/// Why a file is in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `--config-file`.
    NamedFile,
    /// In a directory that `--config-dir` names.
    NamedDir,
    /// In the directory or the list of an environment variable, as WSGI services have it.
    Environment,
    /// By oslo.config's rules.
    Rules,
    /// A default file of the object that parsed it: found by the rules, or given by the program.
    DefaultFile,
    /// In a default directory of that object.
    DefaultDir,
}

impl Reason {
    /// In words, for the report.
    pub fn words(self) -> &'static str {
        match self {
            Self::NamedFile => "named by --config-file",
            Self::NamedDir => "in a directory named by --config-dir",
            Self::Environment => "named by the environment",
            Self::Rules => "found by oslo.config's rules",
            Self::DefaultFile => "a default file of the program",
            Self::DefaultDir => "in a default directory of the program",
        }
    }

    /// Whether the file itself is named, and not its directory.
    pub fn names_the_file(self) -> bool {
        matches!(self, Self::NamedFile | Self::DefaultFile)
    }
}

/// A file that oslo.config reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Absolute, as the target sees it. A file named on the command line may not exist.
    pub path: String,
    /// Why it is read.
    pub reason: Reason,
}

/// What is known of the process.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// Its arguments, without interpreter and script.
    pub args: &'a [String],
    /// The script's or executable's path or name (`argv[0]` as the program sees it).
    pub name: &'a str,
    /// The project that it gives to oslo.config; see [`guess_project`].
    pub project: Option<&'a str>,
    /// Home directory of its user.
    pub home: Option<&'a str>,
    /// Its working directory.
    pub cwd: &'a str,
    /// Its environment, or what was read of it.
    pub environment: &'a [(String, String)],
}

/// What the target's file system has.
pub struct Lookup<'a> {
    /// Whether a path exists, of whatever kind.
    pub exists: &'a dyn Fn(&str) -> bool,
    /// The names in a directory; empty where there is none.
    pub list: &'a dyn Fn(&str) -> Vec<String>,
}

/// `nova` of `nova-conductor`: OpenStack's services name their programs so. A guess; the true name
/// is in the live object.
pub fn guess_project(program: &str) -> Option<&str> {
    program_name(program).split('-').next().filter(|project| !project.is_empty())
}

/// Whether a command line names files in oslo.config's way.
pub fn names_config(args: &[String]) -> bool {
    args.iter().any(|arg| option(arg, FILE).is_some() || option(arg, DIR).is_some())
}

/// What is read where the command line names nothing.
#[derive(Clone, Copy, Debug)]
pub struct Defaults<'a> {
    /// Files.
    pub files: &'a [String],
    /// Directories.
    pub dirs: &'a [String],
}

/// The files in the order in which they are read: what a later one says wins.
///
/// Defaults come before everything that the command line names, also the default directories
/// before a `--config-file`.
pub fn plan(program: &Program<'_>, lookup: &Lookup<'_>) -> Vec<Candidate> {
    let mut files = Vec::new();
    if !program.args.iter().any(|arg| disables_default(arg, FILE)) {
        let named = from_environment(program, lookup);
        if named.is_empty() {
            let found = defaults(program, ".conf", lookup).into_iter();
            files.extend(found.map(|path| Candidate { path, reason: Reason::Rules }));
        }
        files.extend(named);
    }
    if !program.args.iter().any(|arg| disables_default(arg, DIR)) {
        for dir in defaults(program, ".conf.d", lookup) {
            files.extend(in_dir(&dir, Reason::Rules, lookup));
        }
    }
    from_arguments(files, program.args, program.cwd, program.home, lookup)
}

/// As [`plan`], of an object whose defaults are known.
pub fn plan_of_object(
    args: &[String],
    defaults: Defaults<'_>,
    cwd: &str,
    home: Option<&str>,
    lookup: &Lookup<'_>,
) -> Vec<Candidate> {
    let mut files = Vec::new();
    if !args.iter().any(|arg| disables_default(arg, FILE)) {
        let paths = defaults.files.iter().map(|path| absolute(path, cwd, home));
        files.extend(paths.map(|path| Candidate { path, reason: Reason::DefaultFile }));
    }
    if !args.iter().any(|arg| disables_default(arg, DIR)) {
        for dir in defaults.dirs {
            files.extend(in_dir(&absolute(dir, cwd, home), Reason::DefaultDir, lookup));
        }
    }
    from_arguments(files, args, cwd, home, lookup)
}

fn from_arguments(
    mut files: Vec<Candidate>,
    args: &[String],
    cwd: &str,
    home: Option<&str>,
    lookup: &Lookup<'_>,
) -> Vec<Candidate> {
    for (option, value) in named(args) {
        let path = absolute(value, cwd, home);
        if option == DIR {
            files.extend(in_dir(&path, Reason::NamedDir, lookup));
        } else {
            files.push(Candidate { path, reason: Reason::NamedFile });
        }
    }
    files.retain(|file| file.path.len() < MAX_PATH_BYTES);
    files.truncate(MAX_FILES);
    files
}

const FILE: &str = "--config-file";
const DIR: &str = "--config-dir";

/// oslo.config looks for the full name only, although argparse takes an abbreviation as well.
fn disables_default(arg: &str, option: &str) -> bool {
    arg.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

/// Whether `arg` is `option`, perhaps abbreviated; the value, if it is in the same word.
fn option<'a>(arg: &'a str, option: &str) -> Option<Option<&'a str>> {
    let (name, value) = match arg.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (arg, None),
    };
    // `--config-` is ambiguous, `--config-f` is not.
    let is = name.len() > "--config-".len() && option.starts_with(name);
    is.then_some(value)
}

/// All `--config-file` and `--config-dir` with their values. Not only before `--`: panko-api parses
/// its own options first and hands what follows the `--` to oslo.config.
fn named(args: &[String]) -> Vec<(&'static str, &str)> {
    let mut found = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        for known in [FILE, DIR] {
            let value = match option(arg, known) {
                Some(Some(value)) => Some(value),
                Some(None) => args.next().map(String::as_str),
                None => continue,
            };
            found.extend(value.filter(|value| !value.is_empty()).map(|value| (known, value)));
            break;
        }
    }
    found
}

/// Base name of the program without `.py`.
fn program_name(program: &str) -> &str {
    let name = base_name(program);
    name.strip_suffix(".py").unwrap_or(name)
}

/// The default files (or directories) of the project, then of the program: of each the first found.
/// A program called as its project is one of them, not two.
fn defaults(program: &Program<'_>, extension: &str, lookup: &Lookup<'_>) -> Vec<String> {
    let name = program_name(program.name);
    let mut names = Vec::from_iter(program.project);
    names.extend((!name.is_empty() && program.project != Some(name)).then_some(name));
    let dirs = default_dirs(program);
    let find = |name: &&str| {
        let mut paths =
            dirs.iter().map(|dir| format!("{}/{name}{extension}", dir.trim_end_matches('/')));
        paths.find(|path| (lookup.exists)(path))
    };
    names.iter().filter_map(find).collect()
}

/// Where default files are looked for, in order.
fn default_dirs(program: &Program<'_>) -> Vec<String> {
    let project = program.project;
    let home = |path: &str| program.home.map(|_| absolute(path, program.cwd, program.home));
    let snap = |name: &str| {
        let value = variable(program, name).filter(|value| !value.is_empty())?;
        project.map(|project| format!("{value}/etc/{project}"))
    };
    [
        project.and_then(|project| home(&format!("~/.{project}"))),
        home("~"),
        project.map(|project| format!("/etc/{project}")),
        Some("/etc".to_owned()),
        snap("SNAP_COMMON"),
        snap("SNAP"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn variable<'a>(program: &Program<'a>, name: &str) -> Option<&'a str> {
    program.environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// `*.conf` of a directory, sorted, as `glob` sees them: without hidden files.
fn in_dir(dir: &str, reason: Reason, lookup: &Lookup<'_>) -> Vec<Candidate> {
    let mut names = (lookup.list)(dir);
    names.retain(|name| name.ends_with(".conf") && !name.starts_with('.') && !name.contains('/'));
    names.sort();
    let path = |name| format!("{}/{name}", dir.trim_end_matches('/'));
    names.into_iter().map(|name| Candidate { path: path(name), reason }).collect()
}

/// `OS_NOVA_CONFIG_DIR` and `OS_NOVA_CONFIG_FILES` (names separated by `;`, relative to that
/// directory) of the WSGI entry points of nova, glance, keystone and others.
fn from_environment(program: &Program<'_>, lookup: &Lookup<'_>) -> Vec<Candidate> {
    let Some(project) = program.project else { return Vec::new() };
    let prefix = format!("OS_{}_CONFIG_", project.to_uppercase().replace('-', "_"));
    let dir = variable(program, &format!("{prefix}DIR")).map(str::trim);
    let files = variable(program, &format!("{prefix}FILES")).unwrap_or_default();
    let base = match dir {
        Some(dir) => absolute(dir, program.cwd, program.home),
        None => format!("/etc/{project}"),
    };
    let mut names: Vec<String> = files
        .split(';')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    if names.is_empty() && dir.is_some() {
        names = vec![format!("{project}.conf"), format!("{}.conf", program_name(program.name))];
        names.dedup();
        names.retain(|name| (lookup.exists)(&format!("{base}/{name}")));
    }
    let path = |name: String| absolute(&name, &base, None);
    names.into_iter().map(|n| Candidate { path: path(n), reason: Reason::Environment }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(args: &str, env: &[(&str, &str)], files: &[&str]) -> Vec<String> {
        let args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
        let environment: Vec<(String, String)> =
            env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let program = Program {
            args: &args,
            name: "/usr/bin/panko-api",
            project: guess_project("/usr/bin/panko-api"),
            home: Some("/home/u"),
            cwd: "/srv",
            environment: &environment,
        };
        let exists = |path: &str| {
            files.iter().any(|file| *file == path || file.starts_with(&format!("{path}/")))
        };
        let list = |dir: &str| {
            let inside = files.iter().filter_map(|file| file.strip_prefix(dir)?.strip_prefix('/'));
            inside.map(str::to_owned).collect()
        };
        let plan = plan(&program, &Lookup { exists: &exists, list: &list });
        plan.into_iter().map(|file| file.path).collect()
    }

    #[test]
    fn a_named_file_comes_instead_of_the_default_files_and_after_the_default_directories() {
        let files = [
            "/etc/panko/panko.conf",
            "/etc/panko/panko.conf.d/b.conf",
            "/etc/panko/panko.conf.d/a.conf",
        ];
        assert_eq!(
            planned("--port 1 -- --config-file x/../panko.conf", &[], &files),
            ["/etc/panko/panko.conf.d/a.conf", "/etc/panko/panko.conf.d/b.conf", "/srv/panko.conf"]
        );
    }

    #[test]
    fn named_files_and_directories_are_read_in_the_order_of_the_command_line() {
        let files = ["/d/2.conf", "/d/10.conf", "/d/.hidden.conf", "/d/x.txt"];
        assert_eq!(
            planned("--config-dir=/d --config-file /a --config-f=~/b --config-file", &[], &files),
            ["/d/10.conf", "/d/2.conf", "/a", "/home/u/b"]
        );
    }

    #[test]
    fn of_project_and_program_the_first_default_file_of_each_is_read() {
        let files = [
            "/home/u/.panko/panko-api.conf",
            "/etc/panko/panko.conf",
            "/etc/panko.conf",
            "/etc/panko-api.conf",
        ];
        assert_eq!(
            planned("", &[], &files),
            ["/etc/panko/panko.conf", "/home/u/.panko/panko-api.conf"]
        );
        assert_eq!(planned("", &[], &["/snap/etc/panko/panko.conf"]), [""; 0]);
        let snap = [("SNAP", "/snap")];
        assert_eq!(
            planned("", &snap, &["/snap/etc/panko/panko.conf"]),
            ["/snap/etc/panko/panko.conf"]
        );
    }

    #[test]
    fn an_object_tells_its_defaults_itself() {
        let args = |words: &str| words.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let (files, dirs) = (args("d.conf /gone.conf"), args("/d"));
        let exists = |_: &str| true;
        let list = |dir: &str| match dir {
            "/d" => vec!["2.conf".to_owned(), "1.conf".to_owned()],
            "/e" => vec!["3.conf".to_owned()],
            _ => Vec::new(),
        };
        let lookup = Lookup { exists: &exists, list: &list };
        let defaults = Defaults { files: &files, dirs: &dirs };
        let planned = |words: &str| {
            let plan = plan_of_object(&args(words), defaults, "/srv", None, &lookup);
            plan.into_iter().map(|file| file.path).collect::<Vec<_>>()
        };
        assert_eq!(planned(""), ["/srv/d.conf", "/gone.conf", "/d/1.conf", "/d/2.conf"]);
        assert_eq!(planned("--config-file x"), ["/d/1.conf", "/d/2.conf", "/srv/x"]);
        assert_eq!(planned("--config-dir=/e"), ["/srv/d.conf", "/gone.conf", "/e/3.conf"]);
    }

    #[test]
    fn a_directory_of_the_environment_replaces_the_default_files() {
        let env = [("OS_PANKO_CONFIG_DIR", "/c")];
        let files = ["/c/panko.conf", "/etc/panko/panko.conf"];
        assert_eq!(planned("", &env, &files), ["/c/panko.conf"]);
        let env = [("OS_PANKO_CONFIG_DIR", "/c"), ("OS_PANKO_CONFIG_FILES", "a.conf;/b.conf")];
        assert_eq!(planned("", &env, &files), ["/c/a.conf", "/b.conf"]);
    }
}
