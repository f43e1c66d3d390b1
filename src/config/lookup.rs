//! What there is to read: the target's file system, as far as configuration needs it.

/// Answers of the target's file system. Every path is absolute and is followed inside the target's
/// root only.
pub trait Lookup {
    /// Whether there is something at a path, of whatever kind.
    fn exists(&self, path: &str) -> bool;

    /// Whether there is nothing at a path, as far as it may be looked for.
    fn is_absent(&self, path: &str) -> bool {
        !self.exists(path)
    }

    /// The names in a directory; `None` if it is none, or may not be read.
    fn list(&self, directory: &str) -> Option<Vec<String>>;

    /// The text of a regular file, its secrets masked; `None` if it cannot be read.
    fn text(&self, path: &str) -> Option<String>;
}

/// Files of tests: paths with their texts.
#[cfg(test)]
pub struct FakeFiles<'a>(pub &'a [(&'a str, &'a str)]);

#[cfg(test)]
impl Lookup for FakeFiles<'_> {
    fn exists(&self, path: &str) -> bool {
        self.text(path).is_some() || self.list(path).is_some()
    }

    fn list(&self, directory: &str) -> Option<Vec<String>> {
        let inside = |path: &str| {
            let rest = path.strip_prefix(directory.trim_end_matches('/'))?.strip_prefix('/')?;
            rest.split('/').next().map(str::to_owned)
        };
        let mut names: Vec<String> = self.0.iter().filter_map(|(path, _)| inside(path)).collect();
        // A file system has its own order.
        names.sort_by(|a, b| b.cmp(a));
        names.dedup();
        (!names.is_empty()).then_some(names)
    }

    fn text(&self, path: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| *known == path).map(|(_, text)| (*text).to_owned())
    }
}
