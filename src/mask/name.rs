//! Which names are names of secrets.
//!
//! The last words of a name decide: `db_password` is a secret, `password_length` is a number. The
//! words are those of oslo.utils (`strutils._SANITIZE_KEYS`), Sentry's scrubber, detect-secrets and
//! gitleaks. Names are compared case-folded and without separators, so that `admin_pass`,
//! `adminPass` and `ADMIN-PASS` are one name.

use std::sync::LazyLock;

/// Only this much of the end of a name is looked at.
const MAX_NAME_BYTES: usize = 128;

/// A name that ends so, without separators, names a secret.
const SECRET_ENDINGS: &[&str] = &[
    // passwords
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "passkey",
    "pswd",
    "pwd",
    "passwort",
    "adminpass",
    "authpass",
    "bindpass",
    "databasepass",
    "dbpass",
    "keypass",
    "ldappass",
    "loginpass",
    "masterpass",
    "mysqlpass",
    "newpass",
    "requirepass",
    "rootpass",
    "smtppass",
    "sshpass",
    "storepass",
    "userpass",
    "contrasena",
    "contraseña",
    "motdepasse",
    "kennwort",
    "adminpw",
    "bindpw",
    "dbpw",
    "rootpw",
    "userpw",
    "masterauth",
    "rediscliauth",
    "basicauth",
    "httpauth",
    // secrets and tokens
    "secret",
    "secrets",
    "secretid",
    "secretuuid",
    "secretkeybase",
    "token",
    "tokens",
    "credential",
    "credentials",
    "creds",
    "authorization",
    "erlangcookie",
    "rabbitcookie",
    "authsalt",
    "hashsalt",
    "noncesalt",
    "passwordsalt",
    "secretsalt",
    "setcookie",
    "sessionid",
    "sessid",
    "connectsid",
    "csrf",
    "xsrf",
    "presharedkey",
    "sastoken",
    "communitystring",
    // keys
    "accesskey",
    "accountkey",
    "activationkey",
    "adminkey",
    "aeskey",
    "apikey",
    "apikeys",
    "appkey",
    "applicationkey",
    "authkey",
    "backupkey",
    "clientkey",
    "consumerkey",
    "cookiekey",
    "cryptkey",
    "cryptokey",
    "databasekey",
    "dbkey",
    "decryptionkey",
    "deploykey",
    "encryptedkey",
    "encryptionkey",
    "encryptkey",
    "fernetkey",
    "hashkey",
    "hmackey",
    "jwtkey",
    "licensekey",
    "masterkey",
    "metadatakey",
    "mackey",
    "privatekey",
    "privkey",
    "recoverykey",
    "secretkey",
    "servicekey",
    "sessionkey",
    "sharedkey",
    "signingkey",
    "signkey",
    "sshkey",
    "sslkey",
    "storagekey",
    "subscriptionkey",
    "tlskey",
    "tokenkey",
    "unsealkey",
    "vaultkey",
    "webhookkey",
    // oslo.utils, names of TripleO and kolla
    "configdrive",
    "cephclusterfsid",
    "octaviaheartbeatkey",
    "cephmanilaclientkey",
    "pacemakerremoteauthkey",
    "designaterndckey",
    "cephrgwkey",
    "cephmdskey",
    "cephmonkey",
    "barbicansimplecryptokek",
    "swifthashsuffix",
    "swifthashpathsuffix",
    "swifthashpathprefix",
];

/// A name whose last word is one of these names a secret; as a mere ending they are too common
/// (`bypass`, `compass`, `laptop`).
const SECRET_WORDS: &[&str] =
    &["pass", "pw", "psk", "kek", "jwt", "otp", "cvv", "cvc", "ssn", "bearer", "cookie"];

/// Words that may follow the word that tells: `password_old`, `token_hash`.
const TRAILING_WORDS: &[&str] = &[
    "old",
    "new",
    "previous",
    "fallback",
    "fallbacks",
    "prev",
    "current",
    "confirm",
    "confirmation",
    "value",
    "hash",
    "string",
    "plain",
    "base64",
    "b64",
    "hex",
    "raw",
    "data",
];

/// Names by which a value is a secret if it looks like one: `key = AQB…==` of a Ceph keyring,
/// `auth = user:password`. A `key` that is a word is none.
const DOUBTFUL_WORDS: &[&str] = &["key", "auth", "session", "salt"];

