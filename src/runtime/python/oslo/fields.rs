//! The attributes of an object and the items of a `dict` by their names.
//!
//! Names are the same few `str` objects wherever they are used: each is read once.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::addr::Addr;
use crate::runtime::python::dict::Items;
use crate::runtime::python::objects::Objects;
use crate::text::Text;

/// The most fields of one object that are looked at.
const MAX_FIELDS: usize = 10_000;

/// Names and values, in the order in which they were put in.
#[derive(Default)]
pub struct Fields(Vec<(Text, Addr)>);

impl Fields {
    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<Addr> {
        self.0.iter().find(|(known, _)| known.raw() == name).map(|(_, value)| *value)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, Addr)> {
        self.0.iter().map(|(name, value)| (name, *value))
    }
}

/// Reads names, and remembers them by the objects that they are.
pub struct Names<'a> {
    objects: Objects<'a>,
    known: RefCell<HashMap<Addr, Option<Text>>>,
}

impl<'a> Names<'a> {
    /// None yet.
    pub fn new(objects: Objects<'a>) -> Names<'a> {
        Names { objects, known: RefCell::default() }
    }

    /// The attributes that an object itself has.
    pub fn attributes(&self, object: Addr) -> Option<Fields> {
        Some(self.fields(self.objects.attributes(object)?))
    }

    /// The items of a `dict` whose keys are `str`.
    pub fn items(&self, dict: Addr) -> Option<Fields> {
        Some(self.fields(self.objects.dict_items(dict)?))
    }

    /// The text of a `str` that is a name.
    pub fn text(&self, object: Addr) -> Option<Text> {
        let mut known = self.known.borrow_mut();
        known.entry(object).or_insert_with(|| self.objects.text(object)).clone()
    }

    fn fields(&self, items: Items<'_>) -> Fields {
        let named = |(key, value)| Some((self.text(key)?, value));
        Fields(items.take(MAX_FIELDS).filter_map(named).collect())
    }
}
