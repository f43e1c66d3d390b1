//! What the readers of all makes share.

use std::cell::RefCell;

use crate::addr::Addr;
use crate::config::settings::Setting;
use crate::data::Data;
use crate::runtime::python::imported::sys_modules;
use crate::runtime::python::objects::Objects;
use crate::runtime::python::oslo::fields::{Fields, Names};
use crate::runtime::python::oslo::plain::Plain;
use crate::text::Text;

/// The most settings of one object that are read.
const MAX_SETTINGS: usize = 2000;

/// Reads objects with settings.
pub struct Reader<'a> {
    /// Reads plain values.
    pub plain: Plain<'a>,
    /// Reads names.
    pub names: Names<'a>,
    /// `sys.modules` of each interpreter.
    modules: Vec<Addr>,
    troubles: RefCell<Vec<Text>>,
}

impl<'a> Reader<'a> {
    /// A reader that has read nothing yet.
    pub fn new(objects: Objects<'a>, interpreters: &[Addr]) -> Reader<'a> {
        Reader {
            plain: Plain::new(objects),
            names: Names::new(objects),
            modules: sys_modules(&objects, interpreters).collect(),
            troubles: RefCell::default(),
        }
    }

    /// The full names of an object's class and of those it is derived from.
    pub fn classes(&self, object: Addr) -> Vec<Text> {
        let objects = &self.plain.objects;
        let class = objects.pointer(object, objects.layout.object.kind);
        let order = class.map(|class| self.plain.types.order(class)).unwrap_or_default();
        order.into_iter().filter_map(|class| self.plain.types.name_of(class)).collect()
    }

    /// Whether an object is an instance of this class.
    pub fn is(&self, object: Addr, class: &str) -> bool {
        self.classes(object).iter().any(|name| name.raw() == class)
    }

    /// An attribute that an object itself has.
    pub fn attribute(&self, object: Addr, name: &str) -> Option<Addr> {
        self.plain.objects.attribute(object, name)
    }

    /// An attribute that an object's class has.
    pub fn class_attribute(&self, object: Addr, name: &str) -> Option<Addr> {
        let objects = &self.plain.objects;
        let class = objects.pointer(object, objects.layout.object.kind)?;
        let mut order = self.plain.types.order(class).into_iter();
        order.find_map(|class| objects.lookup(self.plain.types.dict(class)?, name))
    }

    /// A module that is loaded.
    pub fn module(&self, name: &str) -> Option<Addr> {
        self.modules.iter().find_map(|modules| self.plain.objects.lookup(*modules, name))
    }

    /// A setting. One whose value can not be read is a trouble.
    pub fn setting(&self, name: &Text, value: Addr, default: Option<bool>) -> Setting {
        Setting { name: name.clone(), value: self.value(name, value), default }
    }

    /// The value of a setting of this name.
    pub fn value(&self, name: &Text, value: Addr) -> Data {
        let read = self.plain.data(value);
        if read.is_none() {
            self.trouble(format!("{}: could not be read", name.raw()));
        }
        let cut = self.plain.take_troubles();
        cut.into_iter().for_each(|what| self.trouble(format!("{}: {what}", name.raw())));
        read.unwrap_or(Data::Object("<?>".into()))
    }

    /// The settings among these fields that are `wanted`, as many as are read.
    pub fn settings(
        &self,
        fields: &Fields,
        wanted: &dyn Fn(&str) -> bool,
        default: &dyn Fn(&Text, Addr) -> Option<bool>,
    ) -> Vec<Setting> {
        let mut found = fields.iter().filter(|(name, _)| wanted(name.raw()));
        let read = found.by_ref().take(MAX_SETTINGS);
        let read =
            read.map(|(name, value)| self.setting(name, value, default(name, value))).collect();
        if found.next().is_some() {
            self.trouble(format!("only {MAX_SETTINGS} settings are read"));
        }
        read
    }

    fn trouble(&self, what: String) {
        self.troubles.borrow_mut().push(what.into());
    }

    /// What could not be read since this was last asked.
    pub fn take_troubles(&self) -> Vec<Text> {
        std::mem::take(&mut self.troubles.borrow_mut())
    }
}
