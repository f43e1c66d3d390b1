//! Options that a server was given on its command line: they win over its files.

use super::arguments::Arguments;
use crate::config::include::Reader;

/// How a server takes options on its command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// It takes none, or none that are options of its files.
    None,
    /// `--name value …`.
    Redis,
    /// `--name=value`, of the group `mysqld`.
    MySql,
    /// `-g "directives"`.
    Nginx,
    /// `-o name=value`.
    Sshd,
}

impl Style {
    /// Whether the first value of an option counts, so that the command line comes before the files.
    pub(super) fn comes_first(self) -> bool {
        self == Style::Sshd
    }

    /// Adds what the command line says.
    pub(super) fn apply(self, arguments: &Arguments<'_>, reader: &mut Reader<'_>) {
        if arguments.are_hidden() {
            return;
        }
        match self {
            Style::None => {}
            Style::Redis => redis(arguments, reader),
            Style::MySql => my_sql(arguments, reader),
            Style::Nginx => nginx(arguments, reader),
            Style::Sshd => sshd(arguments, reader),
        }
    }
}

/// redis.io/docs/latest/operate/oss_and_stack/management/config, "Passing arguments using the command
/// line": a word that begins with `--` begins an option, all up to the next one is its value
/// (`server.c`, `main`).
fn redis(arguments: &Arguments<'_>, reader: &mut Reader<'_>) {
    // Modes, and what ends at once.
    const NO_OPTIONS: &[&str] = &["--sentinel", "--check-system"];
    let mut options: Vec<(&str, String)> = Vec::new();
    for word in arguments.words().iter().filter(|word| !NO_OPTIONS.contains(word)) {
        match (word.strip_prefix("--"), options.last_mut()) {
            // Also `"--save 60 1"`, as one word.
            (Some(option), _) => {
                let (name, value) = option.split_once(char::is_whitespace).unwrap_or((option, ""));
                options.push((name, value.trim().to_owned()));
            }
            (None, Some((_, value))) => {
                if !value.is_empty() {
                    value.push(' ');
                }
                value.push_str(word);
            }
            // The file.
            (None, None) => {}
        }
    }
    for (name, value) in options {
        reader.set(None, name, &value);
    }
}

/// dev.mysql.com/doc/refman/8.4/en/command-line-options.html: `--name=value`, `--name value`, `--name`;
/// short forms of server-options.html. Those about files of options stand in none.
fn my_sql(arguments: &Arguments<'_>, reader: &mut Reader<'_>) {
    const NO_OPTIONS: &[&str] = &[
        "defaults-file",
        "defaults-extra-file",
        "defaults-group-suffix",
        "no-defaults",
        "print-defaults",
        "login-path",
    ];
    const SHORT: &[(&str, &str)] =
        &[("-b", "basedir"), ("-h", "datadir"), ("-P", "port"), ("-t", "tmpdir"), ("-u", "user")];
    let mut words = arguments.words().iter().peekable();
    while let Some(word) = words.next() {
        let short = SHORT.iter().find(|(short, _)| word.starts_with(short));
        let (name, value) = match (word.strip_prefix("--"), short) {
            (Some(long), _) => match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            },
            (None, Some((short, name))) => {
                (*name, word.strip_prefix(short).filter(|value| !value.is_empty()))
            }
            (None, None) => continue,
        };
        let next = || words.next_if(|next| !next.starts_with('-')).copied();
        let value = value.or_else(next).unwrap_or_default();
        if !name.is_empty() && !NO_OPTIONS.contains(&name.replace('_', "-").as_str()) {
            reader.set(Some("mysqld"), name, value);
        }
    }
}

/// nginx.org/en/docs/switches.html, `-g`: directives of the outermost block.
fn nginx(arguments: &Arguments<'_>, reader: &mut Reader<'_>) {
    if !arguments.are_quoted() {
        for directives in arguments.values("-g") {
            reader.set_text(directives);
        }
        return;
    }
    // Directives end with a semicolon, and so does the value: what follows is another option.
    let mut directives: Option<String> = None;
    for word in arguments.words() {
        match &mut directives {
            Some(text) if !(text.ends_with(';') && word.starts_with('-')) => {
                text.push_str(if text.is_empty() { "" } else { " " });
                text.push_str(word);
            }
            _ => {
                directives.take().inspect(|text| reader.set_text(text));
                directives = (*word == "-g").then(String::new);
            }
        }
    }
    directives.inspect(|text| reader.set_text(text));
}

/// sshd(8), `-o`: an option in the form of the file. What that file names several times (`Port`) is not
/// settled by the order.
fn sshd(arguments: &Arguments<'_>, reader: &mut Reader<'_>) {
    for option in arguments.values("-o") {
        let separator = |c: char| c == '=' || c.is_whitespace();
        let (name, value) = option.split_once(separator).unwrap_or((option, ""));
        reader.set(None, name, value.trim_start_matches(separator));
    }
}
