//! Options of oslo.config that were asked for by path: what the process would be answered, by the
//! rules that the section Configuration goes by.

use std::collections::BTreeMap;

use crate::addr::Addr;
use crate::config::oslo::masked::masked;
use crate::config::oslo::registry::Registry;
use crate::config::oslo::resolve::{Given, Resolved, ResolvedGroup, resolve};
use crate::data::Data;
use crate::mask::{MASK, Secrets};
use crate::note::Note;
use crate::report::SetBy;
use crate::repr;
use crate::runtime::{Reached, ReachedOption};
use crate::text::Text;
use crate::value::{Item, Mark, Value};

/// Values inside values that are shown.
const MAX_DEPTH: usize = 32;

/// What is said of an option whose value nobody asked for.
const NOT_ASKED: &str = "the process has not asked for this option yet";

/// The options of the configuration objects in memory; those of each are resolved once.
pub struct Options<'a> {
    registries: &'a [Registry],
    environment: &'a dyn Fn(&str) -> Option<String>,
    secrets: Secrets,
    resolved: BTreeMap<Addr, Vec<ResolvedGroup>>,
}

impl<'a> Options<'a> {
    /// Of these objects, none of them resolved yet.
    pub fn new(
        registries: &'a [Registry],
        environment: &'a dyn Fn(&str) -> Option<String>,
        secrets: Secrets,
    ) -> Options<'a> {
        Options { registries, environment, secrets, resolved: BTreeMap::new() }
    }

    /// The value of an object that was asked for. If it is an option's, where that comes from is a
    /// note.
    pub fn value(&mut self, path: &str, reached: Reached, notes: &mut Vec<Note>) -> Value {
        let Some(option) = reached.option else { return reached.value };
        let (raw, secrets) = (reached.value, self.secrets);
        // What was masked by its name stays masked.
        let is_open = option.is_whole && !option.is_answer && raw.mark != Some(Mark::Masked);
        let found = if is_open { self.resolved(&option) } else { None };
        let (value, words) = match found {
            _ if option.is_answer => (raw, option.origin.to_owned()),
            Some(Resolved { problem: Some(problem), secret: false, .. }) => (
                raw,
                format!(
                    "{}, as it stands there: {NOT_ASKED}, and could not: {problem}",
                    option.origin
                ),
            ),
            Some(found) => (value(found, secrets), words(found)),
            None => (
                raw,
                format!(
                    "{}, as it stands there: {NOT_ASKED}, which would convert it; the section \
                     Configuration shows what that gives",
                    option.origin
                ),
            ),
        };
        notes.push(Note::remark(format!("object {path}"), words));
        value
    }

    fn resolved(&mut self, option: &ReachedOption) -> Option<&Resolved> {
        let registry = self.registries.iter().find(|known| known.address == option.config)?;
        let given = Given::of_process(registry, self.environment);
        let groups =
            self.resolved.entry(option.config).or_insert_with(|| resolve(registry, &given));
        let is_it =
            |group: &&ResolvedGroup| group.key.as_ref().map(Text::raw) == option.group.as_deref();
        let group = groups.iter().find(is_it)?;
        group.options.iter().find(|known| known.dest.raw() == option.name)
    }
}

fn words(option: &Resolved) -> String {
    let origin = match option.set_by {
        None | Some(SetBy::Default) => "the option's default",
        Some(SetBy::SetDefault) => "a default set by the program (set_default)",
        Some(SetBy::Override) => "set by the program (set_override)",
        Some(SetBy::CommandLine) => "from the command line",
        Some(SetBy::Environment) => "from the environment",
        Some(SetBy::StartEnvironment) => "from the environment of its start",
        Some(SetBy::File) => "from a configuration file",
        Some(SetBy::Driver) => "from a driver of configuration",
    };
    let written = match option.unconverted {
        true => ", as it was written: only the program itself can convert it",
        false => "",
    };
    format!("{origin}{written}; {NOT_ASKED}")
}

fn value(option: &Resolved, secrets: Secrets) -> Value {
    let (data, _) = masked(&option.value, option.secret, secrets);
    if option.secret && !secrets.are_shown() {
        return Value { shown: Some(MASK.into()), mark: Some(Mark::Masked), ..Value::default() };
    }
    of_data(&data, 0)
}

fn of_data(data: &Data, depth: usize) -> Value {
    let of = |type_name: &str| Value { type_name: type_name.into(), ..Value::default() };
    let leaf = |type_name| Value { shown: Some(repr::repr(data).into()), ..of(type_name) };
    let size = |count: usize| u64::try_from(count).ok();
    match data {
        Data::None => leaf("NoneType"),
        Data::Bool(_) => leaf("bool"),
        Data::Int(_) => leaf("int"),
        Data::Float(_) => leaf("float"),
        Data::Text(_) => leaf("str"),
        Data::Object(_) => leaf("object"),
        Data::List(_) | Data::Map(_) if depth >= MAX_DEPTH => {
            Value { mark: Some(Mark::Cut), ..of("object") }
        }
        Data::List(items) => {
            let parts =
                items.iter().map(|item| Item { key: None, value: of_data(item, depth + 1) });
            Value { size: size(items.len()), items: parts.collect(), ..of("list") }
        }
        Data::Map(items) => {
            let parts = items.iter().map(|(key, item)| Item {
                key: Some(of_data(&Data::Text(key.clone()), depth + 1)),
                value: of_data(item, depth + 1),
            });
            Value { size: size(items.len()), items: parts.collect(), ..of("dict") }
        }
    }
}