/// A key of these kinds is no secret, whatever it looks like.
const OPEN_KEYS: &[&str] =
    &["public", "pub", "primary", "foreign", "cache", "sort", "routing", "partition", "gpg", "pgp"];

/// What nginx passes requests on with; these are addresses.
const PASSES_REQUESTS: &[&str] = &["proxy", "fastcgi", "uwsgi", "scgi", "grpc", "memcached"];

/// First words of switches: `use_token = 1`, `--no-password`.
const SWITCH_WORDS: &[&str] = &[
    "no", "ask", "use", "enable", "disable", "allow", "require", "has", "is", "show", "skip",
    "with", "without", "force", "validate", "check", "verify", "server", "reset", "prompt",
];

/// Words that count what follows, which is in the plural then: `app.max-tokens`, `n_tokens`.
const COUNTS: &[&str] = &["count", "max", "min", "n", "num", "total"];

/// Where a shell is, and where it was.
const DIRECTORIES: &[&str] = &["pwd", "oldpwd"];

/// Endings of two words that are no one name where a dot stands between: `app.key` is any key of an app.
const NOT_ACROSS_DOTS: &[&str] = &["appkey", "applicationkey"];

/// What a name begins with that only says where a credential is.
const LOADS: &[&str] = &["load", "import"];

/// Where nsswitch.conf has users looked up: `passwd: files systemd`.
const NAME_SERVICES: &[&str] = &[
    "files",
    "compat",
    "systemd",
    "sss",
    "ldap",
    "nis",
    "nisplus",
    "winbind",
    "db",
    "dns",
    "cache",
    "altfiles",
    "extrausers",
    "hesiod",
];

/// How a public key begins.
const PUBLIC_KEYS: &[&str] = &["ssh-ed25519", "ssh-rsa", "ssh-dss", "ecdsa-sha2-"];

/// Values that are no secrets under any name.
const NO_SECRETS: &[&str] = &[
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "none",
    "null",
    "nil",
    "<none>",
    "enabled",
    "disabled",
    "undefined",
    "<service default>",
];

/// How the names of files end that hold keys.
const KEY_FILES: &[&str] = &["pem", "key", "crt", "cer", "der", "p12", "pfx", "jks"];

/// Where files are: a value that begins so is the path of a key, not a key.
const ROOTS: &[&str] = &[
    "app", "bin", "boot", "config", "data", "dev", "etc", "home", "lib", "lib64", "mnt", "nix",
    "opt", "proc", "root", "run", "sbin", "srv", "snap", "sys", "tmp", "usr", "var",
];

/// Whether a value of this name is a secret, judged by the name alone.
pub fn is_secret_name(name: &str) -> bool {
    let mut words = words(name);
    while words.len() > 1 && words.last().is_some_and(|last| TRAILING_WORDS.contains(&&**last)) {
        words.pop();
    }
    let squashed = words.concat();
    let squashed = squashed.trim_end_matches(|c: char| c.is_ascii_digit());
    let Some(last) = words.last() else { return false };
    let last = last.trim_end_matches(|c: char| c.is_ascii_digit());
    // systemd: `LoadCredential=name:/path` says where it is.
    if last == "credential" && words.first().is_some_and(|first| LOADS.contains(&&**first)) {
        return false;
    }
    if last == "pass" && words.iter().any(|word| PASSES_REQUESTS.contains(&&**word)) {
        return false;
    }
    // `hash_salt`, `AUTH_SALT`; what is called `salt` alone may be SaltStack's.
    if last == "salt" && words.len() > 1 {
        return true;
    }
    let one = squashed.strip_suffix('s').filter(|one| one.ends_with("key")).unwrap_or(squashed);
    if last == "key"
        && name.rsplit_once('.').is_some_and(|(_, last)| last.eq_ignore_ascii_case("key"))
        && NOT_ACROSS_DOTS.iter().any(|ending| one.ends_with(ending))
    {
        return false;
    }
    SECRET_WORDS.contains(&last) || has_secret_ending(one)
}

