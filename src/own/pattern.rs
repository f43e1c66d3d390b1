//! Patterns of paths, as a shell writes them, and names of packages.

use regex::Regex;

/// A pattern in which `*` stands for any characters, `/` among them, and `?` for one.
///
/// It becomes a regular expression, of the linear kind; one that is too long for that fits nothing.
#[derive(Clone, Debug)]
pub struct Glob(Option<Regex>);

impl Glob {
    /// The pattern as it is written.
    pub fn new(pattern: &str) -> Glob {
        let mut expression = String::from("(?s)^");
        let mut bytes = [0; 4];
        for character in pattern.chars() {
            match character {
                '*' => expression.push_str(".*"),
                '?' => expression.push('.'),
                other => expression.push_str(&regex::escape(other.encode_utf8(&mut bytes))),
            }
        }
        expression.push('$');
        Glob(Regex::new(&expression).ok())
    }

    /// Whether a path is one that it stands for.
    pub fn fits(&self, path: &str) -> bool {
        self.0.as_ref().is_some_and(|expression| expression.is_match(path))
    }
}

/// The name of a package as it is compared: PyPI and the distributions write capitals, `-`, `_`
/// and `.` as they like (PEP 503).
pub fn plain_name(name: &str) -> String {
    name.trim().to_lowercase().replace(['_', '.'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters_and_nothing_else_has_a_meaning() {
        let fits = |pattern: &str, path: &str| Glob::new(pattern).fits(path);
        assert!(fits("/usr/bin/python3*", "/usr/bin/python3.11"));
        assert!(fits("*/nginx", "/usr/sbin/nginx"));
        assert!(fits("/opt/?/x+[a]", "/opt/1/x+[a]"));
        assert!(!fits("/usr/bin/python3", "/usr/bin/python3.11"));
        assert!(!fits("python3", "/usr/bin/python3"));
        assert!(!fits("/usr/bin/python3.11", "/usr/bin/python3x11"));
        assert!(fits("/a*", "/a\nb"));
    }

    #[test]
    fn names_of_packages_are_compared_as_registries_do() {
        assert_eq!(plain_name("Oslo_Reports"), plain_name("oslo.reports"));
    }
}
