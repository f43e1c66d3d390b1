//! The configurations of oslo.config in memory: what the process really runs with.

use super::drift::{self, Object};
use super::reading::{Disk, Places, Reading};
use crate::analysis::Analysis;
use crate::config::oslo::masked::masked;
use crate::config::oslo::registry::{self, Registry};
use crate::config::oslo::resolve::{Given, Resolved, ResolvedGroup, resolve};
use crate::data::Data;
use crate::mask::Secrets;
use crate::note::Note;
use crate::report::{Block, ConfigObject, OptionGroup, OptionValue, SetBy};
use crate::text::Text;

/// What a report calls these objects.
const MAKE: &str = "oslo.config";

/// How a report calls the group of options without one, as every GMR does.
const DEFAULT: &str = "default";

/// The most options whose trouble is told.
const MAX_TROUBLES: usize = 20;

/// A block for each object, in the order given.
pub fn blocks(analysis: &Analysis<'_>, notes: &mut Vec<Note>) -> Vec<Block> {
    let target = &analysis.evidence.snapshot.target;
    let secrets = analysis.evidence.snapshot.asked.secrets;
    let environment = |name: &str| target.variable(name).map(str::to_owned);
    let disk = Disk::new(target, &analysis.evidence.files);
    let registries = &analysis.registries;
    let held = registries
        .iter()
        .map(|registry| resolve(registry, &Given::of_process(registry, &environment)));
    let held: Vec<Vec<ResolvedGroup>> = held.collect();
    let objects: Vec<Object<'_>> = registries
        .iter()
        .zip(&held)
        .map(|(registry, held)| Object { registry, held, name: name(registry, secrets), secrets })
        .collect();
    let blocks = objects.iter().enumerate().map(|(index, object)| {
        let reading = Reading::of(object.registry, &disk, notes);
        notes.extend(troubles(object));
        let others = objects.iter().enumerate().filter(|(other, _)| *other != index);
        let others: Vec<&Object<'_>> = others.map(|(_, other)| other).collect();
        let drift = drift::drift(object, &others, &reading, &environment, notes);
        let groups = groups(object, &reading);
        let files = reading.files.into_iter().map(|file| file.shown).collect();
        Block::Options { object: Some(shown(object.registry, secrets)), files, groups, drift }
    });
    blocks.collect()
}

/// What an object is called where it is spoken of.
fn name(registry: &Registry, secrets: Secrets) -> String {
    match registry.held_by.first() {
        Some(holder) => format!("the object held by {}", secrets.mask_text(holder.raw())),
        None => format!("the object at {}", registry.address),
    }
}

fn shown(registry: &Registry, secrets: Secrets) -> ConfigObject {
    let text = |text: &Text| Text::from(secrets.mask_text(text.raw()).as_ref());
    ConfigObject {
        make: MAKE.to_owned(),
        type_name: registry.type_name.clone(),
        address: registry.address,
        held_by: registry.held_by.iter().map(text).collect(),
        started: registry.is_parsed(),
        arguments: arguments(registry, secrets),
    }
}

/// The words that it was called with, masked as a command line is: behind the program's name.
fn arguments(registry: &Registry, secrets: Secrets) -> Vec<Text> {
    let program = registry.prog.iter().map(Text::raw).next().unwrap_or_default();
    let args = registry.args.iter().flatten().map(Text::raw);
    let words: Vec<String> = std::iter::once(program).chain(args).map(str::to_owned).collect();
    secrets.mask_argv(&words).into_iter().skip(1).map(Text::from).collect()
}

/// What could not be read of an object, and what its program could not use either.
fn troubles(object: &Object<'_>) -> Vec<Note> {
    let unread = object.registry.troubles.iter();
    let mut notes: Vec<Note> =
        unread.map(|trouble| Note::missing(object.name.as_str(), trouble.clone())).collect();
    let remarks = object.held.iter().flat_map(|group| {
        let remarks = group.options.iter().filter_map(remark);
        remarks.map(move |(option, what)| (group, option, what))
    });
    let count = remarks.clone().count();
    for (group, option, what) in remarks.take(MAX_TROUBLES) {
        let about = format!("[{}] {}", group.name.raw(), option.dest.raw());
        notes.push(Note::remark(about, what));
    }
    if count > MAX_TROUBLES {
        let text = format!("only the first {MAX_TROUBLES} of {count} remarks on options are shown");
        notes.push(Note::remark(object.name.as_str(), text));
    }
    notes
}

/// What there is to say of an option beside its value.
fn remark(option: &Resolved) -> Option<(&Resolved, String)> {
    let is_given = !matches!(option.set_by, None | Some(SetBy::Default));
    let text = match &option.problem {
        // A secret that was overwritten in the evidence may have been a number.
        Some(_) if option.secret => return None,
        Some(problem) if option.limited => format!("its value is not known: {problem}"),
        Some(problem) => format!("the process has no value for it: {problem}"),
        None if option.remembered => {
            "the process remembers this value, and what sets it now gives another one".to_owned()
        }
        // A default was checked when the option was made.
        None if option.unchecked && is_given => {
            "whether its type refuses this value was not checked: only Python can tell".to_owned()
        }
        None => return None,
    };
    Some((option, text))
}

fn groups(object: &Object<'_>, reading: &Reading) -> Vec<OptionGroup> {
    let places = Places::new(object.registry, reading);
    let groups = object.held.iter().map(|group| {
        let name = match &group.key {
            None => DEFAULT.into(),
            Some(_) => group.name.clone(),
        };
        let options = group.options.iter();
        let mut options: Vec<OptionValue> =
            options.map(|option| option_value(group, option, object, &places)).collect();
        options.sort_by(|a, b| a.name.cmp(&b.name));
        OptionGroup { name, options }
    });
    let mut groups: Vec<OptionGroup> = groups.collect();
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    groups
}

fn option_value(
    group: &ResolvedGroup,
    option: &Resolved,
    object: &Object<'_>,
    places: &Places<'_>,
) -> OptionValue {
    let (value, masked) = masked(&option.value, option.secret, object.secrets);
    // What nothing sets is at its default, which is `None`.
    let is_unset = option.value == Data::None && option.problem.is_none() && !option.remembered;
    let set_by = option.set_by.or(is_unset.then_some(SetBy::Default));
    let variable = (set_by == Some(SetBy::Environment)).then(|| {
        let key = group.key.as_ref().map_or("DEFAULT", Text::raw);
        registry::variable(key, option.dest.raw()).into()
    });
    // What became of the environment since the start is not known everywhere.
    let set_by = match set_by {
        Some(SetBy::Environment) if object.registry.environment.is_none() => {
            Some(SetBy::StartEnvironment)
        }
        set_by => set_by,
    };
    OptionValue {
        name: option.name.clone(),
        value,
        set_by,
        origin: option.place.as_ref().and_then(|place| places.origin(place)),
        variable,
        masked,
        unconverted: option.unconverted,
    }
}
