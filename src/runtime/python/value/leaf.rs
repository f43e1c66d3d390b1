//! Values without parts: numbers, texts, functions, and what else is one word.

use super::secret::Hint;
use super::types::{Kind, Type};
use super::{MASK, Values, number, quote};
use crate::addr::Addr;
use crate::runtime::python::callable::builtin_name;
use crate::runtime::python::layout::DigitCount;
use crate::runtime::python::objects::MAX_STR;
use crate::target::memory::MemoryExt as _;
use crate::text::Text;
use crate::value::{Mark, Value};

/// The most digits of an `int`, of 30 bits each, that are shown: 4110 bits.
const MAX_DIGITS: u64 = 137;

/// `ob_start` of a `PyByteArrayObject`, behind `ob_size`, `ob_alloc` and `ob_bytes`
/// (`Include/cpython/bytearrayobject.h`, the same in all versions).
const BYTEARRAY_START: u64 = 24;

impl Values<'_> {
    pub(super) fn leaf(&self, object: Addr, kind: &Type, hint: Hint<'_>) -> Option<Value> {
        match kind.kind {
            Kind::Str => self.str(object, kind, hint),
            Kind::Bytes | Kind::ByteArray => self.bytes(object, kind, hint),
            Kind::Int => self.int(object, kind, hint),
            Kind::None => Some(shown(kind, "None".to_owned())),
            Kind::Bool => {
                let word = if self.objects.small_int(object)? == 0 { "False" } else { "True" };
                Some(shown(kind, word.to_owned()))
            }
            Kind::Float => Some(self.named(kind, number::float(self.float(object, 0)?), hint)),
            Kind::Complex => {
                let text = number::complex(self.float(object, 0)?, self.float(object, 8)?);
                Some(self.named(kind, text, hint))
            }
            _ => {
                let mut value = shown(kind, self.word(object, kind)?);
                value.address = Some(object);
                Some(value)
            }
        }
    }

    /// A text with its secrets masked, then cut.
    fn str(&self, object: Addr, kind: &Type, hint: Hint<'_>) -> Option<Value> {
        let (points, length) = self.raw_points(object)?;
        let text = text_of(&points);
        let masked = hint.mask(&text, self.secrets);
        if *masked != *text {
            let points: Vec<u32> = masked.chars().map(u32::from).collect();
            return Some(masked_text(kind, &masked, &quote::string(self.first(&points))));
        }
        let mut value = shown(kind, quote::string(self.first(&points)));
        self.cut(&mut value, length);
        Some(value)
    }

    /// The same for bytes, of which each counts as the character of its number.
    fn bytes(&self, object: Addr, kind: &Type, hint: Hint<'_>) -> Option<Value> {
        let (bytes, length) = self.raw_bytes(object, kind.kind)?;
        let text: String = bytes.iter().copied().map(char::from).collect();
        let masked = hint.mask(&text, self.secrets);
        let is_secret = *masked != *text;
        let bytes: Vec<u8> = match is_secret {
            true => masked.chars().filter_map(|char| u8::try_from(char).ok()).collect(),
            false => bytes,
        };
        let first = bytes.get(..self.limits.characters).unwrap_or(&bytes);
        let mut quoted = quote::bytes(first);
        if kind.kind == Kind::ByteArray {
            quoted = format!("bytearray({quoted})");
        }
        if is_secret {
            return Some(masked_text(kind, &masked, &quoted));
        }
        let mut value = shown(kind, quoted);
        self.cut(&mut value, length);
        Some(value)
    }

    fn first<'p>(&self, points: &'p [u32]) -> impl Iterator<Item = u32> + Clone + use<'p> {
        points.iter().copied().take(self.limits.characters)
    }

    /// Marks a text that is longer than what is shown of it.
    fn cut(&self, value: &mut Value, length: u64) {
        if length > self.limits.characters as u64 {
            value.size = Some(length);
            value.mark = Some(Mark::Cut);
        }
    }

    fn int(&self, object: Addr, kind: &Type, hint: Hint<'_>) -> Option<Value> {
        let (layout, memory) = (&self.objects.layout.int, self.objects.memory);
        let (negative, count) = match layout.count {
            DigitCount::Size(size) => {
                let size = memory.i64(object.checked_add(size)?).ok()?;
                (size < 0, size.unsigned_abs())
            }
            DigitCount::Tag(tag) => {
                let tag = memory.u64(object.checked_add(tag)?).ok()?;
                (tag & 3 == 2, tag >> 3)
            }
        };
        let digits = object.checked_add(layout.digits)?;
        if count > MAX_DIGITS {
            let last =
                memory.u32(digits.checked_add(count.checked_sub(1)?.checked_mul(4)?)?).ok()?;
            let bits = number::bits(count, last);
            let mut value = self.named(kind, format!("<an int of {bits} bits>"), hint);
            value.mark = value.mark.or(Some(Mark::Cut));
            return Some(value);
        }
        let bytes = memory.bytes(digits, usize::try_from(count).ok()? * 4).ok()?;
        let digits = bytes.as_chunks().0.iter().map(|digit| u32::from_le_bytes(*digit));
        let digits: Vec<u32> = digits.collect();
        Some(self.named(kind, number::int(negative, &digits), hint))
    }

    /// A number, which is a secret by its name alone.
    fn named(&self, kind: &Type, text: String, hint: Hint<'_>) -> Value {
        let masked = match hint {
            Hint::Name(name) => self.secrets.mask_value(name, &text) == MASK,
            Hint::Secret => !self.secrets.are_shown(),
            Hint::None | Hint::Shown(_) => false,
        };
        match masked {
            true => Value { mark: Some(Mark::Masked), ..shown(kind, MASK.to_owned()) },
            false => shown(kind, text),
        }
    }

    fn float(&self, object: Addr, offset: u64) -> Option<f64> {
        let at = object.checked_add(self.objects.layout.float + offset)?;
        self.objects.memory.u64(at).ok().map(f64::from_bits)
    }

    /// What is called by a name.
    fn word(&self, object: Addr, kind: &Type) -> Option<String> {
        let (objects, layout) = (&self.objects, self.objects.layout);
        let name = |offset| objects.text(objects.pointer(object, offset)?);
        let type_name = kind.name.raw();
        Some(match kind.kind {
            Kind::Function => {
                format!("<function {}>", name(layout.pointers.function_name)?.raw())
            }
            Kind::Builtin => {
                format!("<built-in function {}>", builtin_name(objects, object)?.raw())
            }
            Kind::Method => {
                let function = objects.pointer(object, layout.pointers.method_function)?;
                let name = match self.types.of(function)?.kind {
                    Kind::Function => {
                        objects.text(objects.pointer(function, layout.pointers.function_name)?)?
                    }
                    _ => self.types.of(function)?.name.clone(),
                };
                let of = objects.pointer(object, layout.pointers.method_self)?;
                let of_type = self.types.of(of)?;
                format!("<bound method {} of <{} at {of}>>", name.raw(), of_type.name.raw())
            }
            Kind::Type => format!("<class '{}'>", self.types.get(object)?.name.raw()),
            Kind::Module => {
                let dict = objects.pointer(object, layout.pointers.module_dict)?;
                let name = objects.lookup(dict, "__name__").and_then(|name| objects.text(name));
                format!("<module '{}'>", name.unwrap_or_else(|| "?".into()).raw())
            }
            Kind::Generator => {
                let name = name(layout.generator.qualified_name)?;
                format!("<{type_name} object {}>", name.raw())
            }
            Kind::WeakReference => {
                let target = objects.pointer(object, layout.pointers.weak_reference)?;
                let target_type = self.types.of(target)?;
                match target_type.kind {
                    Kind::None => "<weakref; dead>".to_owned(),
                    _ => format!("<weakref to <{} at {target}>>", target_type.name.raw()),
                }
            }
            Kind::Enum => {
                let name = objects.attribute(object, "_name_").and_then(|name| objects.text(name));
                // A combination of flags has no name of its own.
                match name {
                    Some(name) => format!("<{type_name}.{}>", name.raw()),
                    None => format!("<{type_name} at {object}>"),
                }
            }
            _ => format!("<{type_name} at {object}>"),
        })
    }

    /// The text of a `str`, as far as it is read.
    pub(super) fn raw_text(&self, object: Addr) -> Option<String> {
        self.raw_points(object).map(|(points, _)| text_of(&points))
    }

    fn raw_points(&self, object: Addr) -> Option<(Vec<u32>, u64)> {
        let (points, length) = self.objects.points(object)?;
        self.text_left.set(self.text_left.get().saturating_sub(points.len()));
        Some((points, length))
    }

    /// The first bytes of a `bytes` or `bytearray`, and how many there are.
    pub(super) fn raw_bytes(&self, object: Addr, kind: Kind) -> Option<(Vec<u8>, u64)> {
        let (objects, size) = (&self.objects, self.objects.layout.object.size);
        let length = objects.memory.u64(object.checked_add(size)?).ok()?;
        let count = usize::try_from(length.min(MAX_STR)).ok()?;
        let data = match kind {
            Kind::ByteArray if count == 0 => return Some((Vec::new(), length)),
            Kind::ByteArray => objects.pointer(object, size + BYTEARRAY_START)?,
            _ => object.checked_add(objects.layout.bytes_data)?,
        };
        self.text_left.set(self.text_left.get().saturating_sub(count));
        Some((objects.memory.bytes(data, count).ok()?, length))
    }
}

/// Text for the masker: what is no character stands as one.
fn text_of(points: &[u32]) -> String {
    let char = |point: &u32| char::from_u32(*point).unwrap_or(char::REPLACEMENT_CHARACTER);
    points.iter().map(char).collect()
}

fn shown(kind: &Type, text: String) -> Value {
    Value { type_name: kind.name.clone(), shown: Some(Text::from(text)), ..Value::default() }
}

/// A text in which a secret was masked; quotes are only for what is left of it.
fn masked_text(kind: &Type, masked: &str, quoted: &str) -> Value {
    let text = if masked == MASK { masked } else { quoted };
    Value { mark: Some(Mark::Masked), ..shown(kind, text.to_owned()) }
}
