//! Which files well-known servers read, as their manuals have it: what the command line names, and
//! what they read if it names nothing.
//!
//! Told by the name of the executable or of the script. That a default was compiled in otherwise
//! cannot be seen from outside; the reason says that it is a default.

mod arguments;
mod postgres;
mod rabbitmq;

use self::arguments::Arguments;
use super::dialect::{self, Dialect};
use super::include::{Reader, Tree};
use super::lookup::Lookup;
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
    /// What relative paths in its files start from.
    base: Base,
    /// What it reads if nothing is named: the first that is there, or all.
    defaults: &'static [&'static str],
    all: bool,
    /// The option that names a file to be read after the defaults.
    extra: Option<&'static str>,
    /// The option that says that nothing is read.
    nothing: Option<&'static str>,
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
};

static SERVERS: &[Server] = &[
    // nginx.org/en/docs/switches.html (-c, -p) and beginners_guide.html: "By default, the
    // configuration file is named nginx.conf and placed in the directory /usr/local/nginx/conf,
    // /etc/nginx, or /usr/local/etc/nginx".
    Server {
        names: &["nginx"],
        dialect: &dialect::NGINX,
        options: &["-c"],
        prefix: Some("-p"),
        base: Base::MainFile,
        defaults: &[
            "/etc/nginx/nginx.conf",
            "/usr/local/nginx/conf/nginx.conf",
            "/usr/local/etc/nginx/nginx.conf",
        ],
        ..SERVER
    },
    // redis.io/docs/latest/operate/oss_and_stack/management/config: the first argument. Without one
    // it reads none; but its title (`redis-server *:6379`) hides what was named, and packages name
    // the same everywhere.
    Server {
        names: &["redis-server", "redis-sentinel"],
        dialect: &dialect::REDIS,
        first: true,
        defaults: &["/etc/redis/redis.conf", "/etc/redis.conf"],
        ..SERVER
    },
    Server {
        names: &["valkey-server"],
        dialect: &dialect::REDIS,
        first: true,
        defaults: &["/etc/valkey/valkey.conf"],
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
    let arguments = Arguments::of(process.command);
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
    if server.nothing.is_some_and(|option| arguments.have(&[option])) {
        return None;
    }
    let prefix = server.prefix.and_then(|option| arguments.value(option));
    let prefix = prefix.map(|prefix| absolute(prefix, process.directory, None));
    let directory = prefix.as_deref().unwrap_or(process.directory);
    let mut files = named(server, arguments, directory, lookup);
    if files.is_empty() {
        files = defaults(server, process, arguments, lookup);
    }
    let (main, _) = files.first()?;
    let beside = main.rsplit_once('/').map_or("/", |(directory, _)| directory);
    let base = match server.base {
        Base::Prefix => directory,
        Base::MainFile => beside,
        Base::ServerRoot => {
            prefix.as_deref().unwrap_or(beside.strip_suffix("/conf").unwrap_or(beside))
        }
        Base::Fixed(directory) => directory,
    };
    let mut reader = Reader::new(server.dialect, base, lookup);
    for (path, why) in files {
        reader.read(path, why);
    }
    Some(reader.finish())
}

/// The files that the command line names, each with the reason.
fn named(
    server: &Server,
    arguments: &Arguments<'_>,
    directory: &str,
    lookup: &dyn Lookup,
) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for option in server.options {
        for value in arguments.values(option) {
            let path = absolute(value, directory, None);
            files.extend(whole(path, lookup).map(|path| (path, format!("named by {option}"))));
        }
    }
    if server.first
        && let Some(path) = arguments.first()
    {
        files.push((absolute(path, directory, None), "named on the command line".to_owned()));
    }
    files
}

/// The files that it reads if none is named.
fn defaults(
    server: &Server,
    process: &Process<'_>,
    arguments: &Arguments<'_>,
    lookup: &dyn Lookup,
) -> Vec<(String, String)> {
    let home = process.variable("HOME");
    let paths = server.defaults.iter().map(|path| absolute(path, process.directory, home));
    let why = if arguments.titled {
        "a default of this server, whose title may hide another"
    } else {
        "a default of this server"
    };
    let there = paths.filter(|path| lookup.exists(path));
    let there = there.take(if server.all { usize::MAX } else { 1 });
    let mut files: Vec<(String, String)> = there.map(|path| (path, why.to_owned())).collect();
    if let Some(option) = server.extra {
        let extra = arguments.values(option).into_iter();
        let path = |value| absolute(value, process.directory, None);
        files.extend(extra.map(|value| (path(value), format!("named by {option}"))));
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
