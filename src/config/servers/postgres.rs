//! PostgreSQL: its settings with `ALTER SYSTEM`'s over them, and who may connect.
//!
//! postgresql.org/docs/current/config-setting.html, runtime-config-file-locations.html, app-postgres.html.

use super::Process;
use super::arguments::Arguments;
use crate::config::dialect::{POSTGRES, POSTGRES_TABLE};
use crate::config::include::{Reader, Tree};
use crate::config::lookup::Lookup;
use crate::path::absolute;

/// The longest command line that is read of `postmaster.opts`, in bytes.
const MAX_OPTIONS: usize = 64 << 10;

/// The configurations of a server: its settings, and its tables of clients and of names.
pub(super) fn configurations(
    process: &Process<'_>,
    arguments: &Arguments<'_>,
    lookup: &dyn Lookup,
) -> Vec<Tree> {
    let absolute = |path: &str| absolute(path, process.directory, None);
    // The title of a child (`postgres: checkpointer`) tells nothing; but every process of the server
    // works in its data directory, where the command line of the first one is kept.
    let kept = (arguments.are_hidden())
        .then(|| lookup.text(&absolute("postmaster.opts")).map(|text| quoted_words(&text)))
        .flatten();
    let kept = kept.unwrap_or_default();
    let kept: Vec<&str> = kept.iter().skip(1).map(String::as_str).collect();
    let arguments = match kept.is_empty() {
        true => Arguments::of_words(arguments.words().to_vec()),
        false => Arguments::of_words(kept),
    };

    let named = (arguments.value("-D").map(|path| (path, "the directory named by -D")))
        .or_else(|| Some((process.variable("PGDATA")?, "the directory named by PGDATA")));
    let (start, why) = named.unwrap_or((process.directory, "the working directory"));
    let start = absolute(start);
    let (file, why) = match setting(&arguments, "config_file") {
        Some(file) => (absolute(&file), "named by config_file on the command line".to_owned()),
        None => (format!("{start}/postgresql.conf"), format!("in {why}")),
    };
    // `postgres --single`, a client of the same name, or another program.
    if setting(&arguments, "config_file").is_none() && !lookup.exists(&file) {
        return Vec::new();
    }
    let mut settings = Reader::new(&POSTGRES, &start, lookup);
    settings.read(file, why);
    // The command line is stronger than every file; what it sets is in none of them.
    let place = |name: &str| {
        let in_files = || settings.last(name).map(str::to_owned);
        let set = setting(&arguments, name).or_else(in_files);
        set.filter(|path| !path.is_empty()).map(|path| absolute(&path))
    };
    let data = place("data_directory").unwrap_or(start);
    let table = |name: &str, file: &str| {
        place(name).map_or_else(
            || (format!("{data}/{file}"), "in the data directory".to_owned()),
            |path| (path, format!("named by {name}")),
        )
    };
    let tables = [table("hba_file", "pg_hba.conf"), table("ident_file", "pg_ident.conf")];
    let altered = format!("{data}/postgresql.auto.conf");
    if lookup.exists(&altered) {
        settings.read(altered, "what ALTER SYSTEM set, read last");
    }
    for (name, value) in set(&arguments) {
        settings.set(None, &name, value);
    }
    let mut found = vec![settings.finish()];
    found.extend(tables.into_iter().map(|(path, why)| {
        let mut reader = Reader::new(&POSTGRES_TABLE, "/", lookup);
        reader.read(path, why);
        reader.finish()
    }));
    found
}

/// A setting of the command line.
fn setting(arguments: &Arguments<'_>, name: &str) -> Option<String> {
    let found = set(arguments).into_iter().rev().find(|(known, _)| known == name);
    found.map(|(_, value)| value.to_owned())
}

/// Options that are settings and have a value.
const VALUES: &[(char, &str)] = &[
    ('B', "shared_buffers"),
    ('h', "listen_addresses"),
    ('k', "unix_socket_directories"),
    ('N', "max_connections"),
    ('p', "port"),
    ('S', "work_mem"),
    ('W', "post_auth_delay"),
];

/// Options that are settings with this value.
const FLAGS: &[(char, &str, &str)] = &[
    ('F', "fsync", "off"),
    ('i', "listen_addresses", "*"),
    ('l', "ssl", "on"),
    ('O', "allow_system_table_mods", "on"),
    ('P', "ignore_system_indexes", "on"),
    ('s', "log_statement_stats", "on"),
];

/// Other options that have a value.
const OTHERS: &str = "CDdfrtv";

/// What the command line sets, in its order: `-c name=value`, `--name=value`, `-p port` and others of
/// app-postgres.html, "Options". In a name, `-` is `_`.
fn set<'a>(arguments: &Arguments<'a>) -> Vec<(String, &'a str)> {
    let mut found = Vec::new();
    let pair = |word: &'a str| {
        word.split_once('=').map(|(name, value)| (name.replace('-', "_").to_lowercase(), value))
    };
    let mut words = arguments.words().iter();
    while let Some(word) = words.next() {
        if let Some(long) = word.strip_prefix("--") {
            found.extend(pair(long));
            continue;
        }
        let Some(letters) = word.strip_prefix('-') else { continue };
        // Several without values may stand in one word.
        for (at, letter) in letters.char_indices() {
            if let Some((_, name, value)) = FLAGS.iter().find(|(known, ..)| *known == letter) {
                found.push(((*name).to_owned(), *value));
                continue;
            }
            let setting = VALUES.iter().find(|(known, _)| *known == letter);
            if setting.is_none() && letter != 'c' && !OTHERS.contains(letter) {
                continue;
            }
            let rest = letters.get(at + letter.len_utf8()..).filter(|rest| !rest.is_empty());
            let Some(value) = rest.or_else(|| words.next().copied()) else { break };
            match setting {
                Some((_, name)) => found.push(((*name).to_owned(), value)),
                None if letter == 'c' => found.extend(pair(value)),
                None => {}
            }
            break;
        }
    }
    found
}

/// The words of `postmaster.opts`: the executable, and each argument in double quotes.
fn quoted_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in text.chars().take(MAX_OPTIONS) {
        match c {
            '"' => quoted = !quoted,
            ' ' | '\n' if !quoted => {
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
            }
            c => word.push(c),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}
