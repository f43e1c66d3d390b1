//! Which package a file is likely in, by the names of both.
//!
//! It orders a search and decides nothing: whose file it is is what a list of files says. Debian
//! calls a library's package after its soname (Debian Policy 8.1): `libexpat.so.1` is in `libexpat1`,
//! `libsqlite3.so.0` in `libsqlite3-0`.

/// Directories that tell nothing of the package.
const GENERIC: &[&str] = &[
    "usr",
    "lib",
    "lib64",
    "bin",
    "sbin",
    "share",
    "libexec",
    "opt",
    "modules",
    "plugins",
    "lib-dynload",
    "dist-packages",
    "site-packages",
    "engines-3",
    "gconv",
    "local",
];

/// How the names of packages that may own the file at this path begin: the likeliest first.
pub fn guesses(path: &str) -> Vec<String> {
    let mut components = path.split('/').filter(|name| !name.is_empty());
    let base = normal(components.next_back().unwrap_or_default());
    let mut guesses = Vec::new();
    match base.split_once(".so") {
        Some((stem, version)) if version.is_empty() || version.starts_with('.') => {
            let major = version.split('.').nth(1).unwrap_or_default();
            let joint = if stem.ends_with(|last: char| last.is_ascii_digit()) { "-" } else { "" };
            if !major.is_empty() {
                guesses.push(format!("{stem}{joint}{major}"));
            }
            // `libdb-5.3.so` is in `libdb5.3`, `_sqlite3.cpython-311-x86-64-linux-gnu.so` not in a
            // package of its name.
            guesses.push(stem.replace('-', ""));
            guesses.push(stem.split('.').next().unwrap_or(stem).to_owned());
        }
        _ => {
            guesses.push(base.clone());
            guesses.extend(base.split_once('-').map(|(first, _)| first.to_owned()));
        }
    }
    for component in components.map(normal) {
        if !GENERIC.contains(&component.as_str()) && !component.ends_with("-linux-gnu") {
            guesses.push(format!("lib{component}"));
            guesses.push(component);
        }
    }
    guesses.retain(|guess| guess.len() > 2);
    guesses
}

/// Whether a package holds what a compiler or a reader needs, and nothing that runs.
pub fn is_never_run(package: &[u8]) -> bool {
    [&b"-dev"[..], b"-doc", b"-dbg", b"-dbgsym"].iter().any(|ending| package.ends_with(ending))
}

/// As Debian writes names.
fn normal(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_looked_for_by_its_soname() {
        let first = |path: &str| guesses(path).into_iter().next().unwrap_or_default();
        assert_eq!(first("/usr/lib/x86_64-linux-gnu/libexpat.so.1.8.10"), "libexpat1");
        assert_eq!(first("/usr/lib/x86_64-linux-gnu/libsqlite3.so.0.8.6"), "libsqlite3-0");
        assert_eq!(first("/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30"), "libstdc++6");
        assert_eq!(first("/usr/lib/x86_64-linux-gnu/libdb-5.3.so"), "libdb5.3");
        assert_eq!(first("/usr/sbin/nginx"), "nginx");
        assert_eq!(guesses("/usr/bin/redis-check-rdb"), ["redis-check-rdb", "redis"]);
    }

    #[test]
    fn a_directory_of_ones_own_tells_too() {
        let found =
            guesses("/usr/lib/python3.11/lib-dynload/_json.cpython-311-x86_64-linux-gnu.so");
        assert!(found.contains(&"libpython3.11".to_owned()), "{found:?}");
        assert!(!found.contains(&"lib-dynload".to_owned()), "{found:?}");
        assert!(guesses("/usr/lib/postgresql/15/bin/postgres").contains(&"postgresql".to_owned()));
    }

    proptest::proptest! {
        #[test]
        fn any_path_is_taken_apart_without_harm(path: String) {
            guesses(&path);
        }
    }
}
