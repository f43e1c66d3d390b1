//! Which files well-known servers read, as their manuals have it: what the command line names, and
//! what they read if it names nothing.
//!
//! Told by the name of the executable or of the script. That a default was compiled in otherwise
//! cannot be seen from outside; the reason says that it is a default.

mod arguments;
mod overrides;
mod postgres;
mod rabbitmq;
mod title;

use self::arguments::Arguments;
use self::overrides::Style;
use super::Parsed;
use super::dialect::{self, Dialect};
use super::include::{Reader, Tree};
use super::lookup::Lookup;
use super::named::Named;
use crate::path::{absolute, base_name};

/// What is known of a process.
#[derive(Clone, Copy, Debug)]
pub struct Process<'a> {
    /// The names that it goes by, the most reliable first: of its executable, of the first word of
    /// its command line, of its script.
    pub names: &'a [&'a str],
    /// Its command line. A title that it gave itself is one word.
    pub command: &'a [String],
    /// Its working directory.
    pub directory: &'a str,
    /// What is known of its environment.
    pub environment: &'a [(String, String)],
    /// The command line of its parent, if that has the same name: of a worker its master.
    pub parent: &'a [String],
}

impl<'a> Process<'a> {
    /// A variable of its environment that is not empty.
    pub fn variable(&self, name: &str) -> Option<&'a str> {
        let known = self.environment.iter().find(|(known, _)| known == name);
        known.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// A server that is told by tables alone.
struct Server {
    /// The names of its executable.
    names: &'static [&'static str],
    dialect: &'static Dialect,
    /// The options that name a file.
    options: &'static [&'static str],
    /// Whether its first argument names a file, unless it is an option.
    first: bool,
    /// The option that names the directory which relative paths of options start from; without it
    /// that is the working directory.
    prefix: Option<&'static str>,
    /// What relative paths of options start from without `prefix`, where that is compiled in: the
    /// first that leads to a file.
    homes: &'static [&'static str],
    /// What relative paths in its files start from.
    base: Base,
    /// What it reads if nothing is named: the first that is there, or all.
    defaults: &'static [&'static str],
    all: bool,
    /// The option that names a file to be read after the defaults.
    extra: Option<&'static str>,
    /// The option that says that nothing is read.
    nothing: Option<&'static str>,
    /// What it reads of the directory of `prefix`, rather than the defaults.
    in_prefix: Option<&'static str>,
    /// The port that it has if nothing names another, of one whose title tells an address. It reads the
    /// defaults only if its packages start it with them, and the address has to be that of the file.
    titled: Option<&'static str>,
    /// How it takes options on its command line.
    overrides: Style,
}

/// What relative paths in a server's files start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    /// The directory of `prefix`, or the working directory.
    Prefix,
    /// The directory of its main file.
    MainFile,
    /// The directory of `prefix`, or that of its main file, without `conf`.
    ServerRoot,
    /// This one.
    Fixed(&'static str),
}

const SERVER: Server = Server {
    names: &[],
    dialect: &dialect::PLAIN,
    options: &[],
    first: false,
    prefix: None,
    base: Base::Prefix,
    defaults: &[],
    all: false,
    extra: None,
    nothing: None,
    homes: &[],
    in_prefix: None,
    titled: None,
    overrides: Style::None,
};

