//! One configuration in several files: what a file includes is read where its directive stands.
//!
//! A file that is included at several places is read at each of them, because it says something else
//! in each (nginx's snippets); it is listed once. What goes in a circle or has no end is noted.

use std::collections::HashMap;

use super::dialect::{Dialect, Include, Included};
use super::generic::{Output, TOP_GROUP, read_text};
use super::glob;
use super::group::{COMMAND_LINE, Parsed};
use super::lookup::Lookup;
use crate::path::{MAX_PATH_BYTES, absolute, base_name};

/// Files that include files that include files.
pub const MAX_DEPTH: usize = 16;
/// Files of one configuration.
pub const MAX_FILES: usize = 256;
/// How often the files of one configuration are read in all.
const MAX_READS: usize = 2048;
/// Bytes of one configuration that are parsed, in all places: the tree of a large web server has some
/// hundred KiB.
pub const MAX_BYTES: usize = 8 << 20;
/// Directories inside a directory that is included whole.
const MAX_TREE: usize = 8;
/// Directories of it that are listed: with links, each of few may lead to all of them.
const MAX_DIRECTORIES: usize = 1024;

/// A file of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its path.
    pub path: String,
    /// Why it is read: `named by -c`, `included by nginx.conf:62`.
    pub why: String,
    /// Why it is not shown although it may be the one, in words.
    pub doubt: Option<&'static str>,
}

/// A configuration and the files that it was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// In the order of their first reading: [`ConfigValue::file`](super::ConfigValue::file) counts
    /// them.
    pub files: Vec<Listed>,
    /// What they say.
    pub parsed: Parsed,
}

/// Reads the files of one configuration.
pub struct Reader<'a>(Output<'a>);

impl<'a> Reader<'a> {
    /// A reader of files of this dialect. Relative paths start from `base`, unless the dialect says
    /// otherwise.
    pub fn new(dialect: &'static Dialect, base: &str, lookup: &'a dyn Lookup) -> Reader<'a> {
        let includes = Includes {
            lookup,
            base: base.to_owned(),
            files: Vec::new(),
            numbers: HashMap::new(),
            open: Vec::new(),
            reads: 0,
            bytes: 0,
        };
        Reader(Output::new(dialect, Some(includes)))
    }

    /// Reads a file and what it includes. It is listed even if it cannot be read.
    pub fn read(&mut self, path: String, why: impl Into<String>) {
        Includes::read(&mut self.0, path, why.into(), 0);
    }

    /// Lists a file without reading it, with what speaks against that the program has read it.
    pub fn doubt(&mut self, path: String, why: String, doubt: &'static str) {
        if let Some(includes) = &mut self.0.includes {
            includes.files.push(Listed { path, why, doubt: Some(doubt) });
        }
    }

    /// Sets an option as the command line does, in this group or in none.
    pub fn set(&mut self, group: Option<&str>, name: &str, value: &str) {
        let group = group.unwrap_or(TOP_GROUP);
        self.0.in_file(COMMAND_LINE, |out| out.value(group, name, value, 0));
    }

    /// The same with a text in the form of the files.
    pub fn set_text(&mut self, text: &str) {
        self.0.in_file(COMMAND_LINE, |out| read_text("", text, out));
    }

    /// Notes something on the configuration as a whole.
    pub fn note(&mut self, what: &'static str) {
        self.0.note(0, what);
    }

    /// The value of an option outside of all groups that counts up to now.
    pub fn last(&self, name: &str) -> Option<&str> {
        self.0.last(name)
    }

    /// What was read.
    pub fn finish(mut self) -> Tree {
        let files = self.0.includes.take().map(|includes| includes.files).unwrap_or_default();
        Tree { files, parsed: self.0.finish() }
    }
}

/// What is known of the files of one configuration.
pub(super) struct Includes<'a> {
    lookup: &'a dyn Lookup,
    /// The directory that relative paths start from.
    base: String,
    files: Vec<Listed>,
    /// Where a file is in the list.
    numbers: HashMap<String, usize>,
    /// The files that are being read, the outermost first.
    open: Vec<String>,
    reads: usize,
    bytes: usize,
}

