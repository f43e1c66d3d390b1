//! How the values of an option are converted, and what of these is refused: its type, told by the
//! classes of that and by its attributes.

use std::cell::RefCell;
use std::collections::HashMap;

use super::fields::{Fields, Names};
use super::plain::Plain;
use crate::addr::Addr;
use crate::config::oslo::registry::{Check, Kind, Pattern, Version};
use crate::data::Data;
use crate::runtime::python::value::types;
use crate::target::memory::MemoryExt as _;
use crate::text::Text;

/// The module of the types that oslo.config brings.
const MODULE: &str = "oslo_config.types.";

/// How deep types are nested that are read: a list of lists of numbers has three.
const MAX_DEPTH: usize = 8;

/// The most choices of one type.
const MAX_CHOICES: usize = 10_000;

/// The most schemes of a type of URIs.
const MAX_SCHEMES: usize = 256;

/// What a class of types makes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    String,
    Boolean,
    Integer,
    Float,
    /// What its attribute `num_type` says.
    Number,
    List,
    Dict,
    Range,
    Address,
    HostName,
    Host,
    Domain,
    Uri,
    Plain,
    Foreign,
}

/// Reads the types of options.
pub struct Kinds<'r, 'a> {
    plain: &'r Plain<'a>,
    names: &'r Names<'a>,
    shapes: RefCell<HashMap<Addr, Shape>>,
}

impl<'r, 'a> Kinds<'r, 'a> {
    /// Knows no classes yet.
    pub fn new(plain: &'r Plain<'a>, names: &'r Names<'a>) -> Kinds<'r, 'a> {
        Kinds { plain, names, shapes: RefCell::default() }
    }

    /// The type that an option has; `None` if it can not be read.
    pub fn get(&self, object: Addr) -> Option<Kind> {
        self.at_depth(object, 0)
    }

    fn at_depth(&self, object: Addr, depth: usize) -> Option<Kind> {
        let foreign = || Some(Kind::Foreign(self.plain.word(object)?));
        let of = self.plain.types.of(object)?;
        match of.kind {
            // Of builtin types, `bool` makes something else of `false` than oslo.config does.
            types::Kind::Type => match self.plain.types.get(object)?.name.raw() {
                "str" => Some(Kind::String { quotes: false }),
                "int" => Some(Kind::Integer),
                "float" => Some(Kind::Float),
                _ => foreign(),
            },
            types::Kind::Instance if depth < MAX_DEPTH => {
                let class = self.plain.objects.pointer(object, self.kind_offset())?;
                match self.shape(class) {
                    Shape::Foreign => foreign(),
                    shape => self.of_shape(object, shape, depth),
                }
            }
            _ => foreign(),
        }
    }

    fn of_shape(&self, object: Addr, shape: Shape, depth: usize) -> Option<Kind> {
        let fields = self.names.attributes(object)?;
        let is = |name| fields.get(name).and_then(|value| self.truth(value)).unwrap_or(false);
        let inner = |name| Some(Box::new(self.at_depth(fields.get(name)?, depth + 1)?));
        let bounds =
            || [self.bound(&fields, "min", Check::Least), self.bound(&fields, "max", Check::Most)];
        let bounds = || bounds().into_iter().flatten().collect::<Vec<Check>>();
        let least = || self.count(&fields, "min_length", Check::Items, 1).into_iter().collect();
        Some(match shape {
            Shape::String => {
                Kind::String { quotes: is("quotes") }.with(self.of_text(&fields, is("ignore_case")))
            }
            Shape::Boolean => Kind::Boolean,
            Shape::Integer => Kind::Integer.with(self.of_number(&fields, bounds)),
            Shape::Float => Kind::Float.with(self.of_number(&fields, bounds)),
            Shape::Number => {
                let kind = self.at_depth(fields.get("num_type")?, depth + 1)?;
                kind.with(self.of_number(&fields, bounds))
            }
            Shape::List => {
                Kind::List { item: inner("item_type")?, bounds: is("bounds") }.with(least())
            }
            Shape::Dict => {
                // Before 9.0 it could not be chosen.
                let separator = fields.get("key_value_separator");
                let separator = separator.and_then(|text| self.plain.text(text));
                let kind = Kind::Dict {
                    value: inner("value_type")?,
                    bounds: is("bounds"),
                    separator: separator.unwrap_or_else(|| Text::from(":")),
                };
                kind.with(least())
            }
            Shape::Range => Kind::Range { inclusive: is("inclusive") }.with(bounds()),
            Shape::Address => self.version(&fields).map_or(Kind::Plain, Kind::Address),
            Shape::HostName => Kind::HostName,
            Shape::Host | Shape::Domain => {
                let address = fields.get("ip_address").and_then(|of| self.names.attributes(of));
                let version = address.and_then(|address| self.version(&address));
                let underscores = shape == Shape::Domain;
                version.map_or(Kind::Plain, |version| Kind::Host { version, underscores })
            }
            Shape::Uri => self.uri(&fields),
            Shape::Plain | Shape::Foreign => Kind::Plain,
        })
    }

