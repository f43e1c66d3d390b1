//! Secrets in command lines: `--password X`, `--password=X`, `mysql -pX`, `curl -u user:password`,
//! `PASSWORD=X`, `Header: value`.
//!
//! The number of words never changes. What a word means to the program is known for the few
//! programs of [`SHORT_OPTIONS`] only; everything else is judged by names and patterns.

use std::borrow::Cow;

use super::name::{is_harmless, is_secret_name, is_switch, names_a_secret};
use super::{MASK, mask_text, mask_value, until_stable};
use crate::path::base_name;

/// Which part of an option's value is the secret.
#[derive(Clone, Copy)]
enum Part {
    Whole,
    /// Behind the first of this: `user:password`.
    After(char),
}

/// An option whose name does not tell that its value is secret.
struct ShortOption {
    programs: &'static [&'static str],
    /// With its dashes.
    option: &'static str,
    /// The value may follow in the same word (`-pX`).
    attached: bool,
    /// The value may be the next word.
    separate: bool,
    part: Part,
}

const SHORT_OPTIONS: &[ShortOption] = &[
    ShortOption {
        programs: &[
            "mysql",
            "mysqldump",
            "mysqladmin",
            "mysqlimport",
            "mysqlshow",
            "mysqlcheck",
            "mysqlslap",
            "mysqlbinlog",
            "mysql_upgrade",
            "mariadb",
            "mariadb-dump",
            "mariadb-admin",
            "mariadb-check",
            "mariadb-import",
            "mariadb-show",
            "mariabackup",
            "7z",
            "7za",
            "7zr",
        ],
        option: "-p",
        attached: true,
        separate: false,
        part: Part::Whole,
    },
    ShortOption {
        programs: &[
            "sshpass",
            "mongo",
            "mongosh",
            "mongodump",
            "mongorestore",
            "mongoexport",
            "mongoimport",
            "cqlsh",
            // Of docker, podman and their like: their `run -p` is a port.
            "login",
            "mycli",
            "rdesktop",
            "rabbitmqadmin",
        ],
        option: "-p",
        attached: true,
        separate: true,
        part: Part::Whole,
    },
    ShortOption {
        programs: &["redis-cli", "valkey-cli"],
        option: "-a",
        attached: false,
        separate: true,
        part: Part::Whole,
    },
    ShortOption {
        programs: &["snmpwalk", "snmpget", "snmpset", "snmptrap"],
        option: "-c",
        attached: false,
        separate: true,
        part: Part::Whole,
    },
    ShortOption {
        programs: &["snmpwalk", "snmpget", "snmpset", "snmptrap"],
        option: "-A",
        attached: false,
        separate: true,
        part: Part::Whole,
    },
    ShortOption {
        programs: &["snmpwalk", "snmpget", "snmpset", "snmptrap"],
        option: "-X",
        attached: false,
        separate: true,
        part: Part::Whole,
    },
    ShortOption {
        programs: &[
            "ldapsearch",
            "ldapadd",
            "ldapmodify",
            "ldapdelete",
            "ldappasswd",
            "ldapwhoami",
        ],
        option: "-w",
        attached: true,
        separate: true,
        part: Part::Whole,
    },
    ShortOption {
        programs: &["ipmitool", "sqlcmd", "bcp", "mosquitto_pub", "mosquitto_sub", "zip", "unzip"],
        option: "-P",
        attached: true,
        separate: true,
        part: Part::Whole,
    },
    ShortOption {
        programs: &["curl", "lftp", "http", "https"],
        option: "-u",
        attached: true,
        separate: true,
        part: Part::After(':'),
    },
    ShortOption {
        programs: &["lftp"],
        option: "-u",
        attached: true,
        separate: true,
        part: Part::After(','),
    },
    ShortOption {
        programs: &["curl"],
        option: "-U",
        attached: true,
        separate: true,
        part: Part::After(':'),
    },
    ShortOption {
        programs: &["http", "https"],
        option: "-a",
        attached: false,
        separate: true,
        part: Part::After(':'),
    },
    ShortOption {
        programs: &["smbclient", "rpcclient", "net", "smbget"],
        option: "-U",
        attached: true,
        separate: true,
        part: Part::After('%'),
    },
];

/// Long options of any program whose value is `user:password`.
const USER_AND_PASSWORD: &[&str] =
    &["--user", "--proxy-user", "--auth", "--userpwd", "--http-user"];

