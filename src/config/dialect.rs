//! What differs between programs whose files look alike: which directives include other files, which
//! of several values counts, and how names are compared.
//!
//! Each fact is from the program's own manual, which is named beside it.

use super::generic::Format;

/// How a program reads its files.
#[derive(Debug)]
pub struct Dialect {
    /// The form of its files; `None` where each file tells by its name and its text.
    pub format: Option<Format>,
    /// The directives that include files.
    pub includes: &'static [Include],
    /// The directive that names the directory which relative paths start from, lower case.
    pub base: Option<&'static str>,
    /// Which of the values of an option counts.
    pub counts: Counts,
    /// How names of options are compared.
    pub names: Naming,
    /// Words that begin a section, where a line is `name value`: what follows belongs to it.
    pub sections: &'static [&'static str],
    /// Whether a `#` behind a value begins a comment.
    pub comments_behind: bool,
    /// Whether a backslash at its end continues a line.
    pub continued: bool,
}

/// A directive that includes files.
#[derive(Debug)]
pub struct Include {
    /// Its name, lower case.
    pub directive: &'static str,
    /// The group that it must stand in; any if that is `None`.
    pub group: Option<&'static str>,
    /// What its value names.
    pub value: Included,
    /// Whether a relative path starts from the file that it stands in, and not from the base.
    pub beside: bool,
    /// Whether a file that is not there is no error.
    pub optional: bool,
}

/// What the value of a directive names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Included {
    /// A file, or a pattern of files.
    Files,
    /// Several of them, separated by blanks.
    Lists,
    /// A directory: its files with this ending.
    Directory(&'static str),
    /// Files, or a directory with everything below it.
    FilesOrTree,
}

/// Which of the values of an option counts. The others are not shown: the program does not have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// All, as far as can be told.
    All,
    /// The first, but for these options (lower case), which take several.
    FirstBut(&'static [&'static str]),
    /// The last, but for these.
    LastBut(&'static [&'static str]),
}

/// How names of options are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// As they are.
    Exact,
    /// Upper and lower case are one.
    AnyCase,
    /// `-` and `_` are one.
    AnyDash,
}

impl Naming {
    /// The form by which a name is compared.
    pub fn key(self, name: &str) -> String {
        match self {
            Naming::Exact => name.to_owned(),
            Naming::AnyCase => name.to_lowercase(),
            Naming::AnyDash => name.replace('-', "_"),
        }
    }
}

/// A program of which nothing is known.
pub static PLAIN: Dialect = Dialect {
    format: None,
    includes: &[],
    base: None,
    counts: Counts::All,
    names: Naming::Exact,
    sections: &[],
    comments_behind: false,
    continued: false,
};

const fn include(directive: &'static str) -> Include {
    Include { directive, group: None, value: Included::Files, beside: false, optional: false }
}

/// nginx.org/en/docs/ngx_core_module.html#include: a file or a mask, in any context. Relative paths
/// start from the directory of the main file (`-c` sets the prefix of the configuration, too).
pub static NGINX: Dialect =
    Dialect { format: Some(Format::Blocks), includes: &[include("include")], ..PLAIN };

/// redis.conf, "INCLUDES" and "NOTE: redis.conf": the last processed line wins; paths may have
/// wildcards (7.0); relative paths start from the working directory.
pub static REDIS: Dialect = Dialect {
    format: Some(Format::Words),
    includes: &[Include { optional: false, ..include("include") }],
    counts: Counts::LastBut(&[
        "client-output-buffer-limit",
        "include",
        "loadmodule",
        "rename-command",
        "save",
        "user",
    ]),
    names: Naming::AnyCase,
    ..PLAIN
};

/// postgresql.org/docs/current/config-setting.html, "Managing Configuration File Contents": relative
/// to the file with the directive; of a directory what ends in `.conf` and begins with no dot, in the
/// order of the C locale; the last setting of a parameter counts.
pub static POSTGRES: Dialect = Dialect {
    format: Some(Format::Postgres),
    includes: &[
        Include { beside: true, ..include("include") },
        Include { beside: true, optional: true, ..include("include_if_exists") },
        Include { beside: true, value: Included::Directory(".conf"), ..include("include_dir") },
    ],
    counts: Counts::LastBut(&["include", "include_if_exists", "include_dir"]),
    names: Naming::AnyCase,
    ..PLAIN
};

