//! Secrets in command lines: `--password X`, `--password=X`, `mysql -pX`, `curl -u user:password`,
//! `PASSWORD=X`, `Header: value`.
//!
//! The number of words never changes. What a word means to the program is known for the few
//! programs of [`SHORT_OPTIONS`] and [`POSITIONS`] only; everything else is judged by names and
//! patterns. The same [`Masker`] judges the words of command lines inside of texts (`command`).

use std::sync::LazyLock;

use super::marks::Marks;
use super::name::{is_harmless, is_secret_name, is_switch, names_a_secret};
use super::{MASK, mask_text, until_stable};
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
        programs: &["curl"],
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
    ShortOption {
        programs: &["openssl"],
        option: "-k",
        attached: false,
        separate: true,
        part: Part::Whole,
    },
    ShortOption {
        programs: &["openssl"],
        option: "-K",
        attached: false,
        separate: true,
        part: Part::Whole,
    },
    ShortOption {
        programs: &["xfreerdp", "xfreerdp3", "wlfreerdp", "sdl-freerdp", "freerdp"],
        option: "/p:",
        attached: true,
        separate: false,
        part: Part::Whole,
    },
];

/// A secret that is told by its place: so many words behind a word of the program's.
struct Position {
    program: &'static str,
    behind: &'static str,
    nth: usize,
}

const POSITIONS: &[Position] = &[
    Position { program: "rabbitmqctl", behind: "add_user", nth: 2 },
    Position { program: "rabbitmqctl", behind: "change_password", nth: 2 },
    Position { program: "rabbitmqctl", behind: "authenticate_user", nth: 2 },
    Position { program: "vault", behind: "login", nth: 1 },
    // FILE USER PASSWORD; with -n there is no file.
    Position { program: "htpasswd", behind: "-b", nth: 3 },
    Position { program: "htpasswd", behind: "-bc", nth: 3 },
    Position { program: "htpasswd", behind: "-cb", nth: 3 },
    Position { program: "htpasswd", behind: "-bB", nth: 3 },
    Position { program: "htpasswd", behind: "-Bb", nth: 3 },
    Position { program: "htpasswd", behind: "-cbB", nth: 3 },
    Position { program: "htpasswd", behind: "-cBb", nth: 3 },
    Position { program: "htpasswd", behind: "-nb", nth: 2 },
    Position { program: "htpasswd", behind: "-bn", nth: 2 },
    Position { program: "htpasswd", behind: "-nbB", nth: 2 },
    Position { program: "htpasswd", behind: "-nBb", nth: 2 },
    Position { program: "htpasswd", behind: "-Bbn", nth: 2 },
    Position { program: "htpasswd", behind: "-bnB", nth: 2 },
];

/// Long options of any program whose value is `user:password`.
const USER_AND_PASSWORD: &[&str] =
    &["--user", "--proxy-user", "--auth", "--userpwd", "--http-user"];

/// Programs whose `--user` is followed by the rules of an ACL: `--user bob on '>password' '~*'`.
const ACL_PROGRAMS: &[&str] = &["redis-server", "valkey-server"];
/// What begins a password there, or its hash, that is added or taken away.
const ACL_MARKS: &[char] = &['>', '<', '#', '!'];

/// Their `-c` is followed by a command line in one word.
const SHELLS: &[&str] = &["sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "su", "runuser"];

/// Words that follow a name in prose: "use --password to log in", "a token for the API".
pub(super) const PROSE: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "for", "from", "if", "in", "instead",
    "is", "may", "must", "not", "of", "on", "option", "options", "or", "should", "that", "the",
    "then", "to", "was", "when", "which", "will", "with",
];

/// Masks a command line. The result has as many words.
pub fn mask_argv(argv: &[String]) -> Vec<String> {
    until_stable(argv.to_vec(), |argv| {
        let mut masker = Masker::default();
        argv.iter().map(|word| masker.mask(word)).collect()
    })
}

/// Masks a list of texts as a command line, if it looks like one.
pub fn mask_list<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Vec<String>> {
    let words: Vec<String> = texts.map(str::to_owned).collect();
    let is_command = words.iter().any(|word| word.len() > 1 && word.starts_with('-'))
        || words.iter().any(|word| POSITIONS.iter().any(|known| known.program == base_name(word)));
    is_command.then(|| mask_argv(&words))
}

