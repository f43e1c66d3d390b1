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
    let options = object.held.iter().flat_map(|group| {
        // A secret that was overwritten in the evidence may have been a number.
        let options = group.options.iter().filter(|option| !option.secret);
        options.filter_map(move |option| Some((group, option, option.problem.as_ref()?)))
    });
    let count = options.clone().count();
    for (group, option, problem) in options.take(MAX_TROUBLES) {
        let about = format!("[{}] {}", group.name.raw(), option.dest.raw());
        let text = format!("the process has no value for it: {problem}");
        notes.push(Note::remark(about, text));
    }
    if count > MAX_TROUBLES {
        let text = format!("only the first {MAX_TROUBLES} of {count} options without a value");
        notes.push(Note::remark(object.name.as_str(), text));
    }
    notes
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
            options.map(|option| option_value(group, option, object.secrets, &places)).collect();
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
    secrets: Secrets,
    places: &Places<'_>,
) -> OptionValue {
    let (value, masked) = masked(&option.value, option.secret, secrets);
    // What nothing sets is at its default, which is `None`.
    let unset = (option.value == Data::None && option.problem.is_none()).then_some(SetBy::Default);
    let set_by = option.set_by.or(unset);
    let variable = (set_by == Some(SetBy::Environment)).then(|| {
        let key = group.key.as_ref().map_or("DEFAULT", Text::raw);
        registry::variable(key, option.dest.raw()).into()
    });
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
