//! How the values of an option are converted: its type, told by the classes of that.

use std::cell::RefCell;
use std::collections::HashMap;

use super::fields::Names;
use super::plain::Plain;
use crate::addr::Addr;
use crate::config::oslo::registry::Kind;
use crate::runtime::python::value::types;
use crate::text::Text;

/// The module of the types that oslo.config brings.
const MODULE: &str = "oslo_config.types.";

/// How deep types are nested that are read: a list of lists of numbers has three.
const MAX_DEPTH: usize = 8;

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
        Some(match shape {
            Shape::String => Kind::String { quotes: is("quotes") },
            Shape::Boolean => Kind::Boolean,
            Shape::Integer => Kind::Integer,
            Shape::Float => Kind::Float,
            Shape::Number => return self.at_depth(fields.get("num_type")?, depth + 1),
            Shape::List => Kind::List { item: inner("item_type")?, bounds: is("bounds") },
            Shape::Dict => {
                // Before 9.0 it could not be chosen.
                let separator = fields.get("key_value_separator");
                let separator = separator.and_then(|text| self.plain.text(text));
                Kind::Dict {
                    value: inner("value_type")?,
                    bounds: is("bounds"),
                    separator: separator.unwrap_or_else(|| Text::from(":")),
                }
            }
            Shape::Range => Kind::Range { inclusive: is("inclusive") },
            Shape::Plain | Shape::Foreign => Kind::Plain,
        })
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