/// Whether one of the programs whose secrets are told by their place is spoken of.
pub(super) fn names_a_program(text: &str) -> bool {
    static PROGRAMS: LazyLock<Marks> = LazyLock::new(|| {
        Marks::new(POSITIONS.iter().enumerate().map(|(number, known)| (number, known.program)))
    });
    PROGRAMS.find(text).any(|(number, at)| {
        let known = POSITIONS.get(number).map_or("", |known| known.program);
        text.get(at..).is_some_and(|text| text.starts_with(known))
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
    /// A header of HTTP.
    Header,
    /// The last of so many words, options aside, is a secret.
    Nth(usize),
    /// The rules of an ACL, up to the next option.
    Rules,
}

/// Judges the words of a command line, one after the other.
#[derive(Default)]
pub(super) struct Masker {
    /// The words so far that name a program, in base names: `sudo`, `env` and shells come before
    /// the program that matters.
    programs: Vec<String>,
    expect: Expect,
}

/// Program names kept of one command line.
const MAX_PROGRAMS: usize = 8;

impl Masker {
    /// Masks the next word of a real command line: a shell's command, the title that a program gave
    /// itself and what is a secret by itself, too.
    fn mask(&mut self, word: &str) -> String {
        let judged = self.judge(word).or_else(|| by_name(word)).or_else(|| options_in(word));
        mask_text(judged.as_deref().unwrap_or(word)).into_owned()
    }

    /// What is left of the next word of a command line inside of a text; `None` if it stays. What it
    /// shows by itself is not looked at.
    pub fn word_of_text(&mut self, word: &str) -> Option<String> {
        if self.expects_named() && PROSE.contains(&word) {
            self.expect = Expect::Anything;
            return None;
        }
        let is_header = matches!(self.expect, Expect::Header);
        let by_name = || by_name(word).filter(|_| is_header || !is_assignment(word));
        self.judge(word).or_else(by_name).filter(|masked| masked != word)
    }

    /// Whether the next word may be a secret as a whole.
    pub fn expects_secret(&self) -> bool {
        !matches!(self.expect, Expect::Anything)
    }

    fn expects_named(&self) -> bool {
        matches!(self.expect, Expect::Named(_))
    }

    /// What is expected does not follow.
    pub fn expect_nothing(&mut self) {
        self.expect = Expect::Anything;
    }

    /// The next word, by what stands before it and by what it is to the program.
    fn judge(&mut self, word: &str) -> Option<String> {
        match std::mem::take(&mut self.expect) {
            Expect::Secret(part) if !is_option(word) => {
                return Some(mask_part(word, part).unwrap_or_else(|| word.to_owned()));
            }
            Expect::Named(name) if !is_option(word) => {
                let shown = if is_harmless(&name, word) { word } else { MASK };
                return Some(shown.to_owned());
            }
            Expect::Rules if !is_option(word) => {
                self.expect = Expect::Rules;
                return Some(mask_rules(word));
            }
            // `vault login username=x`
            Expect::Nth(1) if !is_option(word) && !word.contains('=') => {
                return Some(MASK.to_owned());
            }
            Expect::Nth(nth) => {
                let passed = usize::from(!is_option(word));
                self.expect = Expect::Nth(nth.saturating_sub(passed).max(1));
                return None;
            }
            _ => {}
        }
        if !word.starts_with('-') {
            self.note_program(word);
        }
        if matches!(word, "-H" | "--header") {
            self.expect = Expect::Header;
            return None;
        }
        let behind = |known: &&Position| {
            known.behind == word && self.programs.iter().any(|program| program == known.program)
        };
        if let Some(position) = POSITIONS.iter().find(behind) {
            self.expect = Expect::Nth(position.nth);
            return None;
        }
        if let Some(masked) = self.short_option(word) {
            return Some(masked);
        }
        if word.starts_with("--") && USER_AND_PASSWORD.contains(&word) {
            let has_rules = word == "--user" && self.runs_one_of(ACL_PROGRAMS);
            self.expect = if has_rules { Expect::Rules } else { Expect::Secret(Part::After(':')) };
            return Some(word.to_owned());
        }
        // `--password= X` has a blank too much.
        let name = word.strip_suffix('=').unwrap_or(word);
        if is_option(name) && !name.contains('=') && is_secret_name(name) && !is_switch(name) {
            self.expect = Expect::Named(name.to_owned());
        }
        None
    }

    fn runs_one_of(&self, programs: &[&str]) -> bool {
        self.programs.iter().any(|program| programs.contains(&&**program))
    }

    /// A program by its name or path, also behind `command=`.
    fn note_program(&mut self, word: &str) {
        let name = base_name(word.rsplit('=').next().unwrap_or(word));
        let known = SHELLS.contains(&name)
            || ACL_PROGRAMS.contains(&name)
            || SHORT_OPTIONS.iter().any(|short| short.programs.contains(&name))
            || POSITIONS.iter().any(|known| known.program == name);
        if known && self.programs.len() < MAX_PROGRAMS {
            self.programs.push(name.to_owned());
        }
    }

    /// Masks a word that begins with an option of [`SHORT_OPTIONS`], or expects its value next.
    fn short_option(&mut self, word: &str) -> Option<String> {
        let known = |short: &&ShortOption| {
            word.starts_with(short.option) && self.runs_one_of(short.programs)
        };
        for short in SHORT_OPTIONS.iter().filter(known) {
            let value = word.get(short.option.len()..).unwrap_or_default();
            if value.is_empty() && short.separate {
                self.expect = Expect::Secret(short.part);
                return Some(word.to_owned());
            }
            if !value.is_empty() && short.attached {
                let masked = mask_part(value, short.part);
                return Some(format!("{}{}", short.option, masked.as_deref().unwrap_or(value)));
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

/// Rules of an ACL with the passwords in them masked; one word may have them all.
fn mask_rules(word: &str) -> String {
    let mask = |rule: &str| {
        let bare = rule.trim_end();
        let blanks = rule.get(bare.len()..).unwrap_or_default();
        match bare.strip_prefix(ACL_MARKS) {
            Some(secret) if !secret.is_empty() => {
                let mark = bare.get(..bare.len() - secret.len()).unwrap_or_default();
                format!("{mark}{MASK}{blanks}")
            }
            _ => rule.to_owned(),
        }
    };
    word.split_inclusive([' ', '\t', '\n']).map(mask).collect()
}

/// Options in the value of one: `--opts=--password x`.
fn options_in(word: &str) -> Option<String> {
    let (name, value) = word.split_once('=')?;
    let has_options = value.starts_with('-') && value.contains(' ') && !name.contains(' ');
    has_options.then(|| format!("{name}={}", mask_text(value)))
}

/// The value with its secret part masked; `None` if it has none.
fn mask_part(value: &str, part: Part) -> Option<String> {
    match part {
        Part::Whole if value.is_empty() || is_published_port(value) => None,
        Part::Whole => Some(MASK.to_owned()),
        Part::After(mark) => {
            let (user, password) = value.split_once(mark)?;
            (!password.is_empty()).then(|| format!("{user}{mark}{MASK}"))
        }
    }
}

/// `docker run --name mongo -p 127.0.0.1:27017:27017`: what is a program by its name may be none.
fn is_published_port(value: &str) -> bool {
    value.contains(':') && value.bytes().all(|byte| byte.is_ascii_digit() || b".:".contains(&byte))
}

/// `password=value` is found in any text.
fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| is_secret_name(name) && !name.contains(':'))
}

/// `NAME=value`, `--name=value`, `--name:value`, `/name:value` and `Name: value` masked, if the name
/// is that of a secret.
fn by_name(word: &str) -> Option<String> {
    let at = word.find(['=', ':'])?;
    let (name, rest) = word.split_at_checked(at)?;
    let bare = name.strip_prefix('/').unwrap_or(name);
    let value = rest.get(1..)?;
    if !bare.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        return None;
    }
    let separator = match rest.chars().next() {
        Some('=') if bare == name => "=",
        // `-v /secret:/mount` is no secret.
        Some(':') if name.starts_with(['-', '/']) && !value.starts_with(['/', ' ']) => ":",
        Some(':') if value.starts_with(' ') => ": ",
        _ => return None,
    };
    if USER_AND_PASSWORD.contains(&name) {
        return Some(format!(
            "{name}{separator}{}",
            mask_part(value.trim_start(), Part::After(':'))?
        ));
    }
    names_a_secret(name, value).then(|| format!("{name}{separator}{MASK}"))
}
