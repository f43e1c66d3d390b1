//! The layouts of known builds, as a table.

use super::{Layout, Offsets};
use crate::runtime::python::Version;

/// One line for each number, one column for each build; made by `fixtures/python/offsets` from the
/// headers of that build.
const TABLE: &str = include_str!("table.tsv");

/// The layouts of builds of the same minor version as `version`: the nearest first.
pub fn table(version: Version, free_threaded: bool) -> Vec<Layout> {
    let mut lines = TABLE.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let wanted = format!("{}.{}.", version.major(), version.minor());
    let mut columns: Vec<(usize, &str)> =
        names.iter().copied().enumerate().filter(|(_, name)| name.starts_with(&wanted)).collect();
    columns.retain(|(_, name)| {
        name.split('-').next().is_some_and(|n| n.ends_with('t')) == free_threaded
    });
    columns.sort_by_key(|(_, name)| micro(name).abs_diff(u32::from(version.micro())));
    let layout = |(column, name): (usize, &str)| {
        let name = format!("table {name}");
        Layout::new(name, version, free_threaded, &column_of(column)).ok()
    };
    columns.into_iter().filter_map(layout).collect()
}

/// 7 in `3.11.7` and `3.11.7-debian`.
fn micro(name: &str) -> u32 {
    let micro = name.split('.').nth(2).unwrap_or_default();
    let digits: String = micro.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

fn column_of(column: usize) -> Offsets {
    let mut offsets = Offsets::default();
    for line in TABLE.lines().skip(1) {
        let mut cells = line.split('\t');
        let (Some(name), Some(value)) = (cells.next(), cells.nth(column.saturating_sub(1))) else {
            continue;
        };
        if let Ok(value) = value.parse() {
            offsets.set(name, value);
        }
    }
    offsets
}
