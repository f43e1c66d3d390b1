//! oslo.config's files: which it reads ([`find`]) and how it reads them ([`parse`]); and its objects:
//! what lies in memory ([`registry`]) and what every option is by that ([`resolve`]).
//!
//! Files carry no types, defaults or deprecated names: those come with the live objects.

mod answer;
mod check;
mod convert;
pub mod drift;
pub mod find;
mod host;
mod index;
mod kind;
pub mod masked;
mod number;
pub mod parse;
mod pattern;
mod problem;
mod range;
pub mod registry;
pub mod resolve;
mod restart;
mod source;
mod substitute;

use super::{Parsed, group};
pub use restart::restarted;

/// Joins files in the order in which oslo.config reads them. An option's values follow each other
/// oldest first; see [`ConfigOption::values`](super::ConfigOption::values).
pub fn merge(files: Vec<Parsed>) -> Parsed {
    group::merge(files, parse::normalise_group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_file_gives_the_value_and_the_earlier_ones_stay_known() {
        let first = parse::parse("[DEFAULT]\nover = a\nmulti = 1\nmulti = 2\n[Grp]\ni = 7\n", 0);
        let second = parse::parse("[DEFAULT]\nmulti = 3\nover = b\n[grp]\ni = 8\n", 1);
        let merged = merge(vec![first, second]);
        let shown: Vec<String> = merged
            .groups
            .iter()
            .flat_map(|group| group.options.iter().map(move |option| (group, option)))
            .map(|(group, option)| {
                let values: Vec<String> = option
                    .values
                    .iter()
                    .map(|value| format!("{}@{}:{}", value.text, value.file, value.line))
                    .collect();
                format!("{}.{} {}", group.name, option.name, values.join(" "))
            })
            .collect();
        assert_eq!(
            shown,
            ["DEFAULT.over a@0:2 b@1:3", "DEFAULT.multi 1@0:3 2@0:4 3@1:2", "Grp.i 7@0:6 8@1:5"]
        );
        let over = merged.groups.first().and_then(|group| group.options.first());
        assert_eq!(over.and_then(|o| o.effective()).map(|v| &*v.text), Some("b"));
    }
}
