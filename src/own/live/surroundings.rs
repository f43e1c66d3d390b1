//! The environment in which a command of a section runs.
//!
//! A user's is their own affair. Root's may be that of a user: sudo and su hand some of it on, and
//! what a shell and the programs that it runs load, read and find by it would then be the user's, with
//! the rights of root. So root's commands get a fixed `PATH` and a few harmless variables, checked as
//! sudo does (its `env_check`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;

use super::way;

/// Where root's commands are found: directories that only root may change.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is kept of root's environment: how text looks, and which zone times are told in.
const KEPT: &[&str] = &[
    "LANG",
    "LC_ALL",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_MESSAGES",
    "LC_MONETARY",
    "LC_NUMERIC",
    "LC_TIME",
    "TERM",
    "TZ",
];

/// Puts a command into its surroundings.
pub fn set(command: &mut Command) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    command.env_clear().env("PATH", PATH).env("HOME", home());
    for name in KEPT {
        if let Some(value) = std::env::var_os(name).filter(|value| is_harmless(name, value)) {
            command.env(name, value);
        }
    }
}

/// Root's home; the root directory if somebody else's is called so, whose files programs would obey.
fn home() -> std::ffi::OsString {
    let home = std::env::var_os("HOME").filter(|home| Path::new(home).is_absolute());
    home.filter(|home| way::directory(Path::new(home)).is_ok()).unwrap_or_else(|| "/".into())
}

/// Whether a value is a name: of a locale, a terminal, a zone. With some, the C library reads a file
/// at a path.
fn is_harmless(name: &str, value: &OsStr) -> bool {
    let value = value.as_bytes();
    let climbs = value.windows(2).any(|pair| pair == b"..");
    match name {
        "TZ" => !climbs && !matches!(value.first(), Some(b'/' | b':')) && !value.contains(&b'%'),
        _ => !value.iter().any(|byte| matches!(byte, b'/' | b'%')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_not_kept() {
        let kept = |name, value: &str| is_harmless(name, OsStr::new(value));
        assert!(kept("LANG", "de_DE.UTF-8") && kept("TZ", "Europe/Berlin") && kept("TZ", "UTC0"));
        for (name, value) in [
            ("LANG", "../../tmp/evil"),
            ("LC_ALL", "/tmp/evil"),
            ("TERM", "a%n"),
            ("TZ", "/tmp/zone"),
            ("TZ", ":/tmp/zone"),
            ("TZ", "Europe/../../../tmp/zone"),
        ] {
            assert!(!kept(name, value), "{name}={value}");
        }
    }
}
