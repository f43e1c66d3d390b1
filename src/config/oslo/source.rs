//! Which of its sources gives an option its value, and what the names of options lead to:
//! `cfg.ConfigOpts._do_get` and `_get_opt_info`, the same from 5.0 to 10.7. Nothing is converted
//! here.

use std::collections::HashMap;

use super::convert::{Refused, Work};
use super::index::{Hit, Index, Name};
use super::registry::{Opt, Registry, variable};
use super::resolve::{FilePlace, Given};
use crate::data::Data;
use crate::report::SetBy;
use crate::text::Text;

/// An option as it is asked for: in a group, which is not its own if it is asked for by a
/// deprecated name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    /// Index of the group that it is asked for in.
    pub group: usize,
    /// Index of the group that it is registered in.
    pub home: usize,
    /// Its index there.
    pub option: usize,
    /// The deprecated name, if it is asked for by one.
    pub alias: Option<String>,
}

/// Which of the namespaces is looked at. A reference is resolved in the one that the option which
/// holds it was found in, be it mutable or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The one that the option itself belongs to; and what is cached counts.
    Own,
    /// What was parsed.
    Parsed,
    /// What was parsed again.
    Mutable,
}

/// What gives an option its value.
pub struct Source {
    /// The value as it stands there, and what is to be done with it.
    pub value: Written,
    /// By what it is set; `None` if by nothing.
    pub set_by: Option<SetBy>,
    /// The file that it stands in.
    pub place: Option<FilePlace>,
    /// The deprecated name that was used.
    pub used: Option<(Text, Text)>,
    /// Where its references are looked up.
    pub scope: Scope,
}

/// A value as it stands somewhere.
pub enum Written {
    /// To be substituted and converted.
    Raw(Data),
    /// Of the option's type, to be substituted: what the program has set.
    Typed(Data),
    /// As it is.
    Final(Data),
    /// Made by running code: a command with its arguments.
    SubCommand,
}

impl Source {
    /// Nothing sets it.
    pub fn nothing() -> Source {
        Source {
            value: Written::Final(Data::None),
            set_by: None,
            place: None,
            used: None,
            scope: Scope::Own,
        }
    }
}

impl Written {
    /// The value as it stands there.
    pub fn written(&self) -> Data {
        match self {
            Written::Raw(value) | Written::Typed(value) | Written::Final(value) => value.clone(),
            Written::SubCommand => Data::None,
        }
    }
}

/// Why a name leads to no option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// There is no such option (`NoSuchOptError`).
    Option,
    /// It is an old name that oslo.config itself gets wrong (`KeyError`).
    Lost,
}

