//! Paths as text: made absolute as Python's `os.path.abspath(os.path.expanduser(p))` does.
//!
//! Nothing is looked up: a symlink followed by `..` is resolved by whoever opens the file.

/// Paths longer than this cannot be opened by Linux (`PATH_MAX`).
pub const MAX_PATH_BYTES: usize = 4096;

/// `path`, absolute and without `.`, `..` and empty components. `~` alone is expanded; `~user`
/// needs the user database and stays a name.
pub fn absolute(path: &str, cwd: &str, home: Option<&str>) -> String {
    let expanded = match (path.strip_prefix('~'), home) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
            format!("{home}{rest}")
        }
        _ if path.starts_with('/') => path.to_owned(),
        _ => format!("{cwd}/{path}"),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in expanded.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Endings of configuration files.
const ENDINGS: &[&str] =
    &[".conf", ".cfg", ".cnf", ".ini", ".yaml", ".yml", ".toml", ".json", ".properties", ".env"];

/// Whether a file's name ends as those of configuration files do.
pub fn ends_like_configuration(path: &str) -> bool {
    ends_like(base_name(path), ENDINGS)
}

/// Whether a name has one of these endings, in upper or lower case.
pub fn ends_like(name: &str, endings: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    endings.iter().any(|ending| name.ends_with(ending))
}

/// The part after the last `/`.
pub fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::absolute;

    #[test]
    fn paths_are_made_absolute_as_python_does() {
        assert_eq!(absolute("a.conf", "/srv", None), "/srv/a.conf");
        assert_eq!(absolute("./x/../a.conf", "/srv/", None), "/srv/a.conf");
        assert_eq!(absolute("/etc//a/./b", "/srv", None), "/etc/a/b");
        assert_eq!(absolute("~/a", "/srv", Some("/home/u")), "/home/u/a");
        assert_eq!(absolute("~other/a", "/srv", Some("/home/u")), "/srv/~other/a");
        assert_eq!(absolute("../../../x", "/a", None), "/x");
    }
}
