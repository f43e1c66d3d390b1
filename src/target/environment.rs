//! Which variables of an environment may be kept: those that tell where configuration is, those that
//! are options of oslo.config, and nothing else. An environment is full of secrets.

use crate::path::ends_like_configuration;

/// Variables that are known by their whole name.
const NAMES: &[&str] = &["HOME", "SNAP", "SNAP_COMMON", "VIRTUAL_ENV", "PYTHONHOME"];

/// Variables that name a file or a directory of configuration and do not end like the others.
const FILES: &[&str] = &[
    "PGDATA",
    "KUBECONFIG",
    "MYSQL_HOME",
    "CONF",
    "CONF_FILE",
    "CONFIG",
    "CONFIG_FILE",
    "CONFIG_PATH",
    "ENV_FILE",
    "SETTINGS_FILE",
];

/// How the names of others end that name a file of configuration: `APP_CONFIG`, `KRB5_CONFIG`,
/// `RABBITMQ_CONFIG_FILE`, `OPENSSL_CONF`, `YOURAPPLICATION_SETTINGS` of Flask's manual.
const ENDINGS: &[&str] = &[
    "_CONF",
    "_CONFIG",
    "_CONFIG_FILE",
    "_CONFIGFILE",
    "_CONFIG_PATH",
    "_CONF_FILE",
    "_CFG",
    "_CFG_FILE",
    "_ENV_FILE",
    "_INI",
    "_INI_FILE",
    "_PROPERTIES",
    "_SETTINGS",
    "_SETTINGS_FILE",
];

/// As [`ENDINGS`], of those that name several or a directory, as the WSGI programs of OpenStack and
/// RabbitMQ have them.
const PLACES: &[&str] = &["_CONFIG_DIR", "_CONFIG_FILES"];

/// The longest value that is kept, in bytes: a path, or a few.
const MAX_VALUE: usize = 4096;

/// Whether a variable by its name tells of one configuration file, or of where some are.
pub fn names_configuration(name: &str) -> bool {
    FILES.contains(&name) || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The option that a variable is for oslo.config: `OS_GROUP__OPTION`.
pub fn option(name: &str) -> Option<&str> {
    let (_, option) = name.strip_prefix("OS_")?.split_once("__")?;
    Some(option)
}

/// Whether a variable with this value may be kept. Options are masked then as those of a file are.
pub fn may_be_kept(name: &str, value: &str) -> bool {
    if NAMES.contains(&name) || option(name).is_some() {
        return true;
    }
    let is_path = value.len() <= MAX_VALUE && !value.contains(|c: char| c.is_control());
    // What is no path may be anything: some hold a whole configuration, with its passwords.
    let is_place = PLACES.iter().any(|ending| name.ends_with(ending))
        && !value.contains(|c: char| c.is_whitespace() || "{}=:@".contains(c));
    is_path && (is_place || (names_configuration(name) && leads_to_a_file(value)))
}

/// Whether a value is a path for sure: an absolute one, or a relative one that looks like a file's. A
/// slash alone is in secrets, too.
fn leads_to_a_file(value: &str) -> bool {
    let strange = |c: char| c.is_whitespace() || "{}=:;,@'\"".contains(c);
    let relative = || value.starts_with("./") || value.starts_with("../");
    value.starts_with('/')
        || (!value.contains(strange) && (relative() || ends_like_configuration(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_configuration_are_kept_and_what_may_hold_a_secret_is_not() {
        for (name, value) in [
            ("HOME", "/root"),
            ("APP_CONFIG", "/etc/app.yaml"),
            ("RABBITMQ_CONFIG_FILE", "/etc/rabbitmq/rabbitmq"),
            ("PGDATA", "/var/lib/postgresql"),
            ("OS_NOVA_CONFIG_FILES", "nova.conf;nova-cell1.conf"),
            ("OS_DEFAULT__WORKERS", "4"),
            ("CONFIG", "/srv/app.yaml"),
            ("CONFIG_FILE", "o.ini"),
            ("CONFIG_PATH", "../p"),
            ("MY_SETTINGS", "/srv/settings"),
            ("BAR_CONF", "./app.yaml"),
            ("APP_CONFIG", "etc/app.toml"),
        ] {
            assert!(may_be_kept(name, value), "{name}");
        }
        for (name, value) in [
            ("APP_CONFIG", "{\"password\": \"hunter2\"}"),
            ("DOCKER_AUTH_CONFIG", "aHVudGVyMg=="),
            ("DOCKER_AUTH_CONFIG", "aHVu/GVyMg"),
            ("APP_SETTINGS", "app.config.Production"),
            ("CONFIG", "u:hunter2@h/a.ini"),
            ("APP_PASSWORD", "/etc/hunter2"),
            ("APP_CONFIG", "/etc/a\nb"),
            ("APP_CONFIG_FILES", "mysql://u:hunter2@h/d"),
            ("PATH", "/bin"),
        ] {
            assert!(!may_be_kept(name, value), "{name}={value}");
        }
    }
}