/// Options by name, and what was parsed for them.
pub struct Sources<'a> {
    registry: &'a Registry,
    given: &'a Given<'a>,
    parsed: Option<Index<'a>>,
    mutable: Option<Index<'a>>,
    drivers: Vec<Index<'a>>,
    /// Groups by key; `DEFAULT` has none.
    groups: HashMap<&'a str, usize>,
    /// Options by group and `dest`.
    options: HashMap<(usize, &'a str), usize>,
    /// `_deprecated_opts`: by old group and old name with underscores, group and option.
    deprecated: HashMap<(&'a str, String), (usize, usize)>,
}

impl<'a> Sources<'a> {
    /// Sorts everything by name.
    pub fn new(registry: &'a Registry, given: &'a Given<'a>) -> Sources<'a> {
        let mut sources = Sources {
            registry,
            given,
            parsed: given.namespace.map(Index::new),
            mutable: given.mutable_namespace.map(Index::new),
            drivers: registry.sources.iter().map(Index::new).collect(),
            groups: HashMap::new(),
            options: HashMap::new(),
            deprecated: HashMap::new(),
        };
        for (home, group) in registry.groups.iter().enumerate() {
            if let Some(key) = &group.key {
                sources.groups.entry(key.raw()).or_insert(home);
            }
            for (index, option) in group.options.iter().enumerate() {
                sources.options.entry((home, option.dest.raw())).or_insert(index);
                // Before 10 (seen in 8.8), an old group alone led nowhere, as a reference.
                for (old_group, old_name) in &option.deprecated {
                    let old_group = given_text(old_group).unwrap_or("DEFAULT");
                    let old_name = given_text(old_name).unwrap_or(option.dest.raw());
                    let old = (old_group, old_name.replace('-', "_"));
                    sources.deprecated.insert(old, (home, index));
                }
            }
        }
        sources
    }

    /// The option that was asked for.
    pub fn option(&self, asked: &Asked) -> Option<&'a Opt> {
        self.registry.groups.get(asked.home)?.options.get(asked.option)
    }

    /// The name of the group that an option is registered in, and its own.
    pub fn called(&self, asked: &Asked) -> Option<(Text, Text)> {
        let group = self.registry.groups.get(asked.home)?;
        Some((group.name.clone(), group.options.get(asked.option)?.dest.clone()))
    }

    /// The group of this key.
    pub fn group(&self, key: &str) -> Option<usize> {
        self.groups.get(key).copied()
    }

    /// Whether this is `DEFAULT`.
    pub fn is_default(&self, group: usize) -> bool {
        self.key(group).is_none()
    }

    /// `DEFAULT`, if it is there.
    pub fn default_group(&self) -> Option<usize> {
        self.registry.groups.iter().position(|group| group.key.is_none())
    }

    /// What a name in a group leads to.
    pub fn look_up(&self, group: usize, name: &str) -> Result<Asked, Unknown> {
        if let Some(option) = self.options.get(&(group, name)) {
            return Ok(Asked { group, home: group, option: *option, alias: None });
        }
        let old = (self.key(group).unwrap_or("DEFAULT"), name.to_owned());
        let (home, option) = *self.deprecated.get(&old).ok_or(Unknown::Option)?;
        // It looks for the new name (not the `dest`) in the new group; of an option of `DEFAULT`,
        // in the group that was asked for.
        let home = if self.is_default(home) { (group, home) } else { (home, home) };
        let found = self.registry.groups.get(home.1).and_then(|group| group.options.get(option));
        let name_now = found.map_or("", |option| option.name.raw());
        let option = *self.options.get(&(home.0, name_now)).ok_or(Unknown::Lost)?;
        Ok(Asked { group, home: home.0, option, alias: Some(name.to_owned()) })
    }

    /// What gives an option its value.
    pub fn source(&self, asked: &Asked, scope: Scope, work: &Work<'_>) -> Result<Source, Refused> {
        let Some(option) = self.option(asked) else { return Ok(Source::nothing()) };
        let program = |value: &Data, set_by| Source {
            value: Written::Typed(value.clone()),
            set_by: Some(set_by),
            ..Source::nothing()
        };
        if option.class.raw() == "SubCommandOpt" {
            return Ok(Source { value: Written::SubCommand, ..Source::nothing() });
        }
        if let Some(value) = &option.override_value {
            return Ok(program(value, SetBy::Override));
        }
        let scope = match scope {
            Scope::Own if option.mutable && self.mutable.is_some() => Scope::Mutable,
            Scope::Own if self.parsed.is_some() => Scope::Parsed,
            scope => scope,
        };
        let raw = |value, set_by| Source {
            value: Written::Raw(value),
            set_by: Some(set_by),
            scope,
            ..Source::nothing()
        };
        if let Some(source) = self.parsed(asked, option, scope, work)? {
            return Ok(source);
        }
        let name = asked.alias.as_deref().unwrap_or(option.dest.raw());
        if let Some(value) = option.driver.as_ref().filter(|_| asked.alias.is_none()) {
            let value = Written::Final(value.clone());
            return Ok(Source { value, set_by: Some(SetBy::Driver), ..Source::nothing() });
        }
        let plain = Opt { multi: option.multi, ..Opt::default() };
        for driver in &self.drivers {
            if let Some(found) = driver.find(&[(self.key(asked.group), name)], &plain, work)? {
                return Ok(raw(found.value, SetBy::Driver));
            }
        }
        if let Some(value) = &option.set_default {
            return Ok(program(value, SetBy::SetDefault));
        }
        Ok(match &option.default {
            Data::None => Source::nothing(),
            value if option.default_changed => raw(value.clone(), SetBy::SetDefault),
            value => raw(value.clone(), SetBy::Default),
        })
    }

    /// The command line, the environment, or a file; nothing of them counts before the object was
    /// called.
    fn parsed(
        &self,
        asked: &Asked,
        option: &'a Opt,
        scope: Scope,
        work: &Work<'_>,
    ) -> Result<Option<Source>, Refused> {
        let index = match scope {
            Scope::Own => None,
            Scope::Parsed => self.parsed.as_ref(),
            Scope::Mutable => self.mutable.as_ref(),
        };
        let Some(index) = index else { return Ok(None) };
        let names = names(self.key(asked.group), option);
        work.take(names.len())?;
        let found = index.find(&names, option, work)?;
        // What a file sets loses to the environment, even where the command line sets it, too.
        if found.as_ref().is_none_or(|found| found.hit.is_some())
            && let Some(value) = self.environment(asked, option)
        {
            return Ok(Some(Source {
                value: Written::Raw(Data::Text(value.into())),
                set_by: Some(SetBy::Environment),
                place: None,
                used: None,
                scope,
            }));
        }
        let Some(found) = found else { return Ok(None) };
        let is_mutable = scope == Scope::Mutable;
        let is_file = found.by == SetBy::File;
        let used = match (&found.hit, found.argument) {
            (Some((hit, name)), _) if is_file => {
                (*name > 0).then(|| (hit.section.clone(), hit.key.clone()))
            }
            (_, Some(name)) if name > 0 => names
                .get(name)
                .map(|(group, name)| (Text::from(group.unwrap_or("DEFAULT")), Text::from(*name))),
            _ => None,
        };
        let place = found.hit.filter(|_| is_file).map(|(hit, _)| place(&hit, is_mutable));
        let value = Written::Raw(found.value);
        Ok(Some(Source { value, set_by: Some(found.by), place, used, scope }))
    }

    fn environment(&self, asked: &Asked, option: &Opt) -> Option<String> {
        if !self.registry.use_environment {
            return None;
        }
        let group = self.key(asked.group).unwrap_or("DEFAULT");
        let name = asked.alias.as_deref().unwrap_or(option.dest.raw());
        let variable = variable(group, name);
        match &self.registry.environment {
            Some(now) => now.get(&Text::from(variable)).map(|value| value.raw().to_owned()),
            None => (self.given.environment)(&variable),
        }
    }

    fn key(&self, group: usize) -> Option<&'a str> {
        self.registry.groups.get(group)?.key.as_ref().map(Text::raw)
    }
}

/// The names by which what is parsed may call an option that is asked for in a group: its own
/// first.
pub fn names<'a>(group: Option<&'a str>, option: &'a Opt) -> Vec<Name<'a>> {
    let own = (group, option.dest.raw());
    let old = option.deprecated.iter().filter_map(|(old_group, old_name)| {
        let (old_group, old_name) = (given_text(old_group), given_text(old_name));
        let is_old = old_group.is_some() || old_name.is_some();
        is_old.then(|| (old_group.or(group), old_name.unwrap_or(option.dest.raw())))
    });
    std::iter::once(own).chain(old).collect()
}

/// Python takes an empty text for none.
fn given_text(text: &Option<Text>) -> Option<&str> {
    text.as_ref().map(Text::raw).filter(|text| !text.is_empty())
}

fn place(hit: &Hit<'_>, mutable: bool) -> FilePlace {
    FilePlace { file: hit.file, mutable, section: hit.section.clone(), key: hit.key.clone() }
}
