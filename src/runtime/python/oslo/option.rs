//! One option, from the `dict` in which a `ConfigOpts` keeps what it knows of it.

use std::cell::RefCell;
use std::collections::HashMap;

use super::fields::{Fields, Names};
use super::kind::Kinds;
use super::plain::Plain;
use crate::addr::Addr;
use crate::config::oslo::registry::{Kind, Opt};
use crate::data::Data;
use crate::text::Text;

/// The most deprecated names of one option.
const MAX_DEPRECATED: usize = 100;

/// Reads options.
pub struct Options<'r, 'a> {
    plain: &'r Plain<'a>,
    names: &'r Names<'a>,
    kinds: Kinds<'r, 'a>,
    /// Whether a class of options collects values (`multi`).
    multi: RefCell<HashMap<Addr, bool>>,
    /// Whether a member of the enumeration of locations is `set_default`.
    locations: RefCell<HashMap<Addr, bool>>,
}

/// An option, and what could not be read of it.
pub type Read = (Opt, Vec<&'static str>);

impl<'r, 'a> Options<'r, 'a> {
    /// Knows no classes yet.
    pub fn new(plain: &'r Plain<'a>, names: &'r Names<'a>) -> Options<'r, 'a> {
        let kinds = Kinds::new(plain, names);
        let (multi, locations) = (RefCell::default(), RefCell::default());
        Options { plain, names, kinds, multi, locations }
    }

    /// The option of this key, by its `dict` of `opt`, `override` and `default`; its values in the
    /// caches are for others. What could not be read of it is left out and told.
    pub fn read(&self, dest: &Text, info: Addr) -> Read {
        let mut opt = Opt { dest: dest.clone(), name: dest.clone(), ..Opt::default() };
        let found = self.names.items(info).and_then(|info| {
            let object = info.get("opt")?;
            Some((info, self.plain.types.of(object)?, self.names.attributes(object)?, object))
        });
        let Some((info, class, fields, object)) = found else {
            opt.kind = Kind::Foreign("?".into());
            return (opt, vec!["it could not be read"]);
        };
        let class = class.name.raw();
        opt.class = class.rsplit('.').next().unwrap_or(class).into();
        let mut troubles = Vec::new();
        let text = |name| self.names.text(fields.get(name)?);
        let is = |name| fields.get(name).and_then(|value| self.truth(value)).unwrap_or(false);
        opt.dest = text("dest").unwrap_or_else(|| dest.clone());
        opt.name = text("name").unwrap_or_else(|| dest.clone());
        opt.mutable = is("mutable");
        opt.positional = is("positional");
        opt.removal = is("deprecated_for_removal");
        opt.multi = match fields.get("multi") {
            Some(own) => self.truth(own).unwrap_or(false),
            None => self.collects(object).unwrap_or(false),
        };
        match fields.get("secret").map(|value| self.truth(value)) {
            Some(Some(secret)) => opt.secret = secret,
            // What may be a secret is one.
            Some(None) => {
                opt.secret = true;
                troubles.push("whether it is a secret could not be read");
            }
            None => {}
        }
        opt.kind = fields.get("type").and_then(|of| self.kinds.get(of)).unwrap_or_else(|| {
            troubles.push("its type could not be read");
            Kind::Foreign("?".into())
        });
        opt.deprecated = self.deprecated(&fields).unwrap_or_default();
        opt.default = self.value(fields.get("default"), &mut troubles).unwrap_or_default();
        opt.default_changed = self.default_changed(&fields).unwrap_or(false);
        opt.override_value = self.value(info.get("override"), &mut troubles);
        opt.set_default = self.value(info.get("default"), &mut troubles);
        (opt, troubles)
    }

    /// The value of an object, if there is one.
    pub fn value(&self, object: Option<Addr>, troubles: &mut Vec<&'static str>) -> Option<Data> {
        let data = self.plain.data(object?);
        troubles.extend(self.plain.take_troubles());
        Some(data.unwrap_or_else(|| {
            troubles.push("a value of it could not be read");
            Data::Object("<unreadable>".into())
        }))
    }

    fn truth(&self, object: Addr) -> Option<bool> {
        // `None` is what it is as a condition.
        let data = self.plain.data(object)?;
        match data {
            Data::None => Some(false),
            Data::Bool(truth) => Some(truth),
            Data::Int(number) => Some(number != 0),
            _ => None,
        }
    }

    /// The class attribute `multi`.
    fn collects(&self, option: Addr) -> Option<bool> {
        let objects = &self.plain.objects;
        let class = objects.pointer(option, objects.layout.object.kind)?;
        if let Some(known) = self.multi.borrow().get(&class) {
            return Some(*known);
        }
        let order = self.plain.types.order(class).into_iter();
        let mut found =
            order.filter_map(|class| objects.lookup(self.plain.types.dict(class)?, "multi"));
        let multi = found.next().and_then(|value| self.truth(value)).unwrap_or(false);
        self.multi.borrow_mut().insert(class, multi);
        Some(multi)
    }

    /// `_set_location`: a tuple of a location, a member of an enumeration, and more (since 5.3).
    fn default_changed(&self, fields: &Fields) -> Option<bool> {
        let location = *self.plain.items(fields.get("_set_location")?)?.first()?;
        if let Some(known) = self.locations.borrow().get(&location) {
            return Some(*known);
        }
        let name = self.names.attributes(location)?.get("_name_")?;
        let changed = self.names.text(name)?.raw() == "set_default";
        self.locations.borrow_mut().insert(location, changed);
        Some(changed)
    }

    /// `deprecated_opts`: objects with a `group` and a `name`.
    fn deprecated(&self, fields: &Fields) -> Option<Vec<(Option<Text>, Option<Text>)>> {
        let items = self.plain.items(fields.get("deprecated_opts")?)?.into_iter();
        let old = |object| {
            let fields = self.names.attributes(object)?;
            let text = |name| self.names.text(fields.get(name)?);
            Some((text("group"), text("name")))
        };
        Some(items.take(MAX_DEPRECATED).filter_map(old).collect())
    }
}
