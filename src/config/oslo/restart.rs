//! What a program would parse if it were started again with the files as they are now.

use std::collections::HashMap;

use super::convert::Work;
use super::index::{Index, argument_name};
use super::registry::{Namespace, ParsedFile, Registry};
use super::source::names;
use crate::data::Data;
use crate::report::SetBy;
use crate::text::Text;

/// The bytes and items that finding out may cost.
const MAX_WORK: usize = 1 << 26;

/// The namespace that the command line of `parsed` and these files (newest first) make.
///
/// An option that may stand on the command line is an argument also where a file sets it: what
/// came from the files of then is taken out, so that the files of now count. Which of an
/// option's values a file gave is told by their being equal.
pub fn restarted(registry: &Registry, parsed: &Namespace, files: Vec<ParsedFile>) -> Namespace {
    let now = Namespace { files, arguments: Vec::new() };
    let work = Work::new(MAX_WORK);
    let changes = changes(registry, &Index::new(parsed), &Index::new(&now), &work);
    let arguments = parsed.arguments.iter().filter_map(|(name, value)| {
        let value = match changes.get(name.raw()) {
            Some(value) => value.clone()?,
            None => value.clone(),
        };
        Some((name.clone(), value))
    });
    Namespace { arguments: arguments.collect(), files: now.files }
}

/// Arguments that are others now; `None`: that are none any more.
fn changes(
    registry: &Registry,
    then: &Index<'_>,
    now: &Index<'_>,
    work: &Work<'_>,
) -> HashMap<String, Option<Data>> {
    let mut changes = HashMap::new();
    for group in &registry.groups {
        let key = group.key.as_ref().map(Text::raw);
        for option in &group.options {
            let names = names(key, option);
            let Ok(Some(found)) = then.find(&names, option, work) else { continue };
            if found.argument != Some(0) {
                continue;
            }
            let change = match (found.by, found.value) {
                (SetBy::File, _) => None,
                // Those of the files come first.
                (_, Data::List(values)) if option.multi => {
                    let old = then.in_files(&names, work);
                    let Some(words) = values.strip_prefix(old.as_slice()) else { continue };
                    let given = now.in_files(&names, work).into_iter();
                    Some(Data::List(given.chain(words.iter().cloned()).collect()))
                }
                _ => continue,
            };
            changes.insert(argument_name(key, option.dest.raw()), change);
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::oslo::registry::{Group, Opt, ParsedSection};
    use crate::config::oslo::resolve::{Given, resolve};

    fn file(options: &[(&str, &[&str])]) -> ParsedFile {
        let texts = |values: &[&str]| values.iter().map(|value| Text::from(*value)).collect();
        let options = options.iter().map(|(key, values)| (Text::from(*key), texts(values)));
        let section = ParsedSection { name: "DEFAULT".into(), options: options.collect() };
        ParsedFile { path: None, sections: vec![section] }
    }

    fn option(name: &str, multi: bool) -> Opt {
        Opt { dest: name.into(), name: name.into(), multi, ..Opt::default() }
    }

    #[test]
    fn what_came_from_files_is_taken_from_the_files_of_now() {
        let texts = |values: &[&str]| Data::List(values.iter().map(|v| Data::text(*v)).collect());
        let options = vec![
            option("debug", false),
            option("word", false),
            option("many", true),
            option("gone", false),
        ];
        let parsed = Namespace {
            files: vec![file(&[
                ("debug", &["False"]),
                ("word", &["in file"]),
                ("many", &["1"]),
                ("gone", &["x"]),
            ])],
            arguments: vec![
                ("debug".into(), Data::text("False")),
                ("word".into(), Data::text("in words")),
                ("many".into(), texts(&["1", "of words"])),
                ("gone".into(), Data::text("x")),
                ("config_dir".into(), Data::None),
            ],
        };
        let group = Group { key: None, name: "DEFAULT".into(), options };
        let registry = Registry { groups: vec![group], ..Registry::default() };
        let files =
            vec![file(&[("debug", &["True"]), ("word", &["changed"]), ("many", &["2", "3"])])];
        let namespace = restarted(&registry, &parsed, files);
        let given = Given {
            namespace: Some(&namespace),
            mutable_namespace: None,
            environment: &|_| None,
            cached: false,
        };
        let resolved = resolve(&registry, &given);
        let values: Vec<_> =
            resolved.iter().flat_map(|g| &g.options).map(|o| (o.value.clone(), o.set_by)).collect();
        assert_eq!(
            values,
            [
                (Data::text("True"), Some(SetBy::File)),
                (Data::text("in words"), Some(SetBy::CommandLine)),
                (texts(&["2", "3", "of words"]), Some(SetBy::CommandLine)),
                (Data::None, None),
            ]
        );
    }
}
