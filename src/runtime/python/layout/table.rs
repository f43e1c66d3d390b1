//! The layouts of known builds, as a table.

use super::Offsets;
use crate::runtime::python::Version;

/// One line for each number, one column for each build; made by `fixtures/python/offsets` from the
/// headers of that build.
const TABLE: &str = include_str!("table.tsv");

/// The columns of the same minor version as `version`, each with its name: the nearest first.
pub fn columns(version: Version, free_threaded: bool) -> Vec<(&'static str, Offsets)> {
    let mut lines = TABLE.lines();
    let wanted = format!("{}.{}.", version.major(), version.minor());
    let names = lines.next().unwrap_or_default().split('\t').enumerate();
    let mut columns: Vec<(usize, &str)> = names
        .filter(|(_, name)| name.starts_with(&wanted) && is_free_threaded(name) == free_threaded)
        .collect();
    columns.sort_by_key(|(_, name)| micro(name).abs_diff(u32::from(version.micro())));
    columns.into_iter().map(|(column, name)| (name, column_of(column))).collect()
}

/// The `t` of `3.13.5t` and `3.13.18t-debian`.
fn is_free_threaded(name: &str) -> bool {
    name.split('-').next().is_some_and(|number| number.ends_with('t'))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_build_of_the_same_minor_version_and_kind_comes_first() {
        let names = |version, free_threaded| {
            let columns = columns(Version(version), free_threaded);
            columns.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(names(0x030b_02f0, false), ["3.11.7"]);
        assert_eq!(names(0x030d_05f0, true), ["3.13.5t-debian"]);
        assert_eq!(names(0x0307_05f0, false), [""; 0]);
        assert_eq!(names(0x0301_05f0, false), [""; 0]);
    }
}