    /// What a text is asked for.
    fn of_text(&self, fields: &Fields, ignore_case: bool) -> Vec<Check> {
        let length = self.count(fields, "max_length", Check::Length, 1);
        let pattern = self
            .given(fields, "regex")
            .map(|regex| self.pattern(regex).map_or(Check::Unknown, Check::Pattern));
        let words = self.choices(fields).map(|choices| {
            // What is no text is equal to none.
            let words = |choices: Vec<Data>| {
                choices.into_iter().filter_map(|choice| match choice {
                    Data::Text(text) => Some(text),
                    _ => None,
                })
            };
            let words = |choices| Check::Words { choices: words(choices).collect(), ignore_case };
            choices.map_or(Check::Unknown, words)
        });
        length.into_iter().chain(pattern).chain(words).collect()
    }

    /// What a number is asked for: choices, if there are some; else its bounds.
    fn of_number(&self, fields: &Fields, bounds: impl Fn() -> Vec<Check>) -> Vec<Check> {
        match self.choices(fields) {
            Some(choices) => vec![choices.map_or(Check::Unknown, Check::Numbers)],
            None => bounds(),
        }
    }

    /// The attribute of this name, unless it is `None`.
    fn given(&self, fields: &Fields, name: &str) -> Option<Addr> {
        let object = fields.get(name)?;
        let is_none = self.plain.types.of(object).is_some_and(|of| of.kind == types::Kind::None);
        (!is_none).then_some(object)
    }

    fn bound(&self, fields: &Fields, name: &str, check: fn(Data) -> Check) -> Option<Check> {
        Some(self.plain.data(self.given(fields, name)?).map_or(Check::Unknown, check))
    }

    /// A number of characters or items; a smaller one than `least` asks for nothing.
    fn count(
        &self,
        fields: &Fields,
        name: &str,
        check: fn(u64) -> Check,
        least: i64,
    ) -> Option<Check> {
        match self.plain.objects.small_int(self.given(fields, name)?) {
            Some(count) if count < least => None,
            // No length is less than nothing.
            Some(count) => Some(u64::try_from(count).map_or(Check::Unknown, check)),
            None => Some(Check::Unknown),
        }
    }

    /// The choices: the keys of a `dict`, and before 5.2 a list. Nothing inside where they can not
    /// be read.
    fn choices(&self, fields: &Fields) -> Option<Option<Vec<Data>>> {
        let object = self.given(fields, "choices")?;
        let objects = match self.plain.objects.dict_items(object) {
            Some(items) => Some(items.map(|(key, _)| key).take(MAX_CHOICES + 1).collect()),
            None => self.plain.items(object),
        };
        let objects = objects.filter(|objects: &Vec<Addr>| objects.len() <= MAX_CHOICES);
        let data = |choice| self.plain.may_read().then(|| self.plain.data(choice))?;
        Some(objects.and_then(|objects| objects.into_iter().map(data).collect()))
    }

