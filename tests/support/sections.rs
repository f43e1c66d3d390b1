//! Parts of a report in the layout of a Guru Meditation Report: guru's, or a process's own.

use std::collections::BTreeMap;

/// The body of a section.
pub fn section<'a>(report: &'a str, title: &str) -> &'a str {
    let rule = "=".repeat(72);
    let heading = format!("{rule}\n===={title:^64}====\n{rule}\n");
    let (_, rest) = report.split_once(&heading).unwrap_or_else(|| panic!("{title}: {report}"));
    rest.split(&format!("{rule}\n====")).next().unwrap()
}

/// The options of a Configuration section by group and name, each with all its lines.
pub fn options(section: &str) -> BTreeMap<(&str, &str), String> {
    let mut options = BTreeMap::<(&str, &str), String>::new();
    let (mut group, mut name) = ("", "");
    for line in section.lines() {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let ends = [line.find(" = "), line.find(": ")];
        match (indent, ends.into_iter().flatten().min()) {
            (0, Some(end)) => group = &line[..end],
            (2, Some(end)) => {
                name = &line[2..end];
                options.insert((group, name), line[end..].to_owned());
            }
            (4.., _) => {
                let value = options.get_mut(&(group, name)).unwrap_or_else(|| panic!("{line}"));
                value.push_str(&format!("\n{line}"));
            }
            _ => {}
        }
    }
    options
}

/// The green threads of a `gmr` report, each with all its lines.
pub fn green_threads(section: &str) -> Vec<&str> {
    let heading = format!("------{:^60}------\n", "Green Thread");
    let mut parts = section.split(heading.as_str());
    assert_eq!(parts.next().map(str::trim), Some(""), "{section}");
    parts.map(str::trim).collect()
}

/// The frames of the threads of a `gmr` report: of each thread, by its ident, the lines
/// `FILE:LINE in NAME` and below each its source.
pub fn frames(threads: &str) -> BTreeMap<u64, Vec<(&str, &str)>> {
    let mut found = BTreeMap::<u64, Vec<(&str, &str)>>::new();
    let mut ident = 0;
    let mut lines = threads.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("------") {
            ident =
                line.trim_matches(['-', ' ']).strip_prefix("Thread #").unwrap().parse().unwrap();
            found.entry(ident).or_default();
        } else if !line.is_empty() {
            found.get_mut(&ident).unwrap().push((line, lines.next().unwrap().trim()));
        }
    }
    found
}
