//! What a `ConfigOpts` holds, all of it.

use std::collections::HashMap;

use super::environment::environment;
use super::fields::{Fields, Names};
use super::find::has_options;
use super::namespace::Namespaces;
use super::option::Options;
use super::plain::Plain;
use super::{MAX_REGISTRIES, SUBJECT};
use crate::addr::Addr;
use crate::config::oslo::registry::{Group, Opt, Registry};
use crate::note::Note;
use crate::runtime::python::objects::Objects;
use crate::runtime::python::value::types::Kind;
use crate::target::search::Search;
use crate::text::Text;

/// The most groups of all objects together.
const MAX_GROUPS: usize = 2_000;

/// The most options of all objects together.
const MAX_OPTIONS: usize = 20_000;

/// The most entries of a cache that are looked at.
const MAX_CACHED: usize = 100_000;

/// The most words of a command line, and default files and directories.
const MAX_WORDS: usize = 10_000;

/// The most sources of one object.
const MAX_SOURCES: usize = 100;

/// The most troubles of one object that are told.
const MAX_TROUBLES: usize = 100;

/// The configuration that a program has by itself.
const GLOBAL: &str = "oslo_config.cfg.CONF";

/// The configurations that the search found: those that the program called with its command line
/// first, then those that were called without, then the global one, then the rest by address.
pub fn registries(
    search: &Search,
    interpreters: &[Addr],
    objects: Objects<'_>,
    notes: &mut Vec<Note>,
) -> Vec<Registry> {
    let found = &search.registries;
    if found.is_empty() {
        return Vec::new();
    }
    let mut missing = |text: String| notes.push(Note::missing(SUBJECT, text));
    if let Some(why) = &search.cut {
        missing(format!("not all memory was searched for objects of oslo.config: {}", why.raw()));
    }
    if found.len() >= MAX_REGISTRIES {
        missing(format!("only {MAX_REGISTRIES} objects of oslo.config are looked at"));
    }
    let environment = environment(&objects, interpreters);
    let reader = Reader::new(objects);
    let mut left = Left { groups: MAX_GROUPS, options: MAX_OPTIONS };
    let mut registries = Vec::new();
    for held in found.iter().take(MAX_REGISTRIES) {
        match reader.registry(held.addr, &mut left) {
            Some(registry) => {
                let (held_by, environment) = (held.held_by.clone(), environment.clone());
                registries.push(Registry { held_by, environment, ..registry });
            }
            None => missing(format!("the object of oslo.config at {} can not be read", held.addr)),
        }
    }
    registries.sort_by_key(rank);
    registries
}

fn rank(registry: &Registry) -> (usize, bool, Addr) {
    let has_words = registry.args.as_ref().is_some_and(|args| !args.is_empty());
    let is_global = registry.held_by.iter().any(|holder| holder.raw() == GLOBAL);
    let rank = match (registry.is_parsed(), has_words, is_global) {
        (true, true, _) => 0,
        (true, false, _) => 1,
        (false, _, true) => 2,
        (false, _, false) => 3,
    };
    (rank, !is_global, registry.address)
}

/// How much may still be read.
struct Left {
    groups: usize,
    options: usize,
}

struct Reader<'a> {
    plain: Plain<'a>,
    names: Names<'a>,
}

/// Values by group and name, as `ConfigOpts` remembers them.
type Cache = HashMap<(Option<Text>, Text), Addr>;

