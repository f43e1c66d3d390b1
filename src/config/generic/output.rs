//! Where parsers put what they read: options up to a cap, in the blocks that are open.

use std::collections::HashMap;

use super::{TOP_GROUP, cut};
use crate::config::MAX_OPTIONS;
use crate::config::dialect::{Counts, Dialect};
use crate::config::group::{Builder, ConfigValue, Parsed};
use crate::config::include::Includes;

/// Blocks inside blocks. What is deeper counts as being in the last one.
const MAX_DEPTH: usize = 32;
/// The longest name of a block in a group's name, in bytes.
const MAX_NAME_BYTES: usize = 128;
/// The longest name of a group or an option, in bytes.
const MAX_TITLE_BYTES: usize = 4096;

/// Collects what the files of one configuration say.
pub(in crate::config) struct Output<'a> {
    builder: Builder,
    /// The file that is read.
    file: usize,
    options: usize,
    full: bool,
    pub(in crate::config) dialect: &'static Dialect,
    blocks: Blocks,
    /// Follows includes; absent where the text is all there is.
    pub(in crate::config) includes: Option<Includes<'a>>,
}

impl<'a> Output<'a> {
    pub(in crate::config) fn new(
        dialect: &'static Dialect,
        includes: Option<Includes<'a>>,
    ) -> Self {
        Output {
            builder: Builder::new(str::to_owned),
            file: 0,
            options: 0,
            full: false,
            dialect,
            blocks: Blocks::default(),
            includes,
        }
    }

    /// Adds a value. If it names files to include, they are read here and now, so that what they say
    /// stands where the program reads it.
    pub(in crate::config) fn value(&mut self, group: &str, name: &str, text: &str, line: u32) {
        if self.options >= MAX_OPTIONS {
            if !self.full {
                self.note(line, "too many options; the rest was not read");
            }
            self.full = true;
            return;
        }
        self.options += 1;
        let (group, name) = (cut(group, MAX_TITLE_BYTES), cut(name, MAX_TITLE_BYTES));
        let index = self.builder.group(group);
        let key = self.dialect.names.key(name);
        let value = ConfigValue { text: text.to_owned(), file: self.file, line };
        self.builder.keyed_value(index, name, key, value);
        if self.includes.is_some() {
            Includes::follow(self, group, name, text, line);
        }
    }

    /// Adds a note on the file that is read.
    pub(in crate::config) fn note(&mut self, line: u32, what: &'static str) {
        self.builder.note(self.file, line, what);
    }

    /// The group of what stands in the open blocks.
    pub(super) fn here(&self) -> String {
        self.blocks.open.last().map_or_else(|| TOP_GROUP.to_owned(), |block| block.path.clone())
    }

    /// Opens a block. One of a name that its parent had before is numbered.
    pub(super) fn enter(&mut self, name: &str) {
        self.blocks.enter(name);
    }

    /// Closes a block, if this file opened one.
    pub(super) fn leave(&mut self) {
        self.blocks.leave();
    }

    /// Reads a file: what `read` does belongs to it, in the blocks that are open now.
    pub(in crate::config) fn in_file(&mut self, file: usize, read: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.file, file);
        let floor = std::mem::replace(&mut self.blocks.floor, self.blocks.open.len());
        let too_deep = std::mem::take(&mut self.blocks.too_deep);
        read(self);
        self.blocks.open.truncate(self.blocks.floor);
        self.blocks.floor = floor;
        self.blocks.too_deep = too_deep;
        self.file = outer;
    }

    /// The value of an option outside of all groups that counts up to now.
    pub(in crate::config) fn last(&self, name: &str) -> Option<&str> {
        self.builder.last(TOP_GROUP, &self.dialect.names.key(name))
    }

    /// What was collected: of each option the values that count.
    pub(in crate::config) fn finish(self) -> Parsed {
        let (counts, names) = (self.dialect.counts, self.dialect.names);
        let mut parsed = self.builder.finish();
        for option in parsed.groups.iter_mut().flat_map(|group| &mut group.options) {
            let several = |known: &[&str]| {
                option.name.is_empty() || known.contains(&&*names.key(&option.name))
            };
            match counts {
                Counts::LastBut(known) if !several(known) => {
                    option.values.drain(..option.values.len().saturating_sub(1));
                }
                Counts::FirstBut(known) if !several(known) => option.values.truncate(1),
                _ => {}
            }
        }
        parsed
    }
}

/// The blocks that are open, and how many there were of each name.
#[derive(Default)]
struct Blocks {
    open: Vec<OpenBlock>,
    /// By the block around and the name.
    counts: HashMap<(usize, String), u32>,
    /// The number of the block that was opened last, from 1; 0 is the file itself.
    newest: usize,
    /// How many of the open ones belong to the files that include this one.
    floor: usize,
    /// How many are open beyond [`MAX_DEPTH`].
    too_deep: usize,
}

struct OpenBlock {
    number: usize,
    path: String,
}

impl Blocks {
    fn enter(&mut self, name: &str) {
        if self.open.len() >= MAX_DEPTH {
            self.too_deep += 1;
            return;
        }
        let name = cut(name.trim_end(), MAX_NAME_BYTES);
        let parent = self.open.last().map_or(0, |block| block.number);
        let count = self.counts.entry((parent, name.to_owned())).or_default();
        *count = count.saturating_add(1);
        let mut path = self.open.last().map(|block| format!("{}/", block.path)).unwrap_or_default();
        path.push_str(name);
        if *count > 1 {
            path.push_str(&format!(" #{count}"));
        }
        self.newest += 1;
        self.open.push(OpenBlock { number: self.newest, path });
    }

    fn leave(&mut self) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
        } else if self.open.len() > self.floor {
            self.open.pop();
        }
    }
}
