//! Which words of a command line name a configuration file, for programs that are not oslo's.
//!
//! Names only: whether such a file exists, and whether it may be opened, is for others to say.
//! Directories, sockets, logs and data are left out.

use super::lookup::Lookup;
use crate::path::{MAX_PATH_BYTES, absolute, base_name, ends_like, ends_like_configuration};

/// Files of one command line.
pub const MAX_FILES: usize = 32;

/// Options (without dashes and separators) whose value is a configuration file.
const OPTIONS: &[&str] = &[
    "c",
    "f",
    "cf",
    "cfg",
    "cfgfile",
    "conf",
    "conffile",
    "config",
    "configfile",
    "configfilename",
    "configpath",
    "configuration",
    "configurationfile",
    "config.file",
    "defaultsfile",
    "defaultsextrafile",
    "envfile",
    "ini",
    "inifile",
    "paste",
    "properties",
    "propertiesfile",
    "rcfile",
    "settings",
    "settingsfile",
    "yaml",
    "json",
    "xml",
];

/// Endings of what a `-c` or `-f` may name as well.
const OTHER_ENDINGS: &[&str] = &[
    ".log", ".sock", ".socket", ".pid", ".lock", ".db", ".sqlite", ".sqlite3", ".py", ".pyc",
    ".pl", ".rb", ".js", ".sh", ".so", ".jar", ".war", ".csv", ".txt", ".gz", ".xz", ".zst",
    ".tar", ".zip", ".html", ".pem", ".crt", ".key", ".sql", ".out",
];

/// Programs whose `-c` is code and whose `-f` is data.
const NOT_BY_OPTION: &[&str] = &[
    "sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "su", "runuser", "python", "perl", "ruby",
    "node", "php", "tail", "grep", "egrep", "less", "tar", "sed", "awk", "gawk", "mawk", "make",
    "taskset", "ionice", "ping", "xargs", "timeout", "psql",
];

/// Options whose value is written, or is data, whatever its ending.
const OUTPUTS: &[&str] = &[
    "o",
    "out",
    "output",
    "outputfile",
    "log",
    "logfile",
    "pidfile",
    "data",
    "datafile",
    "report",
];

/// A file that a word names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its path, absolute.
    pub path: String,
    /// Whether the word is relative to the working directory.
    pub relative: bool,
}

impl Named {
    /// The file that a word names to a process which works in this directory.
    pub fn of(word: &str, directory: &str) -> Named {
        Named { path: absolute(word, directory, None), relative: !word.starts_with('/') }
    }

    /// The same where relative words start from a directory that is known for sure.
    pub fn in_known(word: &str, directory: &str) -> Named {
        Named { path: absolute(word, directory, None), relative: false }
    }

    /// The reason to think of it. One that is not where a relative word leads may be elsewhere: the
    /// process may have worked in another directory when it read it.
    pub fn because(&self, why: String, lookup: &dyn Lookup) -> String {
        match self.relative && lookup.is_absent(&self.path) {
            true => format!("{why}, relative to its working directory, which it may have changed"),
            false => why,
        }
    }
}

/// The files that a command line names, absolute, in its order, each once.
pub fn named_files(argv: &[String], cwd: &str) -> Vec<Named> {
    // A title that the program gave itself is one word: `nginx: master process nginx -c F`.
    let title: Vec<String>;
    let argv = match argv {
        [only] if only.contains(' ') => {
            title = only.split_whitespace().map(str::to_owned).collect();
            &title
        }
        argv => argv,
    };
    let program = argv.first().map_or("", |word| base_name(word));
    let program = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let by_option = !NOT_BY_OPTION.contains(&program);
    let mut files: Vec<Named> = Vec::new();
    let mut option: Option<String> = None;
    for word in argv.iter().skip(1) {
        let named = option.take();
        let file = match split_option(word) {
            Some((name, value)) => {
                let file = value.and_then(|value| file_of(&name, value, by_option));
                option = value.is_none().then_some(name);
                file
            }
            None => file_of(named.as_deref().unwrap_or_default(), word, by_option),
        };
        let file = file.map(|file| Named::of(file, cwd)).filter(|file| {
            file.path.len() < MAX_PATH_BYTES && files.iter().all(|known| known.path != file.path)
        });
        files.extend(file);
        if files.len() >= MAX_FILES {
            break;
        }
    }
    files
}