impl<'a> Reader<'a> {
    fn new(objects: Objects<'a>) -> Reader<'a> {
        Reader { plain: Plain::new(objects), names: Names::new(objects) }
    }

    fn registry(&self, object: Addr, left: &mut Left) -> Option<Registry> {
        if !has_options(&self.plain.objects, object)? {
            return None;
        }
        let fields = self.names.attributes(object)?;
        let text = |name| self.plain.text(fields.get(name)?);
        let mut troubles = Vec::new();
        let mut registry = Registry {
            address: object,
            type_name: self.plain.types.of(object)?.name.clone(),
            held_by: Vec::new(),
            args: fields.get("_args").and_then(|args| self.words(args)),
            project: text("project"),
            prog: text("prog"),
            default_config_files: self.field_words(&fields, "default_config_files"),
            default_config_dirs: self.field_words(&fields, "default_config_dirs"),
            use_environment: self.uses_environment(&fields),
            groups: self.groups(&fields, left, &mut troubles)?,
            ..Registry::default()
        };
        let namespaces = Namespaces { plain: &self.plain, names: &self.names };
        let mut namespace = |object: Option<Addr>, what: &str| {
            let object = object.filter(|object| !self.is_none(*object))?;
            let read = namespaces.read(object, &mut troubles);
            if read.is_none() {
                troubles.push(format!("`{what}` could not be read").into());
            }
            read
        };
        registry.namespace = namespace(fields.get("_namespace"), "_namespace");
        registry.mutable_namespace = namespace(fields.get("_mutable_ns"), "_mutable_ns");
        let sources = fields.get("_sources").and_then(|sources| self.plain.items(sources));
        for source in sources.unwrap_or_default().into_iter().take(MAX_SOURCES) {
            // What a driver of another make keeps where is not known.
            let inside = self.plain.objects.attribute(source, "_namespace");
            registry.sources.extend(namespace(inside, "_sources"));
        }
        let more = troubles.len().saturating_sub(MAX_TROUBLES);
        troubles.truncate(MAX_TROUBLES);
        if more > 0 {
            troubles.push(format!("{more} more").into());
        }
        registry.troubles = troubles;
        Some(registry)
    }

    fn groups(
        &self,
        fields: &Fields,
        left: &mut Left,
        troubles: &mut Vec<Text>,
    ) -> Option<Vec<Group>> {
        let options = Options::new(&self.plain, &self.names);
        let cached = self.cache(fields, "_ConfigOpts__cache", troubles);
        let driver = self.cache(fields, "_ConfigOpts__drivers_cache", troubles);
        let mut read = |key: Option<Text>, name: Text, known: Addr| {
            let mut group = Group { key, name, options: Vec::new() };
            let Some(known) = self.names.items(known) else {
                troubles.push(format!("group {}: could not be read", group.name.raw()).into());
                return group;
            };
            for (dest, info) in known.iter() {
                if left.options == 0 {
                    troubles.push(format!("only {MAX_OPTIONS} options are read").into());
                    break;
                }
                left.options -= 1;
                let (mut option, mut missing) = options.read(dest, info);
                let place = (group.key.clone(), dest.clone());
                option.cached = options.value(cached.get(&place).copied(), &mut missing);
                let of_driver = driver.get(&place).and_then(|pair| self.first(*pair));
                option.driver = options.value(of_driver, &mut missing);
                troubles.extend(missing.iter().map(|what| trouble(&group, &option, what)));
                group.options.push(option);
            }
            group
        };
        let mut groups = vec![read(None, "DEFAULT".into(), fields.get("_opts")?)];
        for (key, object) in self.names.items(fields.get("_groups")?)?.iter() {
            if left.groups == 0 {
                break;
            }
            left.groups -= 1;
            let of = self.names.attributes(object).unwrap_or_default();
            let name = of.get("name").and_then(|name| self.names.text(name));
            let known = of.get("_opts").unwrap_or_default();
            groups.push(read(Some(key.clone()), name.unwrap_or_else(|| key.clone()), known));
        }
        if left.groups == 0 {
            troubles.push(format!("only {MAX_GROUPS} groups are read").into());
        }
        Some(groups)
    }

    /// A cache: from (group or `None`, name) to a value. It is read once, not for each option.
    fn cache(&self, fields: &Fields, name: &str, troubles: &mut Vec<Text>) -> Cache {
        let Some(dict) = fields.get(name) else { return Cache::new() };
        let Some(items) = self.plain.objects.dict_items(dict) else {
            troubles.push(format!("`{name}` could not be read").into());
            return Cache::new();
        };
        let entry = |(key, value)| {
            let pair = self.plain.objects.tuple_items(key, 3)?;
            let [group, name] = pair.as_slice() else { return None };
            Some(((self.names.text(*group), self.names.text(*name)?), value))
        };
        items.take(MAX_CACHED).filter_map(entry).collect()
    }

    /// The first of two: a driver's value, and where it is from.
    fn first(&self, pair: Addr) -> Option<Addr> {
        self.plain.objects.tuple_items(pair, 1)?.first().copied()
    }

    /// Whether the environment counts. Versions before 6.6 know no environment.
    fn uses_environment(&self, fields: &Fields) -> bool {
        let truth = fields.get("_use_env").and_then(|truth| self.plain.objects.small_int(truth));
        truth.map_or(fields.get("_env_driver").is_some(), |truth| truth != 0)
    }

    fn is_none(&self, object: Addr) -> bool {
        self.plain.types.of(object).is_some_and(|kind| kind.kind == Kind::None)
    }

    fn field_words(&self, fields: &Fields, name: &str) -> Vec<Text> {
        fields.get(name).and_then(|list| self.words(list)).unwrap_or_default()
    }

    /// The texts of a list or tuple; `None` for what is none.
    fn words(&self, list: Addr) -> Option<Vec<Text>> {
        if !matches!(self.plain.types.of(list)?.kind, Kind::List | Kind::Tuple) {
            return None;
        }
        let words = self.plain.items(list)?.into_iter().take(MAX_WORDS);
        words.map(|word| self.plain.text(word)).collect()
    }
}

fn trouble(group: &Group, option: &Opt, what: &str) -> Text {
    format!("option {}.{}: {what}", group.name.raw(), option.dest.raw()).into()
}