    /// A compiled pattern: `PatternObject` of `Modules/_sre/sre.h`, the same from 3.8 to 3.15: behind
    /// the header of what has items the count of groups, two objects, the text and the flags.
    fn pattern(&self, object: Addr) -> Option<Pattern> {
        let objects = &self.plain.objects;
        if self.plain.types.of(object)?.name.raw() != "re.Pattern" {
            return None;
        }
        let groups = objects.layout.object.size.checked_add(8)?;
        let text = self.plain.text(objects.pointer(object, groups.checked_add(24)?)?)?;
        let flags = object.checked_add(groups.checked_add(32)?)?;
        Some(Pattern::new(text, objects.memory.u32(flags).ok()?))
    }

    /// The version of an `IPAddress`, by the method that checks it. Nothing inside: any.
    fn version(&self, fields: &Fields) -> Option<Option<Version>> {
        let (objects, pointers) = (&self.plain.objects, &self.plain.objects.layout.pointers);
        let method = fields.get("version_checker")?;
        if self.plain.types.of(method)?.kind != types::Kind::Method {
            return None;
        }
        let function = objects.pointer(method, pointers.method_function)?;
        let name = self.names.text(objects.pointer(function, pointers.function_name)?)?;
        // `IPAddress._check_ipv4`
        match name.raw().rsplit('.').next()? {
            "_check_both_versions" => Some(None),
            "_check_ipv4" => Some(Some(Version::V4)),
            "_check_ipv6" => Some(Some(Version::V6)),
            _ => None,
        }
    }

    fn uri(&self, fields: &Fields) -> Kind {
        let schemes = self.given(fields, "schemes").map(|schemes| self.plain.data(schemes));
        let texts = |schemes: Vec<Data>| {
            let text = |scheme| match scheme {
                Data::Text(text) => Some(text),
                _ => None,
            };
            schemes.into_iter().map(text).collect()
        };
        let schemes = match schemes {
            None => Some(Vec::new()),
            Some(Some(Data::List(schemes))) => texts(schemes),
            // The letters of a text, one by one.
            Some(Some(Data::Text(text))) => {
                let letters = text.raw().chars().take(MAX_SCHEMES + 1);
                Some(letters.map(|c| Text::from(c.to_string())).collect())
            }
            Some(_) => None,
        };
        let schemes = schemes.filter(|schemes: &Vec<Text>| schemes.len() <= MAX_SCHEMES);
        let length = self.count(fields, "max_length", Check::Length, i64::MIN);
        match schemes {
            Some(schemes) => Kind::Uri { schemes }.with(length.into_iter().collect()),
            None => Kind::Plain,
        }
    }

    fn truth(&self, object: Addr) -> Option<bool> {
        Some(self.plain.objects.small_int(object)? != 0)
    }

    fn kind_offset(&self) -> u64 {
        self.plain.objects.layout.object.kind
    }

    /// What the types of a class make of a value: what the first of its bases that is known does,
    /// if no class before it converts in its own way.
    fn shape(&self, class: Addr) -> Shape {
        if let Some(shape) = self.shapes.borrow().get(&class) {
            return *shape;
        }
        let shape = self.find_shape(class);
        self.shapes.borrow_mut().insert(class, shape);
        shape
    }

    fn find_shape(&self, class: Addr) -> Shape {
        for base in self.plain.types.order(class) {
            let Some(known) = self.plain.types.get(base) else { return Shape::Foreign };
            match known.name.raw().strip_prefix(MODULE) {
                Some("String") => return Shape::String,
                Some("Boolean") => return Shape::Boolean,
                Some("Integer") => return Shape::Integer,
                Some("Float") => return Shape::Float,
                Some("Number") => return Shape::Number,
                Some("List") => return Shape::List,
                Some("Dict") => return Shape::Dict,
                Some("Range") => return Shape::Range,
                Some("IPAddress") => return Shape::Address,
                Some("Hostname") => return Shape::HostName,
                Some("HostAddress") => return Shape::Host,
                Some("HostDomain") => return Shape::Domain,
                Some("URI") => return Shape::Uri,
                Some("ConfigType") => return Shape::Plain,
                Some(_) => {}
                None => {
                    let own = self.plain.types.dict(base);
                    let call = own.and_then(|own| self.plain.objects.lookup(own, "__call__"));
                    if call.is_some() {
                        return Shape::Foreign;
                    }
                }
            }
        }
        Shape::Foreign
    }
}
