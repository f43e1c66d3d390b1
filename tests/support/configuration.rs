//! The Configuration section of a report, and files to be shown in it.

use std::collections::BTreeMap;
use std::fs;

use guru::data::Data;
use guru::report::{Block, ConfigFile, OptionGroup, Report};
use tempfile::TempDir;

/// The files and groups that a report shows, in its order.
pub fn configuration(report: &Report) -> Vec<(&[ConfigFile], &[OptionGroup])> {
    let section = report.sections.iter().find(|section| section.id == "configuration").unwrap();
    let blocks = section.blocks.iter().map(|block| match block {
        Block::Options { files, groups, .. } => (files.as_slice(), groups.as_slice()),
        block => panic!("{block:?}"),
    });
    blocks.collect()
}

/// The values of the groups by `group.option`.
pub fn values(groups: &[OptionGroup]) -> BTreeMap<String, Vec<&str>> {
    fn text(data: &Data) -> &str {
        match data {
            Data::Text(text) => text.raw(),
            other => panic!("{other:?}"),
        }
    }

    let mut found = BTreeMap::new();
    for group in groups {
        for option in &group.options {
            let name = format!("{}.{}", group.name.raw(), option.name.raw());
            let texts = match &option.value {
                Data::List(items) => items.iter().map(text).collect(),
                single => vec![text(single)],
            };
            found.insert(name, texts);
        }
    }
    found
}

/// A new directory with these files in it.
pub fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

/// The notes of the section: what each is about, and what it says.
pub fn notes(report: &Report) -> Vec<(&str, &str)> {
    let section = report.sections.iter().find(|section| section.id == "configuration").unwrap();
    section.notes.iter().map(|note| (note.about.raw(), note.message.raw())).collect()
}

/// The paths of files.
pub fn paths(files: &[ConfigFile]) -> Vec<&str> {
    files.iter().map(|file| file.path.raw()).collect()
}
