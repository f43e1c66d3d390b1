//! From an object to a plain value: what an option is set to.

use std::cell::RefCell;

use crate::addr::Addr;
use crate::data::Data;
use crate::mask::Secrets;
use crate::runtime::python::layout::flags;
use crate::runtime::python::objects::Objects;
use crate::runtime::python::value::types::{Kind, Types};
use crate::runtime::python::value::{self, Limits, Values};
use crate::target::memory::MemoryExt as _;
use crate::text::Text;

/// The most characters of a text that are read.
const MAX_TEXT: u64 = 64 << 10;

/// The most characters of all texts together.
const MAX_TEXT_TOTAL: u64 = 64 << 20;

/// How many levels of containers are read.
const MAX_DEPTH: usize = 8;

/// The most items of a container that are read.
const MAX_ITEMS: u64 = 10_000;

/// The most items of all containers together.
const MAX_ITEMS_TOTAL: u64 = 1_000_000;

/// How much of an object without parts is read: keys may be bytes.
const LIMITS: Limits = Limits { characters: 16 << 10, ..value::OBJECTS };

/// Reads plain values.
pub struct Plain<'a> {
    /// The objects of the process.
    pub objects: Objects<'a>,
    /// Their types.
    pub types: Types<'a>,
    /// Tells of objects that are no plain values.
    values: Values<'a>,
    left: RefCell<Left>,
}

/// What may still be read, and what was not.
struct Left {
    characters: u64,
    items: u64,
    troubles: Vec<&'static str>,
}

impl<'a> Plain<'a> {
    /// A reader that has read nothing yet.
    pub fn new(objects: Objects<'a>) -> Plain<'a> {
        Plain {
            objects,
            types: Types::new(objects),
            // Whoever shows what was read masks it.
            values: Values::new(objects, LIMITS).with_secrets(Secrets::Shown),
            left: RefCell::new(Left {
                characters: MAX_TEXT_TOTAL,
                items: MAX_ITEMS_TOTAL,
                troubles: Vec::new(),
            }),
        }
    }

    /// What was left out since this was last asked.
    pub fn take_troubles(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.left.borrow_mut().troubles)
    }

    fn trouble(&self, what: &'static str) {
        let troubles = &mut self.left.borrow_mut().troubles;
        if !troubles.contains(&what) {
            troubles.push(what);
        }
    }

    /// The value; `None` if it can not be read.
    pub fn data(&self, object: Addr) -> Option<Data> {
        self.at_depth(object, 0)
    }

    fn at_depth(&self, object: Addr, depth: usize) -> Option<Data> {
        let kind = self.types.of(object)?;
        Some(match kind.kind {
            Kind::None => Data::None,
            Kind::Bool => Data::Bool(self.objects.small_int(object)? != 0),
            Kind::Int => {
                let text = self.values.word_of(object)?;
                text.raw().parse().map_or(Data::Object(text.clone()), Data::Int)
            }
            Kind::Float => {
                let at = object.checked_add(self.objects.layout.float)?;
                Data::Float(f64::from_bits(self.objects.memory.u64(at).ok()?))
            }
            Kind::Str => Data::Text(self.text(object)?),
            Kind::List | Kind::Tuple | Kind::Dict if depth == MAX_DEPTH => {
                self.trouble("it is nested too deep to be read whole");
                Data::Object(format!("<{} at {object}>", kind.name.raw()).into())
            }
            Kind::List | Kind::Tuple => {
                let items = self.items(object)?.into_iter();
                Data::List(items.map(|item| self.at_depth(item, depth + 1)).collect::<Option<_>>()?)
            }
            Kind::Dict => Data::Map(self.mapping(object, depth)?),
            _ if kind.name.raw() == "range" => Data::List(self.range(object)?),
            _ => Data::Object(self.values.word_of(object)?),
        })
    }

    /// The text of a `str`.
    pub fn text(&self, object: Addr) -> Option<Text> {
        let left = self.left.borrow().characters;
        let limit = MAX_TEXT.min(left);
        let (text, length) = self.objects.text_within(object, limit)?;
        self.left.borrow_mut().characters = left.saturating_sub(length.min(limit));
        if length > limit {
            self.trouble("its text is too long to be read whole");
        }
        Some(text)
    }

    /// The items of a `list` or `tuple`.
    pub fn items(&self, object: Addr) -> Option<Vec<Addr>> {
        let size = object.checked_add(self.objects.layout.object.size)?;
        let limit = self.take(self.objects.memory.u64(size).ok()?);
        match self.objects.has_flag(object, flags::LIST)? {
            true => self.objects.list_items(object, limit),
            false => self.objects.tuple_items(object, limit),
        }
    }

    fn mapping(&self, dict: Addr, depth: usize) -> Option<Vec<(Text, Data)>> {
        let limit = self.take(self.objects.dict_len(dict)?);
        let items = self.objects.dict_items(dict)?.take(usize::try_from(limit).ok()?);
        let pair = |(key, value)| Some((self.key(key)?, self.at_depth(value, depth + 1)?));
        items.map(pair).collect()
    }

    /// A key as `str` would write it.
    fn key(&self, key: Addr) -> Option<Text> {
        match self.types.of(key)?.kind {
            Kind::Str => self.text(key),
            _ => self.values.word_of(key),
        }
    }

    /// The numbers of a `range`: `start`, `stop` and `step` of a `rangeobject`, behind the header
    /// (`Objects/rangeobject.c`, the same in all versions).
    fn range(&self, object: Addr) -> Option<Vec<Data>> {
        let field = |nth: u64| {
            let at = self.objects.layout.object.header + 8 * nth;
            self.objects.small_int(self.objects.pointer(object, at)?)
        };
        let (start, stop, step) = (field(0)?, field(1)?, field(2)?);
        let goes_on = |number: &i64| if step < 0 { *number > stop } else { *number < stop };
        let numbers = std::iter::successors(Some(start), |number| number.checked_add(step));
        let numbers = numbers.take_while(goes_on);
        let limit = usize::try_from(MAX_ITEMS).ok().filter(|_| step != 0)?;
        let size = numbers.clone().take(limit.saturating_add(1)).count();
        let limit = usize::try_from(self.take(size as u64)).ok()?;
        Some(numbers.take(limit).map(Data::Int).collect())
    }

    /// How an object without parts is shown.
    pub fn word(&self, object: Addr) -> Option<Text> {
        self.values.word_of(object)
    }

    /// Whether one more item may be read, of what is read by others.
    pub fn may_read(&self) -> bool {
        self.take(1) == 1
    }

    /// How many of so many items may be read.
    fn take(&self, size: u64) -> u64 {
        let left = self.left.borrow().items;
        let limit = size.min(MAX_ITEMS).min(left);
        self.left.borrow_mut().items = left - limit;
        if limit < size {
            self.trouble("it has too many items to be read whole");
        }
        limit
    }
}
