//! Options of oslo.config on the way of a path: the object that `CONF.host` is or is made from.
//!
//! `ConfigOpts.__getattr__` computes it. What it computed before is in a cache, converted and
//! certain; else the places where it would look are looked at in its order, and what was found
//! there is not converted: a path may go on through it. Where the path ends with the option, the
//! analysis puts in what [`crate::config::oslo`] makes of it. (`oslo_config/cfg.py`, the same from
//! 5.0 to 10.7.)

use super::Values;
use super::types::Kind;
use crate::addr::Addr;

/// The class whose attributes are options.
const CONFIG: &str = "oslo_config.cfg.ConfigOpts";

/// The most files of a configuration that are looked at.
const MAX_FILES: usize = 100;

/// What an option leads to.
pub struct Resolved {
    /// The value, or the group.
    pub object: Addr,
    /// Whether it took two names: a group and an option of it.
    pub in_group: bool,
    /// Where the value comes from; nowhere, if it is a group.
    pub origin: Option<Origin>,
    /// Whether the option says that its value is a secret.
    pub secret: bool,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The cache of answers.
    Answered,
    /// `set_override`.
    Override,
    /// The command line, or a file for an option that may stand there.
    CommandLine,
    /// A configuration file.
    File,
    /// `set_default`.
    SetDefault,
    /// The option's own default.
    Default,
}

impl Origin {
    /// What a reader must know of it.
    pub fn words(self) -> &'static str {
        match self {
            Origin::Answered => "as the process was answered when it last asked for this option",
            Origin::Override => "set by the program (set_override)",
            Origin::CommandLine => "from the command line",
            Origin::File => "from a configuration file",
            Origin::SetDefault => "a default set by the program (set_default)",
            Origin::Default => "the option's default",
        }
    }
}

impl Values<'_> {
    /// Whether the attributes of this object are options.
    pub(super) fn is_config(&self, object: Addr) -> bool {
        let class = self.objects.pointer(object, self.objects.layout.object.kind);
        let is_it =
            |class: &Addr| self.types.get(*class).is_some_and(|kind| kind.name.raw() == CONFIG);
        class.is_some_and(|class| self.types.order(class).iter().any(is_it))
    }

    /// The option of this name, or of the name that follows in the group of this name, or that
    /// group.
    pub(super) fn option(&self, config: Addr, name: &str, next: Option<&str>) -> Option<Resolved> {
        let groups = self.objects.attribute(config, "_groups");
        let Some(group) = groups.and_then(|groups| self.item(groups, name)) else {
            let options = self.objects.attribute(config, "_opts")?;
            return self.resolve(config, options, None, name);
        };
        let options = self.objects.attribute(group, "_opts");
        let option = options
            .zip(next)
            .and_then(|(options, next)| self.resolve(config, options, Some(name), next));
        Some(option.unwrap_or(Resolved {
            object: group,
            in_group: false,
            origin: None,
            secret: false,
        }))
    }

    fn resolve(
        &self,
        config: Addr,
        options: Addr,
        group: Option<&str>,
        name: &str,
    ) -> Option<Resolved> {
        let known = self.item(options, name)?;
        let option = self.item(known, "opt")?;
        let default = || self.item(known, "default").map(|value| (value, Origin::SetDefault));
        let answered = self.answered(config, group, name).map(|value| (value, Origin::Answered));
        let (object, origin) = answered
            .or_else(|| self.item(known, "override").map(|value| (value, Origin::Override)))
            .or_else(|| self.given(config, option, group, name))
            .or_else(default)
            .or_else(|| Some((self.objects.attribute(option, "default")?, Origin::Default)))?;
        Some(Resolved {
            object,
            in_group: group.is_some(),
            origin: Some(origin),
            secret: self.calls_itself_secret(option),
        })
    }

    /// The cache: from (group or None, name) to the value.
    fn answered(&self, config: Addr, group: Option<&str>, name: &str) -> Option<Addr> {
        let cache = self.objects.attribute(config, "_ConfigOpts__cache")?;
        let is = |part: Addr, text: Option<&str>| match text {
            Some(text) => self.objects.is_str(part, text),
            None => self.types.of(part).is_some_and(|kind| kind.kind == Kind::None),
        };
        let found = self.objects.dict_items(cache)?.find(|(key, _)| {
            let parts = self.types.of(*key).and_then(|kind| self.pointers(*key, &kind, 2));
            matches!(parts.as_deref(), Some([of, option])
                if self.is_pair(*key) && is(*of, group) && is(*option, Some(name)))
        });
        found.map(|(_, value)| value)
    }

    fn is_pair(&self, object: Addr) -> bool {
        let kind = self.types.of(object).filter(|kind| kind.kind == Kind::Tuple);
        kind.and_then(|kind| self.size(object, &kind)) == Some(2)
    }

    /// What the command line or a configuration file says.
    fn given(
        &self,
        config: Addr,
        option: Addr,
        group: Option<&str>,
        name: &str,
    ) -> Option<(Addr, Origin)> {
        let is_none = |value: Addr| self.types.of(value).is_none_or(|kind| kind.kind == Kind::None);
        let namespace = self.objects.attribute(config, "_namespace")?;
        let argument = group.map_or(name.to_owned(), |group| format!("{group}_{name}"));
        let argument = self.objects.attribute(namespace, &argument);
        if let Some(argument) = argument.filter(|argument| !is_none(*argument)) {
            return Some((argument, Origin::CommandLine));
        }
        let files = self.objects.attribute(namespace, "_parsed")?;
        let kind = self.types.of(files).filter(|kind| kind.kind == Kind::List)?;
        let count = self.size(files, &kind)?.min(MAX_FILES as u64);
        let files = self.pointers(files, &kind, count)?;
        let names = self.names_in_files(option, group, name);
        let in_file = |sections: Addr| {
            let named =
                |(section, name): &(String, String)| self.item(self.item(sections, section)?, name);
            names.iter().find_map(named)
        };
        let values = files.into_iter().find_map(in_file)?;
        let is_multi = self.attribute(option, "multi");
        let is_multi = is_multi.is_ok_and(|multi| self.objects.small_int(multi) == Some(1));
        let value = if is_multi { values } else { self.last(values)? };
        Some((value, Origin::File))
    }

    /// Sections and names by which files may call an option: its own, then the deprecated ones.
    fn names_in_files(
        &self,
        option: Addr,
        group: Option<&str>,
        name: &str,
    ) -> Vec<(String, String)> {
        let section = group.unwrap_or("DEFAULT");
        let mut names = vec![(section.to_owned(), name.to_owned())];
        if name.contains('_') {
            names.push((section.to_owned(), name.replace('_', "-")));
        }
        let deprecated = || {
            let list = self.objects.attribute(option, "deprecated_opts")?;
            let kind = self.types.of(list).filter(|kind| kind.kind == Kind::List)?;
            self.pointers(list, &kind, self.size(list, &kind)?)
        };
        for old in deprecated().unwrap_or_default() {
            let text = |name| self.raw_text(self.objects.attribute(old, name)?);
            let Some(name) = text("name") else { continue };
            names.push((text("group").unwrap_or_else(|| section.to_owned()), name));
        }
        names
    }

    /// The last item of a list of texts.
    fn last(&self, list: Addr) -> Option<Addr> {
        let kind = self.types.of(list).filter(|kind| kind.kind == Kind::List)?;
        self.pointers(list, &kind, self.size(list, &kind)?)?.pop()
    }
}