/// `pg_hba.conf` and `pg_ident.conf`: records, of which the first that fits is used
/// (postgresql.org/docs/current/auth-pg-hba-conf.html).
pub static POSTGRES_TABLE: Dialect = Dialect { format: Some(Format::Table), ..PLAIN };

/// haproxy's configuration manual, 2.1 "Configuration file format" and 4 "Proxies": keywords of
/// sections, and `#` begins a comment anywhere. It has no includes.
pub static HAPROXY: Dialect = Dialect {
    format: Some(Format::Words),
    sections: &[
        "backend",
        "cache",
        "crt-store",
        "defaults",
        "fcgi-app",
        "frontend",
        "global",
        "http-errors",
        "listen",
        "log-forward",
        "log-profile",
        "mailers",
        "peers",
        "program",
        "resolvers",
        "ring",
        "traces",
        "userlist",
    ],
    comments_behind: true,
    ..PLAIN
};

/// dev.mysql.com/doc/refman/8.4/en/option-files.html, mariadb.com/kb "Configuring MariaDB with Option
/// Files": `!include` and `!includedir` with files `*.cnf`; a `#` may begin a comment in the middle of
/// a line; the last value counts; `-` and `_` in names are one.
pub static MYSQL: Dialect = Dialect {
    format: Some(Format::Ini),
    includes: &[
        include("!include"),
        Include { value: Included::Directory(".cnf"), ..include("!includedir") },
    ],
    counts: Counts::LastBut(&[
        "!include",
        "!includedir",
        "binlog_do_db",
        "binlog_ignore_db",
        "plugin_load_add",
        "replicate_do_db",
        "replicate_do_table",
        "replicate_ignore_db",
        "replicate_ignore_table",
        "replicate_rewrite_db",
        "replicate_wild_do_table",
        "replicate_wild_ignore_table",
    ]),
    names: Naming::AnyDash,
    comments_behind: true,
    ..PLAIN
};

/// httpd.apache.org/docs/2.4/mod/core.html#include, #includeoptional, #serverroot and
/// configuring.html: a file, a pattern, or a directory with all that is below it, relative to
/// `ServerRoot`; a backslash continues a line; names in any case.
pub static APACHE: Dialect = Dialect {
    format: Some(Format::Sections),
    includes: &[
        Include { value: Included::FilesOrTree, ..include("include") },
        Include { value: Included::FilesOrTree, optional: true, ..include("includeoptional") },
    ],
    base: Some("serverroot"),
    names: Naming::AnyCase,
    continued: true,
    ..PLAIN
};

/// sshd_config(5): the first value of a keyword counts, unless it takes several; `Match` begins a
/// section; `Include` has several patterns, relative to `/etc/ssh`.
pub static SSHD: Dialect = Dialect {
    format: Some(Format::Words),
    includes: &[Include { value: Included::Lists, optional: true, ..include("include") }],
    counts: Counts::FirstBut(&[
        "acceptenv",
        "allowgroups",
        "allowusers",
        "denygroups",
        "denyusers",
        "hostcertificate",
        "hostkey",
        "include",
        "listenaddress",
        "port",
        "setenv",
        "subsystem",
    ]),
    names: Naming::AnyCase,
    sections: &["match"],
    comments_behind: true,
    ..PLAIN
};

/// rabbitmq.com/docs/configure: `rabbitmq.conf` in the form of sysctl; later files win.
pub static RABBITMQ: Dialect =
    Dialect { format: Some(Format::Properties), counts: Counts::LastBut(&[]), ..PLAIN };

/// supervisord.org/configuration.html, "`[include]` Section Settings": patterns, relative to the file.
pub static SUPERVISORD: Dialect = Dialect {
    format: Some(Format::Ini),
    includes: &[Include {
        group: Some("include"),
        value: Included::Lists,
        beside: true,
        optional: true,
        ..include("files")
    }],
    ..PLAIN
};

/// systemd.syntax(7): sections, `#` and `;` begin comments, a backslash continues a line. Lists are
/// written as several lines.
pub static UNIT: Dialect = Dialect { format: Some(Format::Ini), continued: true, ..PLAIN };

/// systemd.exec(5), `EnvironmentFile=`: `NAME=value`.
pub static ENVIRONMENT_FILE: Dialect =
    Dialect { format: Some(Format::Properties), counts: Counts::LastBut(&[]), ..PLAIN };