/// Their `-c` is followed by a command line in one word.
const SHELLS: &[&str] = &["sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "su", "runuser"];

/// Masks a command line. The result has as many words.
pub fn mask_argv(argv: &[String]) -> Vec<String> {
    until_stable(argv.to_vec(), |argv| {
        let mut masker = Masker::default();
        argv.iter().enumerate().map(|(index, word)| masker.word(word, index == 0)).collect()
    })
}

/// What the next word is.
#[derive(Default)]
enum Expect {
    #[default]
    Anything,
    /// The value of an option that is a secret.
    Secret(Part),
    /// The value of an option that is a secret by this name.
    Named(String),
    /// A shell's command.
    Command,
}

#[derive(Default)]
struct Masker {
    /// The words so far that name a program, in base names: `sudo`, `env` and shells come before
    /// the program that matters.
    programs: Vec<String>,
    expect: Expect,
}

/// Program names kept of one command line.
const MAX_PROGRAMS: usize = 8;

impl Masker {
    fn word(&mut self, word: &str, first: bool) -> String {
        let expected = std::mem::take(&mut self.expect);
        if let Expect::Secret(part) = expected
            && !is_option(word)
        {
            return mask_part(word, part);
        }
        if let Expect::Named(name) = &expected
            && !is_option(word)
        {
            return if is_harmless(name, word) { word.to_owned() } else { MASK.to_owned() };
        }
        // A command in one word: what a shell runs, and titles that programs give themselves.
        if matches!(expected, Expect::Command) || (first && word.contains(' ')) {
            return mask_command(word);
        }
        if !word.starts_with('-') {
            self.note_program(word);
        }
        if let Some(masked) = self.short_option(word) {
            return masked;
        }
        if word.starts_with("--") && USER_AND_PASSWORD.contains(&word) {
            self.expect = Expect::Secret(Part::After(':'));
            return word.to_owned();
        }
        if word == "-c" && self.programs.iter().any(|program| SHELLS.contains(&&**program)) {
            self.expect = Expect::Command;
            return word.to_owned();
        }
        if is_option(word) && !word.contains('=') {
            if is_secret_name(word) && !is_switch(word) {
                self.expect = Expect::Named(word.to_owned());
            }
            return mask_text(word).into_owned();
        }
        mask_named(word).into_owned()
    }

    fn note_program(&mut self, word: &str) {
        let name = base_name(word);
        let known = SHELLS.contains(&name)
            || SHORT_OPTIONS.iter().any(|short| short.programs.contains(&name));
        if known && self.programs.len() < MAX_PROGRAMS {
            self.programs.push(name.to_owned());
        }
    }

    /// Masks a word that begins with an option of [`SHORT_OPTIONS`], or expects its value next.
    fn short_option(&mut self, word: &str) -> Option<String> {
        let known = |short: &&ShortOption| {
            word.starts_with(short.option)
                && self.programs.iter().any(|program| short.programs.contains(&&**program))
        };
        for short in SHORT_OPTIONS.iter().filter(known) {
            let value = word.get(short.option.len()..).unwrap_or_default();
            if value.is_empty() && short.separate {
                self.expect = Expect::Secret(short.part);
                return Some(word.to_owned());
            }
            if !value.is_empty() && short.attached {
                return Some(format!("{}{}", short.option, mask_part(value, short.part)));
            }
        }
        None
    }
}

/// Whether a word is an option rather than the value of one: `-x`, `--name`, `--name=value`.
fn is_option(word: &str) -> bool {
    let name = word.trim_start_matches('-');
    let name = name.split('=').next().unwrap_or_default();
    word.starts_with('-')
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn mask_part(value: &str, part: Part) -> String {
    match part {
        Part::Whole if value.is_empty() => String::new(),
        Part::Whole => MASK.to_owned(),
        Part::After(mark) => match value.split_once(mark) {
            Some((user, password)) if !password.is_empty() => {
                format!("{}{mark}{MASK}", mask_text(user))
            }
            _ => mask_text(value).into_owned(),
        },
    }
}

/// Masks `NAME=value`, `--name=value` and `Name: value`, by name and by pattern.
fn mask_named(word: &str) -> Cow<'_, str> {
    let Some(at) = word.find(['=', ':']) else { return mask_text(word) };
    let (name, value) =
        (word.get(..at).unwrap_or_default(), word.get(at + 1..).unwrap_or_default());
    let is_header = word.get(at..).is_some_and(|rest| rest.starts_with(": "));
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !is_name || (!is_header && !word.get(at..).is_some_and(|rest| rest.starts_with('='))) {
        return mask_text(word);
    }
    if USER_AND_PASSWORD.contains(&name) {
        return Cow::Owned(format!("{name}={}", mask_part(value, Part::After(':'))));
    }
    if !names_a_secret(name, value) {
        return mask_text(word);
    }
    let separator = if is_header { ": " } else { "=" };
    Cow::Owned(format!("{name}{separator}{}", mask_value(name, value.trim_start())))
}

/// Masks a command line that is one word. Blanks stay as they are; quotes hold words together.
fn mask_command(command: &str) -> String {
    let mut masker = Masker::default();
    let mut out = String::with_capacity(command.len());
    let mut word = String::new();
    let mut quote = None;
    for c in command.chars() {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
        if c.is_whitespace() && quote.is_none() {
            if !word.is_empty() {
                out.push_str(&masker.word(&word, false));
                word.clear();
            }
            out.push(c);
        } else {
            word.push(c);
        }
    }
    if !word.is_empty() {
        out.push_str(&masker.word(&word, false));
    }
    // What spans several words: JSON, a URL with a blank in its password.
    mask_text(&out).into_owned()
}
