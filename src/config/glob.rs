//! Patterns of file names: `*`, `?` and `[a-z]`, as glob(7) has them.

use super::lookup::Lookup;

/// Names that one pattern may stand for.
pub const MAX_MATCHES: usize = 1024;

/// How many of a path's last components may hold wildcards: `conf.d/*/*.conf`. More would be a walk
/// through the target's file system.
const MAX_WILD: usize = 2;

/// The longest pattern of one name, in bytes: a name has no more (`NAME_MAX`).
const MAX_PATTERN: usize = 255;

/// Whether a path holds a wildcard.
pub fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// The paths that an absolute pattern stands for, sorted; `None` where it has too many components
/// with wildcards.
pub fn expand(pattern: &str, lookup: &dyn Lookup) -> Option<Vec<String>> {
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    let first = parts.iter().position(|part| is_pattern(part)).unwrap_or(parts.len());
    let (fixed, wild) = parts.split_at(first);
    if wild.len() > MAX_WILD {
        return None;
    }
    let start: String = fixed.iter().flat_map(|part| ["/", part]).collect();
    let mut found = vec![start];
    for part in wild {
        let mut next = Vec::new();
        for directory in &found {
            let names = lookup.list(if directory.is_empty() { "/" } else { directory });
            let mut names: Vec<String> = names.unwrap_or_default();
            names.retain(|name| matches(part, name));
            next.extend(names.iter().map(|name| format!("{directory}/{name}")));
            if next.len() >= MAX_MATCHES {
                break;
            }
        }
        next.truncate(MAX_MATCHES);
        found = next;
    }
    found.sort();
    Some(found)
}

/// Whether a name is one that a pattern without `/` stands for. A hidden file is meant only if the
/// pattern begins with a dot, too.
pub fn matches(pattern: &str, name: &str) -> bool {
    if pattern.len() > MAX_PATTERN || (name.starts_with('.') && !pattern.starts_with('.')) {
        return false;
    }
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut read) = (0, 0);
    // The last `*`, and how much of the name it has taken: only this one is ever tried again.
    let mut star: Option<(usize, usize)> = None;
    while let Some(c) = name.get(read) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
                continue;
            }
            Some('?') => {
                (at, read) = (at + 1, read + 1);
                continue;
            }
            Some('[') => {
                if let Some((true, len)) = class(pattern.get(at..).unwrap_or_default(), *c) {
                    (at, read) = (at + len, read + 1);
                    continue;
                }
            }
            Some(wanted) if wanted == c => {
                (at, read) = (at + 1, read + 1);
                continue;
            }
            _ => {}
        }
        let Some((star_at, taken)) = star else { return false };
        star = Some((star_at, taken + 1));
        (at, read) = (star_at + 1, taken + 1);
    }
    pattern.get(at..).unwrap_or_default().iter().all(|c| *c == '*')
}

/// Whether `c` is in the class that a pattern begins with, and the length of that; `None` if it has
/// no end and is no class.
fn class(pattern: &[char], c: char) -> Option<(bool, usize)> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let start = if negated { 2 } else { 1 };
    let len = pattern.iter().skip(start + 1).position(|c| *c == ']')? + start + 1;
    let members = pattern.get(start..len)?;
    let mut found = false;
    let mut at = 0;
    while let Some(low) = members.get(at) {
        match (members.get(at + 1), members.get(at + 2)) {
            (Some('-'), Some(high)) => {
                found |= (*low..=*high).contains(&c);
                at += 3;
            }
            _ => {
                found |= *low == c;
                at += 1;
            }
        }
    }
    Some((found != negated, len + 1))
}

#[cfg(test)]
mod tests {
    use super::super::lookup::FakeFiles;
    use super::*;

    #[test]
    fn patterns_mean_what_glob_means() {
        for (pattern, name) in [
            ("*.conf", "a.conf"),
            ("a?c", "abc"),
            ("[a-c]*[!x]", "b.y"),
            ("*a*b", "xaybab"),
            ("[]]", "]"),
            (".*", ".hidden"),
            ("*", "a"),
            ("a[", "a["),
        ] {
            let expected = pattern != "a[";
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        for (pattern, name) in
            [("*.conf", ".conf"), ("*.conf", "a.conf~"), ("a?c", "ac"), ("[!a]", "a"), ("", "a")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn the_last_components_are_expanded_in_order() {
        let files = FakeFiles(&[
            ("/c/b/2.conf", ""),
            ("/c/a/10.conf", ""),
            ("/c/a/1.conf", ""),
            ("/d", ""),
        ]);
        assert_eq!(
            expand("/c/*/*.conf", &files),
            Some(vec!["/c/a/1.conf".to_owned(), "/c/a/10.conf".into(), "/c/b/2.conf".into()])
        );
        assert_eq!(expand("/*", &files), Some(vec!["/c".to_owned(), "/d".into()]));
        assert_eq!(expand("/none/*.conf", &files), Some(Vec::new()));
        assert_eq!(expand("/*/b/c/*.conf", &files), None);
    }

    #[test]
    fn a_pattern_of_stars_takes_little_time() {
        let pattern = "*a".repeat(127);
        let name = format!("{}b", "a".repeat(254));
        let begun = std::time::Instant::now();
        assert!((0..2000).all(|_| !matches(&pattern, &name)));
        assert!(matches(&pattern, &"a".repeat(127)));
        assert!(!matches(&"*".repeat(4000), "a"));
        assert!(begun.elapsed().as_secs() < 30);
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_fails(pattern in "[a-c*?!^\\[\\]./-]{0,40}", name in "[a-c.\\[\\]-]{0,20}") {
            matches(&pattern, &name);
            expand(&pattern, &FakeFiles(&[("/a/b", "")]));
        }
    }
}
