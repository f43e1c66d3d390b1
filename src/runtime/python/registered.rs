//! The sections that a program has registered with oslo.reports: their titles, and what makes them.
//!
//! `register_section` of a report's class appends to its list `persistent_sections`, or gives the
//! class one if neither it nor a base has any (`oslo_reports/guru_meditation_report.py`, the same
//! from 0.2 to 3.9). So each class derived from `GuruMeditation` may have a list of its own. What a
//! generator would make is not known: that would run code of the process.

use std::collections::HashSet;

use super::imported::sys_modules;
use super::layout::flags;
use super::objects::Objects;
use super::value::types::{Kind, Types};
use crate::addr::Addr;
use crate::note::Note;
use crate::runtime::RegisteredSection;
use crate::text::Text;

/// The module of the class that all reports with registered sections derive from, and that class.
const MODULE: &str = "oslo_reports.guru_meditation_report";
const CLASS: &str = "GuruMeditation";

/// The most classes of reports that are looked at.
const MAX_CLASSES: usize = 64;

/// The most sections that are listed of one class.
const MAX_SECTIONS: u64 = 256;

/// How deep a generator may be wrapped.
const MAX_WRAPS: usize = 8;

/// `tp_subclasses` lies behind `tp_mro` and `tp_cache` (`Include/cpython/object.h`, the same in all
/// versions).
const SUBCLASSES: u64 = 16;

/// What notes are about.
const SUBJECT: &str = "registered sections";

/// The registered sections of all interpreters, in the order of their registration.
pub fn sections(
    objects: Objects<'_>,
    interpreters: &[Addr],
    notes: &mut Vec<Note>,
) -> Vec<RegisteredSection> {
    let reader = Reader { objects, types: Types::new(objects) };
    let mut found = Vec::new();
    for modules in sys_modules(&objects, interpreters) {
        let module = objects.lookup(modules, MODULE);
        let class = module.and_then(|module| objects.attribute(module, CLASS));
        let classes = class.map(|class| reader.derived(class)).unwrap_or_default();
        if classes.len() >= MAX_CLASSES {
            let text = format!("only those of {MAX_CLASSES} classes of reports are looked at");
            notes.push(Note::missing(SUBJECT, text));
        }
        for class in classes {
            if reader.of_class(class, &mut found) {
                let text = format!("of one class only {MAX_SECTIONS} are told");
                notes.push(Note::missing(SUBJECT, text));
            }
        }
    }
    found
}

struct Reader<'a> {
    objects: Objects<'a>,
    types: Types<'a>,
}

impl Reader<'_> {
    /// A class and all that derive from it, bases first.
    fn derived(&self, base: Addr) -> Vec<Addr> {
        let (objects, layout) = (&self.objects, self.objects.layout);
        let mut classes = vec![base];
        let mut seen = HashSet::from([base]);
        let mut next = 0;
        while let Some(class) = classes.get(next).copied() {
            next += 1;
            // A dict from numbers to weak references; null where there are none.
            let known = objects.pointer(class, layout.object.mro.saturating_add(SUBCLASSES));
            let items = known.and_then(|known| objects.dict_items(known)).into_iter().flatten();
            for (_, reference) in items {
                let derived = objects.pointer(reference, layout.pointers.weak_reference);
                let is_class =
                    |class: &Addr| objects.has_flag(*class, flags::TYPE).unwrap_or_default();
                let Some(derived) = derived.filter(is_class) else { continue };
                if classes.len() == MAX_CLASSES {
                    return classes;
                }
                if seen.insert(derived) {
                    classes.push(derived);
                }
            }
        }
        classes
    }

    /// The sections of the list that a class itself has; whether there are more.
    fn of_class(&self, class: Addr, found: &mut Vec<RegisteredSection>) -> bool {
        let objects = &self.objects;
        let list =
            self.types.dict(class).and_then(|dict| objects.lookup(dict, "persistent_sections"));
        let entries = list.and_then(|list| objects.list_items(list, MAX_SECTIONS + 1));
        let mut entries = entries.unwrap_or_default();
        let limit = MAX_SECTIONS as usize;
        let more = entries.len() > limit;
        entries.truncate(limit);
        for entry in entries {
            let Some([title, generator]) =
                objects.tuple_items(entry, 2).and_then(|items| <[Addr; 2]>::try_from(items).ok())
            else {
                continue;
            };
            // A view of its own may stand in the place of a title.
            let title = objects.text(title).unwrap_or_else(|| self.callable(title).into());
            found.push(RegisteredSection { title, generator: self.callable(generator).into() });
        }
        more
    }

    /// What a callable is, from outside inwards: `functools.partial of mini.extra_section`.
    fn callable(&self, object: Addr) -> String {
        let mut object = object;
        let mut words = Vec::new();
        for _ in 0..MAX_WRAPS {
            let Some(kind) = self.types.of(object) else {
                words.push("something that can not be read".to_owned());
                break;
            };
            let (layout, name) = (self.objects.layout, kind.name.raw());
            let inner = match kind.kind {
                Kind::Function => {
                    words.push(self.function(object).unwrap_or_else(|| "a function".to_owned()));
                    break;
                }
                Kind::Type => {
                    let class = self.types.get(object).map(|class| class.name.clone());
                    words.push(class.as_ref().map_or("a class", Text::raw).to_owned());
                    break;
                }
                Kind::Method => {
                    words.push("the method".to_owned());
                    self.objects.pointer(object, layout.pointers.method_function)
                }
                // Behind its header lies what it calls (`Modules/_functoolsmodule.c`).
                _ if name == "functools.partial" => {
                    words.push("functools.partial of".to_owned());
                    self.objects.pointer(object, layout.object.header)
                }
                _ => {
                    words.push(format!("an object of class {name}"));
                    break;
                }
            };
            match inner {
                Some(inner) => object = inner,
                None => break,
            }
        }
        words.join(" ")
    }

    /// A function, with its module.
    fn function(&self, function: Addr) -> Option<String> {
        let (objects, offset) = (&self.objects, self.objects.layout.pointers.function_name);
        let name = objects.text(objects.pointer(function, offset)?)?;
        // `func_globals` lies before `func_builtins`, `func_name` and `func_qualname`; to 3.9 nine
        // fields are between it and the last of these.
        let before = if objects.layout.version.minor() <= 9 { 10 * 8 } else { 3 * 8 };
        let globals = objects.pointer(function, offset.checked_sub(before)?);
        let module = globals.and_then(|globals| objects.lookup(globals, "__name__"));
        Some(match module.and_then(|module| objects.text(module)) {
            Some(module) => format!("{}.{}", module.raw(), name.raw()),
            None => name.raw().to_owned(),
        })
    }
}