/// Whether a name ends as those of secrets do. Only endings with its last byte are asked.
fn has_secret_ending(name: &str) -> bool {
    static BY_LAST: LazyLock<Vec<Vec<&str>>> = LazyLock::new(|| {
        let of =
            |last| SECRET_ENDINGS.iter().copied().filter(move |end| end.bytes().last() == last);
        (0..=u8::MAX).map(|last| of(Some(last)).collect()).collect()
    });
    let endings = name.bytes().last().and_then(|last| BY_LAST.get(usize::from(last)));
    endings.is_some_and(|endings| endings.iter().any(|end| name.ends_with(end)))
}

/// Whether this value under this name is a secret.
pub(super) fn names_a_secret(name: &str, value: &str) -> bool {
    if is_secret_name(name) {
        return !is_harmless(name, value);
    }
    let (words, value) = (words(name), value.trim());
    let Some(last) = words.last() else { return false };
    let last = last.trim_end_matches(|c: char| c.is_ascii_digit());
    if !DOUBTFUL_WORDS.contains(&last) || words.iter().any(|word| OPEN_KEYS.contains(&&**word)) {
        return false;
    }
    // Names of things may be long and have numbers, too: those of keys that are not just called so
    // have letters of both cases.
    let has = |is: fn(&u8) -> bool| value.bytes().any(|byte| is(&byte));
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    (looks_random(value) && (words.len() == 1 || mixed))
        // `salt = x9$F…`, and no host of SaltStack's.
        || (last == "salt" && !value.bytes().all(in_host) && value != super::MASK && !is_path(value))
        || (last == "auth" && is_user_and_password(value))
}

/// Whether an option of this name takes no value on a command line (`--ask-pass`), or a number or
/// a switch in a file.
pub(super) fn is_switch(name: &str) -> bool {
    words(name).first().is_some_and(|first| SWITCH_WORDS.contains(&&**first))
}

/// Values under a secret's name that show nothing: switches, references, paths of key files, and
/// what is masked already.
pub(super) fn is_harmless(name: &str, value: &str) -> bool {
    let value = value.trim();
    value.is_empty()
        || value == super::MASK
        || NO_SECRETS.iter().any(|word| value.eq_ignore_ascii_case(word))
        || is_reference(value)
        || is_path(value)
        || is_key_file(name, value)
        || (words(name) == ["passwd"] && value.split_whitespace().all(is_name_service))
        || is_mount(name, value)
        || PUBLIC_KEYS.iter().any(|begin| value.starts_with(begin))
        || ((is_switch(name) || counts(name)) && value.bytes().all(|b| b.is_ascii_digit()))
        || (value.starts_with('/')
            && matches!(&*words(name), [word] if DIRECTORIES.contains(&&**word)))
}

/// Whether a name counts secrets, and is none.
fn counts(name: &str) -> bool {
    let words = words(name);
    matches!(&*words, [.., count, last] if last.ends_with('s') && COUNTS.contains(&&**count))
}

/// `${NAME}`, `%(name)s`, `{{ name }}` and `${{ name }}` stand for a secret that is elsewhere. A default inside
/// (`${NAME:-secret}`) makes it one.
fn is_reference(value: &str) -> bool {
    let inner = value
        .strip_prefix("${")
        .and_then(|v| v.strip_suffix('}'))
        .filter(|v| !v.starts_with('{'))
        .or_else(|| value.strip_prefix("%(").and_then(|v| v.strip_suffix(")s")))
        .or_else(|| {
            value.trim_start_matches('$').strip_prefix("{{").and_then(|v| v.strip_suffix("}}"))
        });
    inner.map(str::trim).is_some_and(|inner| {
        !inner.is_empty()
            && inner.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'*'))
    })
}

/// `/secrets:/run/x`, as containers have it.
fn is_mount(name: &str, value: &str) -> bool {
    let from = name.rsplit(' ').next().unwrap_or_default().trim_start_matches(['"', '\'']);
    from.starts_with('/') && value.starts_with('/')
}

/// One of nsswitch.conf, or what it does then: `[NOTFOUND=return]`.
fn is_name_service(word: &str) -> bool {
    NAME_SERVICES.contains(&word) || (word.starts_with('[') && word.ends_with("=return]"))
}

/// `ssl_key = server.key`.
fn is_key_file(name: &str, value: &str) -> bool {
    let is_file = |(stem, ending): (&str, &str)| {
        !stem.is_empty() && KEY_FILES.iter().any(|known| ending.eq_ignore_ascii_case(known))
    };
    let in_name = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    words(name).last().is_some_and(|last| last.ends_with("key"))
        && value.chars().all(in_name)
        && value.rsplit_once('.').is_some_and(is_file)
}

