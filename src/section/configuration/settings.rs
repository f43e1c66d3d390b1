//! The settings in memory of Django, Flask, Celery, gunicorn and uWSGI.

use crate::analysis::Analysis;
use crate::config::settings::{Setting, Settings};
use crate::mask::Secrets;
use crate::note::Note;
use crate::report::{Block, ConfigObject, OptionGroup, OptionValue, SetBy};
use crate::text::Text;

/// A block for each object.
pub fn blocks(analysis: &Analysis<'_>, notes: &mut Vec<Note>) -> Vec<Block> {
    let secrets = analysis.evidence.snapshot.asked.secrets;
    let shown = |settings: &Settings| {
        let name = settings.held_by.first().map_or(settings.make, |name| name.raw());
        let missing = settings.troubles.iter().map(|what| Note::missing(name, what.clone()));
        notes.extend(missing);
        if !settings.configured {
            notes.push(Note::remark(name, not_configured(settings.make)));
        }
        block(settings, secrets)
    };
    analysis.settings.iter().map(shown).collect()
}

/// Why there is little or nothing to show.
fn not_configured(make: &str) -> &'static str {
    match make {
        "celery" => {
            "not configured yet: what its configuration module says is read when it is first asked \
             for; what the program itself has set is shown"
        }
        _ => "not configured yet: the settings are read when one is first asked for",
    }
}

fn block(settings: &Settings, secrets: Secrets) -> Block {
    let text = |text: &Text| Text::from(&*secrets.mask_text(text.raw()));
    let object = ConfigObject {
        make: settings.make.to_owned(),
        type_name: settings.type_name.clone(),
        address: settings.address,
        held_by: settings.held_by.iter().map(text).collect(),
        started: settings.configured,
        arguments: Vec::new(),
    };
    let group = |(name, settings): &(Text, Vec<Setting>)| {
        let mut options: Vec<OptionValue> =
            settings.iter().map(|setting| option(setting, secrets)).collect();
        options.sort_by(|a, b| a.name.cmp(&b.name));
        OptionGroup {
            name: if name.raw().is_empty() { GROUP.into() } else { name.clone() },
            options,
        }
    };
    let mut groups: Vec<OptionGroup> = settings.groups.iter().map(group).collect();
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    Block::Options { object: Some(object), files: Vec::new(), groups, drift: Vec::new() }
}

/// The group of settings that are in none.
const GROUP: &str = "settings";

fn option(setting: &Setting, secrets: Secrets) -> OptionValue {
    let value = setting.masked(secrets);
    OptionValue {
        name: Text::from(&*secrets.mask_text(setting.name.raw())),
        masked: value != setting.value && !secrets.are_shown(),
        value,
        set_by: (setting.default == Some(true)).then_some(SetBy::Default),
        origin: None,
        variable: None,
        unconverted: false,
    }
}