static SERVERS: &[Server] = &[
    // nginx.org/en/docs/switches.html (-c, -p) and beginners_guide.html: "By default, the
    // configuration file is named nginx.conf and placed in the directory /usr/local/nginx/conf,
    // /etc/nginx, or /usr/local/etc/nginx". A relative -c starts from the prefix, which is compiled in.
    Server {
        names: &["nginx"],
        dialect: &dialect::NGINX,
        options: &["-c"],
        prefix: Some("-p"),
        homes: &["/usr/share/nginx", "/etc/nginx", "/usr/local/nginx"],
        base: Base::MainFile,
        defaults: &[
            "/etc/nginx/nginx.conf",
            "/usr/local/nginx/conf/nginx.conf",
            "/usr/local/etc/nginx/nginx.conf",
        ],
        in_prefix: Some("conf/nginx.conf"),
        overrides: Style::Nginx,
        ..SERVER
    },
    // redis.io/docs/latest/operate/oss_and_stack/management/config: the first argument. Without one
    // it reads none; but its title (`redis-server *:6379`) hides what was named, and packages name
    // the same everywhere.
    Server {
        names: &["redis-sentinel"],
        dialect: &dialect::REDIS,
        first: true,
        defaults: &["/etc/redis/sentinel.conf", "/etc/redis-sentinel.conf"],
        titled: Some("26379"),
        overrides: Style::Redis,
        ..SERVER
    },
    Server {
        names: &["redis-server"],
        dialect: &dialect::REDIS,
        first: true,
        defaults: &["/etc/redis/redis.conf", "/etc/redis.conf"],
        titled: Some("6379"),
        overrides: Style::Redis,
        ..SERVER
    },
    Server {
        names: &["valkey-server"],
        dialect: &dialect::REDIS,
        first: true,
        defaults: &["/etc/valkey/valkey.conf"],
        titled: Some("6379"),
        overrides: Style::Redis,
        ..SERVER
    },
    // haproxy(1), -f: a file, or a directory of which the files `*.cfg` are read, in the order of
    // their names; may be given several times.
    Server {
        names: &["haproxy"],
        dialect: &dialect::HAPROXY,
        options: &["-f"],
        prefix: Some("-C"),
        defaults: &["/etc/haproxy/haproxy.cfg"],
        ..SERVER
    },
    // dev.mysql.com/doc/refman/8.4/en/option-files.html, "Option Files Read on Unix"; Debian's MariaDB
    // has the same two. --defaults-file stands alone.
    Server {
        names: &["mysqld", "mariadbd"],
        dialect: &dialect::MYSQL,
        options: &["--defaults-file"],
        defaults: &["/etc/my.cnf", "/etc/mysql/my.cnf", "~/.my.cnf"],
        all: true,
        extra: Some("--defaults-extra-file"),
        nothing: Some("--no-defaults"),
        overrides: Style::MySql,
        ..SERVER
    },
    // httpd.apache.org/docs/2.4/programs/httpd.html: -f, relative to the ServerRoot of -d. Debian's
    // apache2(8) reads /etc/apache2/apache2.conf.
    Server {
        names: &["apache2", "httpd"],
        dialect: &dialect::APACHE,
        options: &["-f"],
        prefix: Some("-d"),
        base: Base::ServerRoot,
        defaults: &[
            "/etc/apache2/apache2.conf",
            "/etc/httpd/conf/httpd.conf",
            "/usr/local/apache2/conf/httpd.conf",
        ],
        ..SERVER
    },
    // sshd(8), -f.
    Server {
        names: &["sshd", "sshd-session"],
        dialect: &dialect::SSHD,
        options: &["-f"],
        base: Base::Fixed("/etc/ssh"),
        defaults: &["/etc/ssh/sshd_config"],
        overrides: Style::Sshd,
        ..SERVER
    },
    // supervisord.org/running.html, -c; configuration.html, "Configuration File": where it is looked
    // for (without the directories beside the executable).
    Server {
        names: &["supervisord"],
        dialect: &dialect::SUPERVISORD,
        options: &["-c", "--configuration"],
        defaults: &["/etc/supervisord.conf", "/etc/supervisor/supervisord.conf"],
        ..SERVER
    },
];

/// The configurations of a well-known server; none of any other program.
pub fn configurations(process: &Process<'_>, lookup: &dyn Lookup) -> Vec<Tree> {
    let mut arguments = Arguments::of(process.command);
    // A worker's title (`nginx: worker process`) tells nothing, but its master has read the files.
    let of_parent = Arguments::of(process.parent);
    if arguments.are_hidden() && !process.parent.is_empty() && !of_parent.are_hidden() {
        arguments = of_parent;
    }
    if is_one_of(process, &["postgres", "postmaster"]) {
        return postgres::configurations(process, &arguments, lookup);
    }
    if rabbitmq::is(process, &arguments) {
        return rabbitmq::configurations(process, lookup);
    }
    let server = SERVERS.iter().find(|server| is_one_of(process, server.names));
    server.and_then(|server| read(server, process, &arguments, lookup)).into_iter().collect()
}

fn is_one_of(process: &Process<'_>, names: &[&str]) -> bool {
    process.names.iter().any(|name| names.contains(&base_name(name)))
}

