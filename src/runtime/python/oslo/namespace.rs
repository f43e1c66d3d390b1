//! What was parsed: files and the command line, in a `_Namespace`.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::{Fields, Names};
use super::plain::Plain;
use crate::addr::Addr;
use crate::config::oslo::registry::{Namespace, ParsedFile, ParsedSection};
use crate::data::Data;
use crate::text::Text;

/// The most files of one object.
const MAX_FILES: usize = 1000;

/// Reads what was parsed.
pub struct Namespaces<'r, 'a> {
    /// Reads values.
    pub plain: &'r Plain<'a>,
    /// Reads names.
    pub names: &'r Names<'a>,
}

impl Namespaces<'_, '_> {
    /// The namespace at this address, if it is one. What can not be read of it is told.
    pub fn read(&self, object: Addr, troubles: &mut Vec<Text>) -> Option<Namespace> {
        let fields = self.names.attributes(object)?;
        let parsed = self.plain.items(fields.get("_parsed")?)?;
        if parsed.len() > MAX_FILES {
            troubles.push(format!("only {MAX_FILES} parsed files are read").into());
        }
        let mut files: Vec<ParsedFile> = Vec::new();
        for file in parsed.into_iter().take(MAX_FILES) {
            files.push(self.file(file, troubles).unwrap_or_else(|| {
                troubles.push("a parsed file could not be read".into());
                ParsedFile::default()
            }));
        }
        self.name_files(&fields, &mut files);
        let arguments = fields.iter().filter(|(name, _)| !name.raw().starts_with('_'));
        let value = |(name, value): (&Text, Addr)| match self.plain.data(value) {
            Some(data) => (name.clone(), data),
            None => (name.clone(), Data::Object("<unreadable>".into())),
        };
        let arguments = arguments.map(value).collect();
        for what in self.plain.take_troubles() {
            troubles.push(format!("what was parsed: {what}").into());
        }
        Some(Namespace { files, arguments })
    }

    /// A file: a `dict` of sections, each one of names and lists of texts.
    fn file(&self, sections: Addr, troubles: &mut Vec<Text>) -> Option<ParsedFile> {
        let mut file = ParsedFile::default();
        for (name, section) in self.names.items(sections)?.iter() {
            if !self.plain.may_read() {
                break;
            }
            let mut options = Vec::new();
            match self.names.items(section) {
                Some(found) => {
                    // The same section may be in all files: what is read of it counts each time.
                    let may_read = |_: &(&Text, Addr)| self.plain.may_read();
                    options.extend(found.iter().take_while(may_read).filter_map(
                        |(name, values)| {
                            let values = self.plain.items(values)?.into_iter();
                            let values = values.filter_map(|value| self.plain.text(value));
                            Some((name.clone(), values.collect()))
                        },
                    ))
                }
                None => {
                    let text = format!("the section [{}] could not be read", name.raw());
                    troubles.push(text.into());
                }
            }
            file.sections.push(ParsedSection { name: name.clone(), options });
        }
        Some(file)
    }

    /// Finds out which file each is: `_sections_to_file` knows of each section the file that was
    /// parsed last of those that have it. A file of which all sections are in later ones, too, is
    /// not told.
    fn name_files(&self, fields: &Fields, files: &mut [ParsedFile]) {
        let known = fields.get("_sections_to_file").and_then(|known| self.names.items(known));
        let Some(known) = known else { return };
        let known: BTreeMap<&Text, Addr> = known.iter().collect();
        let mut seen: BTreeSet<Text> = BTreeSet::new();
        // The newest is the first.
        for file in files {
            let mut of_it = file.sections.iter().filter(|section| !seen.contains(&section.name));
            let path = of_it.next().and_then(|section| known.get(&section.name));
            file.path = path.and_then(|path| self.plain.text(*path));
            seen.extend(file.sections.iter().map(|section| section.name.clone()));
        }
    }
}
