//! The sections that a program has registered with oslo.reports: their titles, and what makes them.
//!
//! `register_section` of a report's class appends to its list `persistent_sections`, or gives the
//! class one if neither it nor a base has any (`oslo_reports/guru_meditation_report.py`, the same
//! from 0.2 to 3.9). So each class derived from `GuruMeditation` may have a list of its own. What a
//! generator would make is not known: that would run code of the process.

use std::collections::HashSet;

use super::callable::Callables;
use super::imported::sys_modules;
use super::layout::flags;
use super::objects::Objects;
use super::oslo_reports::MODULE;
use super::value::types::Types;
use crate::addr::Addr;
use crate::note::Note;
use crate::runtime::RegisteredSection;

/// The class that all reports with registered sections derive from.
const CLASS: &str = "GuruMeditation";

/// The most classes of reports that are looked at.
const MAX_CLASSES: usize = 64;

/// The most sections that are listed of one class.
const MAX_SECTIONS: u64 = 256;

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
    let (types, callables) = (Types::new(objects), Callables::new(objects));
    let reader = Reader { objects, types, callables };
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
    callables: Callables<'a>,
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
            let title =
                objects.text(title).unwrap_or_else(|| self.callables.read(title).words.into());
            let generator = self.callables.read(generator).words.into();
            found.push(RegisteredSection { title, generator });
        }
        more
    }
}