impl Includes<'_> {
    /// Reads what a value includes, if it is one of a directive that does so.
    pub(super) fn follow(out: &mut Output<'_>, group: &str, name: &str, value: &str, line: u32) {
        let dialect = out.dialect;
        if dialect.includes.is_empty() {
            return;
        }
        let name = name.to_lowercase();
        if group == TOP_GROUP
            && dialect.base == Some(name.as_str())
            && let Some(includes) = &mut out.includes
        {
            includes.base = absolute(value, &includes.base, None);
        }
        let is = |include: &&Include| {
            include.directive == name && include.group.is_none_or(|wanted| wanted == group)
        };
        let Some(include) = dialect.includes.iter().find(is) else { return };
        let values: Vec<&str> = match include.value {
            Included::Lists => value.split_whitespace().map(bare).collect(),
            _ => vec![bare(value)],
        };
        for value in values.into_iter().filter(|value| !value.is_empty()) {
            let Some(includes) = &mut out.includes else { return };
            match includes.named(include, value) {
                Ok(paths) => {
                    let why = match includes.open.last() {
                        Some(by) => format!("included by {}:{line}", base_name(by)),
                        None => "included on the command line".to_owned(),
                    };
                    for path in paths {
                        let Some(includes) = &out.includes else { return };
                        if !include.optional || includes.lookup.exists(&path) {
                            Self::read(out, path, why.clone(), line);
                        }
                    }
                }
                Err(what) => out.note(line, what),
            }
        }
    }

    /// The paths that a value of a directive names, or what keeps it from being followed.
    fn named(&self, include: &Include, value: &str) -> Result<Vec<String>, &'static str> {
        if value.contains("${") || value.len() >= MAX_PATH_BYTES {
            return Err("what it includes depends on a variable; not followed");
        }
        let beside = self.open.last().and_then(|path| path.rsplit_once('/')).map(|(dir, _)| dir);
        let base = if include.beside { beside.unwrap_or("/") } else { self.base.as_str() };
        let path = absolute(value, base, None);
        if let Included::Directory(ending) = include.value {
            let is = |name: &String| name.ends_with(ending) && !name.starts_with('.');
            return Ok(self
                .inside(&path)
                .into_iter()
                .filter(is)
                .map(|n| join(&path, &n))
                .collect());
        }
        let found = if glob::is_pattern(&path) {
            glob::expand(&path, self.lookup)
                .ok_or("it has wildcards in more than its last two components; not followed")?
        } else {
            vec![path]
        };
        Ok(match include.value {
            Included::FilesOrTree => {
                let mut files = Vec::new();
                let mut left = MAX_DIRECTORIES;
                found.into_iter().for_each(|path| self.tree(path, MAX_TREE, &mut left, &mut files));
                if left == 0 {
                    return Err("it has too many directories; not followed");
                }
                files
            }
            _ => found,
        })
    }

    /// The names in a directory, sorted.
    fn inside(&self, directory: &str) -> Vec<String> {
        let mut names = self.lookup.list(directory).unwrap_or_default();
        names.retain(|name| !name.contains('/'));
        names.sort();
        names.truncate(glob::MAX_MATCHES);
        names
    }

    /// A file, or all files of a directory and of those in it.
    fn tree(&self, path: String, depth: usize, left: &mut usize, files: &mut Vec<String>) {
        if depth == 0 || *left == 0 || files.len() > MAX_FILES {
            return;
        }
        match self.lookup.list(&path) {
            None => files.push(path),
            Some(_) => {
                *left -= 1;
                for name in self.inside(&path) {
                    self.tree(join(&path, &name), depth - 1, left, files);
                }
            }
        }
    }

    /// Reads one file; `line` is that of the directive.
    fn read(out: &mut Output<'_>, path: String, why: String, line: u32) {
        let Some(includes) = &mut out.includes else { return };
        let refused = includes.refuses(&path);
        if let Some(what) = refused {
            return out.note(line, what);
        }
        let next = includes.files.len();
        let number = *includes.numbers.entry(path.clone()).or_insert(next);
        if number == next {
            includes.files.push(Listed { path: path.clone(), why, doubt: None });
        }
        let Some(text) = includes.lookup.text(&path) else { return };
        includes.reads += 1;
        includes.bytes = includes.bytes.saturating_add(text.len());
        if includes.bytes > MAX_BYTES {
            return out.note(line, "the files are too large in all; this one was not read");
        }
        includes.open.push(path.clone());
        out.in_file(number, |out| read_text(&path, &text, out));
        if let Some(includes) = &mut out.includes {
            includes.open.pop();
        }
    }

    /// Why a file is not read.
    fn refuses(&self, path: &str) -> Option<&'static str> {
        if self.open.iter().any(|open| open == path) {
            Some("it includes itself; not followed")
        } else if self.open.len() >= MAX_DEPTH {
            Some("files include files too deeply; not followed")
        } else if (self.files.len() >= MAX_FILES && !self.numbers.contains_key(path))
            || self.reads >= MAX_READS
        {
            Some("too many files: not all of them were read")
        } else {
            None
        }
    }
}

fn join(directory: &str, name: &str) -> String {
    format!("{}/{name}", directory.trim_end_matches('/'))
}

/// A word without its quotes.
fn bare(word: &str) -> &str {
    word.trim().trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::config::dialect::APACHE;

    /// A directory of links that each lead to it again.
    struct Circles(Cell<usize>);

    impl Lookup for Circles {
        fn exists(&self, _: &str) -> bool {
            true
        }

        fn list(&self, path: &str) -> Option<Vec<String>> {
            self.0.set(self.0.get() + 1);
            path.starts_with("/d").then(|| (0..100).map(|name| name.to_string()).collect())
        }

        fn text(&self, path: &str) -> Option<String> {
            (path == "/main").then(|| "Include /d\n".to_owned())
        }
    }

    #[test]
    fn directories_that_lead_to_themselves_come_to_an_end() {
        let circles = Circles(Cell::new(0));
        let mut reader = Reader::new(&APACHE, "/", &circles);
        reader.read("/main".to_owned(), "named");
        let notes = reader.finish().parsed.notes;
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(circles.0.get() <= 2 * MAX_DIRECTORIES, "{:?}", circles.0);
    }
}