/// An option's name without dashes and separators, and its value if the word has one.
fn split_option(word: &str) -> Option<(String, Option<&str>)> {
    let bare = word.strip_prefix('-')?;
    let long = bare.trim_start_matches('-');
    // `-c/etc/x.conf`
    if let Some(value) = bare.strip_prefix(['c', 'f']).filter(|value| value.starts_with('/')) {
        return Some((bare.get(..1)?.to_owned(), Some(value)));
    }
    let (name, value) = match long.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (long, None),
    };
    let name = name.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase());
    Some((name.collect(), value))
}

/// The path in a word that stands behind `option` (or alone, if that is empty).
fn file_of<'a>(option: &str, word: &'a str, by_option: bool) -> Option<&'a str> {
    // `config_file=/etc/x.conf` of postgres' -c, `@/etc/x` of some, `file:/etc/x` of Java
    let word = word.rsplit_once('=').map_or(word, |(_, value)| value);
    let word = word.strip_prefix("file:").unwrap_or(word).trim_start_matches('@');
    let is_path = !word.is_empty()
        && !word.ends_with('/')
        && !word.contains("://")
        && !word.contains(|c: char| c.is_whitespace() || c.is_control() || "{}<>|;*?$".contains(c));
    if !is_path || OUTPUTS.contains(&option) {
        return None;
    }
    if ends_like_configuration(word) {
        return Some(word);
    }
    let named = by_option
        && OPTIONS.contains(&option)
        && (option.len() > 1 || word.contains('/'))
        && !ends_like(base_name(word), OTHER_ENDINGS);
    named.then_some(word)
}

#[cfg(test)]
mod tests {
    use super::named_files;

    fn named(command: &str) -> Vec<String> {
        let argv: Vec<String> = command.split('|').map(str::to_owned).collect();
        named_files(&argv, "/srv").into_iter().map(|file| file.path).collect()
    }

    #[test]
    fn the_usual_ways_of_naming_a_configuration_file_are_known() {
        for (command, expected) in [
            ("nginx|-c|/etc/nginx/nginx.conf", "/etc/nginx/nginx.conf"),
            ("nginx: master process /usr/sbin/nginx -c /etc/nginx/main", "/etc/nginx/main"),
            ("haproxy|-Ws|-f|/etc/haproxy/haproxy.cfg", "/etc/haproxy/haproxy.cfg"),
            ("redis-server|./redis.conf", "/srv/redis.conf"),
            ("prometheus|--config.file=/etc/p/prometheus", "/etc/p/prometheus"),
            ("mysqld|--defaults-file=/etc/my.cnf", "/etc/my.cnf"),
            ("postgres|-D|/d|-c|config_file=/etc/pg/postgresql.conf", "/etc/pg/postgresql.conf"),
            ("uwsgi|--ini|app.ini", "/srv/app.ini"),
            ("java|-Dspring.config.location=file:/etc/app.yml|-jar|a.jar", "/etc/app.yml"),
            ("app|--config|etc/app", "/srv/etc/app"),
            ("sshd|-f/etc/ssh/sshd_config", "/etc/ssh/sshd_config"),
            ("app|-c|a.toml|--config=./a.toml", "/srv/a.toml"),
        ] {
            assert_eq!(named(command), [expected], "{command}");
        }
    }

    #[test]
    fn code_logs_sockets_directories_and_addresses_are_no_configuration() {
        for command in [
            "sh|-c|cat /etc/a.conf",
            "python3|-c|import a",
            "tail|-f|/var/log/messages",
            "app|-c|/run/a.sock",
            "app|-f|/var/log/a.log",
            "app|--config|/etc/app/",
            "app|--conf",
            "curl|https://h/a.json",
            "app|-o|out.json",
            "redis-server *:6379",
            "app|-f|4",
            "",
            "app|--config|{\"a\": 1}",
            "app|--log-file=/x/a.yaml|--confirm|yes",
        ] {
            assert_eq!(named(command), [""; 0], "{command}");
        }
    }
}