/// The configuration of a server of the table, if there is one.
fn read(
    server: &Server,
    process: &Process<'_>,
    arguments: &Arguments<'_>,
    lookup: &dyn Lookup,
) -> Option<Tree> {
    let prefix = server.prefix.and_then(|option| arguments.value(option));
    let prefix = prefix.map(|prefix| absolute(prefix, process.directory, None));
    let mut files = named(server, arguments, process, prefix.as_deref(), lookup);
    let is_default = files.is_empty();
    if is_default && !server.nothing.is_some_and(|option| arguments.have(&[option])) {
        files = defaults(server, process, arguments, prefix.as_deref(), lookup);
    }
    let main = files.first().map_or("/", |(path, _)| path);
    let beside = main.rsplit_once('/').map_or("/", |(directory, _)| directory);
    let base = match server.base {
        Base::Prefix => prefix.as_deref().unwrap_or(process.directory),
        Base::MainFile => beside,
        Base::ServerRoot => {
            prefix.as_deref().unwrap_or(beside.strip_suffix("/conf").unwrap_or(beside))
        }
        Base::Fixed(directory) => directory,
    };
    let mut reader = Reader::new(server.dialect, base, lookup);
    if server.overrides.comes_first() {
        server.overrides.apply(arguments, &mut reader);
    }
    for (path, why) in &files {
        reader.read(path.clone(), why.as_str());
    }
    if is_default
        && let Some(port) = server.titled
        && !files.is_empty()
        && !title::agrees(arguments, &reader, port)
    {
        let mut reader = Reader::new(server.dialect, base, lookup);
        for (path, _) in files {
            reader.doubt(path, DEFAULT.to_owned(), OTHER_ADDRESS);
        }
        return Some(reader.finish());
    }
    if !server.overrides.comes_first() {
        server.overrides.apply(arguments, &mut reader);
    }
    if files.is_empty() && arguments.are_hidden() {
        reader.note(HIDDEN);
    }
    let tree = reader.finish();
    (!tree.files.is_empty() || tree.parsed != Parsed::default()).then_some(tree)
}

/// Why a file is read that nothing names.
const DEFAULT: &str = "a default of this server";

/// What there is to say if there is not even a default file.
const HIDDEN: &str = "the title of the process hides which file and options it runs with";

/// What speaks against a default file.
const OTHER_ADDRESS: &str = "the title of the process tells another address than this file: which file and \
                             options it runs with is not known";

/// The files that the command line names, each with the reason.
fn named(
    server: &Server,
    arguments: &Arguments<'_>,
    process: &Process<'_>,
    prefix: Option<&str>,
    lookup: &dyn Lookup,
) -> Vec<(String, String)> {
    let file = |value: &str| {
        let there = |home: &&&str| lookup.exists(&absolute(value, home, None));
        match (prefix, server.homes.iter().find(there)) {
            (Some(prefix), _) => Named::in_known(value, prefix),
            (None, Some(home)) => Named::in_known(value, home),
            (None, None) => Named::of(value, process.directory),
        }
    };
    let mut files = Vec::new();
    for option in server.options {
        for value in arguments.values(option) {
            let file = file(value);
            let why = file.because(format!("named by {option}"), lookup);
            files.extend(whole(file.path, lookup).map(|path| (path, why.clone())));
        }
    }
    if server.first
        && let Some(value) = arguments.first()
    {
        let file = file(value);
        let why = file.because("named on the command line".to_owned(), lookup);
        files.push((file.path, why));
    }
    files
}

/// The files that it reads if none is named.
fn defaults(
    server: &Server,
    process: &Process<'_>,
    arguments: &Arguments<'_>,
    prefix: Option<&str>,
    lookup: &dyn Lookup,
) -> Vec<(String, String)> {
    // What was named is known: nothing.
    if server.titled.is_some() && !arguments.are_hidden() {
        return Vec::new();
    }
    let in_prefix = prefix.zip(server.in_prefix).map(|(prefix, path)| absolute(path, prefix, None));
    if let Some(path) = in_prefix.filter(|path| lookup.exists(path)) {
        return vec![(path, "a default of this server, in the directory named by -p".to_owned())];
    }
    let home = process.variable("HOME");
    let paths = server.defaults.iter().map(|path| absolute(path, process.directory, home));
    let why = if arguments.are_hidden() {
        "a default of this server, whose title may hide another file, and options"
    } else {
        DEFAULT
    };
    let there = paths.filter(|path| lookup.exists(path));
    let there = there.take(if server.all { usize::MAX } else { 1 });
    let mut files: Vec<(String, String)> = there.map(|path| (path, why.to_owned())).collect();
    if let Some(option) = server.extra {
        for value in arguments.values(option) {
            let file = Named::of(value, process.directory);
            let why = file.because(format!("named by {option}"), lookup);
            files.push((file.path, why));
        }
    }
    files
}

/// A file; of a directory its files `*.cfg` in order, as haproxy has it.
fn whole(path: String, lookup: &dyn Lookup) -> impl Iterator<Item = String> {
    let names = lookup.list(&path).map(|mut names| {
        names.retain(|name| name.ends_with(".cfg") && !name.starts_with('.'));
        names.sort();
        names
    });
    match names {
        None => vec![path].into_iter(),
        Some(names) => {
            let inside = names.into_iter().map(|name| format!("{path}/{name}"));
            inside.collect::<Vec<String>>().into_iter()
        }
    }
}

#[cfg(test)]
mod tests;