/// A path below one of the usual directories. Base64 may begin with `/`, but not with `/etc/`.
fn is_path(value: &str) -> bool {
    value
        .strip_prefix('/')
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(root, rest)| ROOTS.contains(&root) && !rest.contains([' ', '=']))
}

/// A byte of the name of a host.
fn in_host(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.:/".contains(&byte)
}

/// `user:password`, and neither a number, a word nor a path behind the colon.
fn is_user_and_password(value: &str) -> bool {
    value.split_once(':').is_some_and(|(user, password)| {
        let in_user = |c: char| c.is_ascii_alphanumeric() || "_.-@".contains(c);
        !user.is_empty()
            && user.chars().all(in_user)
            && !password.is_empty()
            && password != super::MASK
            && !password.starts_with(['/', ' '])
            && !password.bytes().all(|byte| byte.is_ascii_digit())
            && !password.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_.".contains(&byte))
    })
}

/// Long, without spaces, with letters and digits.
pub(super) fn looks_random(value: &str) -> bool {
    value.len() >= 20
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b))
        && value.bytes().any(|b| b.is_ascii_digit())
        && value.bytes().any(|b| b.is_ascii_alphabetic())
        && !is_path(value)
}

/// The words of a name in lower case: `adminPass`, `admin_pass` and `admin-pass` have two.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut start = name.len().saturating_sub(MAX_NAME_BYTES);
    while !name.is_char_boundary(start) {
        start += 1;
    }
    let mut words = Vec::new();
    let mut word = String::new();
    let mut after_lower = false;
    for c in name.get(start..).unwrap_or_default().chars() {
        // A masked part of a name is a word of it: `private_key_***` is not `private_key`.
        let in_word = c.is_alphanumeric() || c == '*';
        if !in_word || (after_lower && c.is_uppercase()) {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        }
        // Nearly all are ASCII, and told at once.
        match c.is_ascii() {
            _ if !in_word => {}
            true => word.push(c.to_ascii_lowercase()),
            false => word.extend(c.to_lowercase()),
        }
        after_lower = c.is_lowercase();
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

#[cfg(test)]
mod tests {
    use super::{is_secret_name, names_a_secret};

    #[test]
    fn every_spelling_of_a_secret_name_is_one() {
        for name in [
            "password",
            "Password",
            "ADMIN_PASS",
            "adminPass",
            "admin-pass",
            "db.password",
            "OS_PASSWORD",
            "PGPASSWORD",
            "MYSQL_PWD",
            "AWS_SECRET_ACCESS_KEY",
            "memcache_secret_key",
            "metadata_proxy_shared_secret",
            "auth_encryption_key",
            "requirepass",
            "X-Auth-Token",
            "javax.net.ssl.keyStorePassword",
            "password2",
            "password_old",
            "clientSecret",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn a_name_that_measures_or_locates_a_secret_is_none() {
        for name in [
            "token_ttl",
            "password_length",
            "key_file",
            "auth_type",
            "max_token_size",
            "proxy_pass",
            "bypass",
            "public_key",
            "primary_key",
            "routing_key",
            "password_file",
            "secret_name",
            "token_provider",
            "PasswordAuthentication",
            "SSH_AUTH_SOCK",
            "cookie_name",
            "key",
            "",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn switches_references_and_paths_are_harmless_under_any_name() {
        for (name, value) in [
            ("use_token", "1"),
            ("reset_password", "yes"),
            ("password", ""),
            ("ssl_key", "/etc/k.pem"),
            ("password", "${DB_PASSWORD}"),
            ("password", "%(pw)s"),
            ("max_tokens", "4096"),
        ] {
            assert!(!names_a_secret(name, value), "{name} {value}");
        }
        for (name, value) in [
            ("password", "1234"),
            // Only what is in the plural is counted.
            ("n_password", "1234"),
            ("total_wine_password", "8841"),
            ("password", "${X:-hunter2}"),
            ("api_key", "/aB3/x9=="),
            ("key", "AQBsdGpZAAAAABAA8Vv1mxkXvLq0xQ=="),
            ("password", "$ecret"),
        ] {
            assert!(names_a_secret(name, value), "{name} {value}");
        }
    }
}
