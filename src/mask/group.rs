//! Groups whose name says that what they hold is secret: `[passwords]`, `secrets:`, `tokens.ci = …`.
//!
//! Decided so: a name in the plural of secrets does (`passwords`, `secrets`, `tokens`, `credentials`),
//! and `secret`, whose value can be a mapping only if it holds secrets. The whole name must be such
//! a word, or end in `passwords`: `[fernet_tokens]` of keystone has settings, and so have `[token]`,
//! `[keystone_authtoken]`, `[secret_stores]` and `auth:`. What a group says is weaker than what a
//! value says: switches, references and paths stay, and so do numbers whose name measures
//! (`expiration = 3600`), and names that tell where a secret is (`file`, `name`, `backend`), but for
//! those in `passwords`, which are of users. `credentials` have a user and a host as well. Any other
//! name of a secret (`password:`, `api_key:`) covers only what is its value under another word.

use super::name::{is_harmless, is_secret_name, words};

/// What a group's name says of the values in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// All are secrets, whatever their names.
    Passwords,
    /// All but those whose names tell where a secret is.
    Secrets,
    /// Those, and whose they are.
    Credentials,
    /// `value` and its like only.
    One,
}

/// Names of groups, without separators.
const SECRETS: &[&str] = &[
    "secret",
    "secrets",
    "appsecrets",
    "clientsecrets",
    "sharedsecrets",
    "usersecrets",
    // Kubernetes' kind: Secret
    "stringdata",
    "tokens",
    "accesstokens",
    "apitokens",
    "authtokens",
    "bearertokens",
    "refreshtokens",
    "usertokens",
    "apikeys",
    "accesskeys",
    "privatekeys",
    "secretkeys",
    "passphrases",
];

/// The last words of names that tell where a secret is or what kind, and not the secret.
const TELLING: &[&str] = &[
    "algorithm",
    "audience",
    "backend",
    "class",
    "dir",
    "directory",
    "driver",
    "enabled",
    "engine",
    "external",
    "file",
    "filename",
    "format",
    "issuer",
    "kind",
    "manager",
    "mode",
    "name",
    "namespace",
    "optional",
    "path",
    "paths",
    "provider",
    "region",
    "store",
    "type",
];

/// The last words of names that tell whose credentials they are.
const IDENTITIES: &[&str] = &[
    "account", "domain", "email", "endpoint", "host", "hostname", "login", "port", "project",
    "scope", "tenant", "uri", "url", "user", "username",
];

/// Words of names of numbers that are no secrets.
const MEASURES: &[&str] = &[
    "age",
    "bits",
    "cost",
    "count",
    "days",
    "duration",
    "expiration",
    "expires",
    "expiry",
    "gid",
    "hours",
    "interval",
    "iterations",
    "length",
    "lifetime",
    "limit",
    "max",
    "maximum",
    "min",
    "minimum",
    "minutes",
    "mode",
    "port",
    "retries",
    "rounds",
    "seconds",
    "size",
    "timeout",
    "ttl",
    "uid",
    "version",
];

/// What the value of a secret is called where it stands below the secret's name.
const VALUES: &[&str] = &["value", "data", "default", "plain", "plaintext", "text"];

impl Group {
    /// What the name of a group says of its values, if it says anything.
    pub fn of(name: &str) -> Option<Group> {
        let squashed = words(name).concat();
        if squashed.ends_with("passwords") || squashed.ends_with("passwds") {
            Some(Group::Passwords)
        } else if SECRETS.contains(&&*squashed) {
            Some(Group::Secrets)
        } else if matches!(&*squashed, "credentials" | "creds") {
            Some(Group::Credentials)
        } else if is_secret_name(name) {
            Some(Group::One)
        } else {
            None
        }
    }

    /// As [`Group::of`], for a path of groups (`secrets.prod`); one secret alone is no group then.
    pub fn of_path(path: &str) -> Option<Group> {
        path.split('.').filter_map(Group::of).find(|group| *group != Group::One)
    }

    /// What the groups in a dotted name say of its value: `tokens.ci`.
    pub fn of_parents(name: &str) -> Option<Group> {
        let (parents, _) = name.rsplit_once('.')?;
        if name.contains([' ', '/']) { None } else { Group::of_path(parents) }
    }

    /// Whether its values are secrets even where they have no name.
    pub fn covers_items(self) -> bool {
        self != Group::One
    }

    /// Whether the value of this name is a secret in this group, judged by the name alone.
    pub fn covers(self, name: &str) -> bool {
        let words = words(name);
        let Some(last) = words.last() else { return self.covers_items() };
        match self {
            Group::Passwords => true,
            Group::Secrets => !TELLING.contains(&&**last),
            Group::Credentials => !TELLING.contains(&&**last) && !IDENTITIES.contains(&&**last),
            Group::One => VALUES.contains(&&**last),
        }
    }

    /// Whether this value of this name is a secret in this group.
    pub fn hides(self, name: &str, value: &str) -> bool {
        self.covers(name) && !is_harmless(name, value) && !is_measure(name, value)
    }
}

/// A short number (`3600`, `15m`) whose name measures.
fn is_measure(name: &str, value: &str) -> bool {
    let value = value.trim();
    value.len() <= 10
        && value.starts_with(|c: char| c.is_ascii_digit())
        && value
            .trim_end_matches(|c: char| c.is_ascii_alphabetic())
            .bytes()
            .all(|b| b.is_ascii_digit())
        && words(name).iter().any(|word| MEASURES.contains(&&**word))
}

#[cfg(test)]
mod tests {
    use super::Group;

    #[test]
    fn only_names_that_say_so_are_groups_of_secrets() {
        for name in
            ["passwords", "db_passwords", "Secrets", "secret", "tokens", "apiTokens", "creds"]
        {
            assert!(Group::of(name).is_some_and(Group::covers_items), "{name}");
        }
        for name in [
            "token",
            "keystone_authtoken",
            "secret_stores",
            "auth",
            "fernet_tokens",
            "jwt_tokens",
            "imagePullSecrets",
            "credential",
            "password",
            "default",
            "",
        ] {
            assert!(!Group::of(name).is_some_and(Group::covers_items), "{name}");
        }
        assert_eq!(Group::of_path("x.secrets.prod"), Some(Group::Secrets));
        assert_eq!(Group::of_path("x.secret_stores"), None);
        assert_eq!(Group::of_parents("tokens.ci"), Some(Group::Secrets));
        assert_eq!(Group::of_parents("tokens"), None);
    }

    #[test]
    fn what_measures_locates_or_switches_stays_in_a_group() {
        for (group, name, value) in [
            (Group::Secrets, "expiration", "3600"),
            (Group::Secrets, "max_active_keys", "3"),
            (Group::Secrets, "ttl", "15m"),
            (Group::Secrets, "backend", "a.b.VaultBackend"),
            (Group::Secrets, "use_cache", "False"),
            (Group::Secrets, "db", "/run/secrets/db"),
            (Group::Secrets, "db", "${DB}"),
            (Group::Secrets, "secretName", "web"),
            (Group::Credentials, "username", "bob"),
            (Group::One, "type", "string"),
        ] {
            assert!(!group.hides(name, value), "{name} = {value}");
        }
        for (group, name, value) in [
            (Group::Passwords, "name", "hunter2"),
            (Group::Passwords, "user", "hunter2"),
            (Group::Secrets, "user", "hunter2"),
            (Group::Secrets, "pin", "1234"),
            (Group::Credentials, "key", "hunter2"),
            (Group::One, "value", "hunter2"),
        ] {
            assert!(group.hides(name, value), "{name} = {value}");
        }
    }
}
