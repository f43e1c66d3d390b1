//! What holds the objects that are no attributes of modules: looked for in breadth, from the local
//! variables of frames, then from what modules lead to.
//!
//! It goes so many steps and looks into so many objects: a way that is found is the shortest, and
//! what none is found to may yet be held.

use std::collections::HashSet;

use super::fields::Names;
use super::holder::{Holders, MAX_ATTRIBUTES_TOTAL, Rank, attributes, modules};
use crate::addr::Addr;
use crate::mask::mask_text;
use crate::runtime::Roster;
use crate::runtime::python::captured::captured;
use crate::runtime::python::frames::{LoopDetector, Owner, Walker};
use crate::runtime::python::objects::Objects;
use crate::runtime::python::value::types::{Kind, Types};
use crate::runtime::python::value::{self, Values};
use crate::text::Text;

/// The most objects that are looked into.
const MAX_OBJECTS: usize = 20_000;

/// The most parts of one of them that are followed.
const MAX_PARTS: usize = 500;

/// How many steps are followed from a local variable, and from an attribute of a module.
const STEPS_FROM_LOCALS: usize = 16;
const STEPS_FROM_MODULES: usize = 6;

/// The most threads whose frames are looked at, and frames of one.
const MAX_THREADS: usize = 64;
const MAX_FRAMES: usize = 200;

/// The most characters of a key that are shown.
const MAX_KEY: usize = 40;

/// What belongs to oslo.config itself: it tells less than others.
const OWN: &str = "oslo_config.";

/// A step of the way to an object.
enum Step {
    /// An attribute of the module of this name.
    Module(Text, Text),
    /// A local variable of the function that is so called.
    Local(Text, Text),
    /// An attribute.
    Attribute(Text),
    /// A variable of an outer function.
    Captured(Text),
    /// An item of a container, as it is written.
    Item(String),
    /// What has no name: the object of a bound method, the content of a cell.
    Same,
}

/// An object that was met.
struct Met {
    object: Addr,
    /// What led to it, by its number.
    from: Option<usize>,
    step: Step,
    steps_left: usize,
}

/// A walk from object to object.
pub struct Walk<'h, 'a> {
    objects: Objects<'a>,
    types: Types<'a>,
    names: Names<'a>,
    holders: &'h mut Holders,
    met: Vec<Met>,
    /// The number of the object that is looked into next.
    next: usize,
    seen: HashSet<Addr>,
}

impl<'h, 'a> Walk<'h, 'a> {
    /// Looks for the objects that nothing is known to hold.
    pub fn new(objects: Objects<'a>, holders: &'h mut Holders) -> Walk<'h, 'a> {
        Walk {
            objects,
            types: Types::new(objects),
            names: Names::new(objects),
            holders,
            met: Vec::new(),
            next: 0,
            seen: HashSet::new(),
        }
    }

    /// Goes from the local variables of the threads' frames.
    pub fn go_from_locals(&mut self, roster: &Roster) {
        let walker = Walker::new(self.objects.memory, self.objects.layout);
        let values = Values::new(self.objects, value::LOCALS);
        for (_, thread) in roster.threads.iter().take(MAX_THREADS) {
            let Ok((_, mut frame)) = walker.innermost(*thread) else { continue };
            let mut loops = LoopDetector::default();
            for _ in 0..MAX_FRAMES {
                if frame.is_null() || loops.sees_again(frame) {
                    break;
                }
                let Ok(Some(raw)) = walker.raw(frame) else { break };
                frame = raw.previous;
                if raw.owner == Owner::Native {
                    continue;
                }
                let Some(code) = walker.code(raw.code) else { break };
                let name = code.qualified_name.as_ref().unwrap_or(&code.name).raw();
                let file = code.file.raw().rsplit('/').next().unwrap_or_default();
                let function = Text::from(format!("{name} ({file})"));
                for (variable, object) in values.objects_of(raw.addr, raw.code) {
                    let step = Step::Local(function.clone(), variable);
                    self.meet(object, None, step, STEPS_FROM_LOCALS);
                }
            }
        }
        self.go();
    }

    /// Goes from what the attributes of modules are.
    pub fn go_from_modules(&mut self, interpreters: &[Addr]) {
        let objects = self.objects;
        let mut left = MAX_ATTRIBUTES_TOTAL;
        for (name, module) in modules(&objects, interpreters) {
            for (key, value) in attributes(&objects, module, &mut left) {
                let kind = self.types.of(value).map(|kind| kind.kind);
                let leads_on = matches!(
                    kind,
                    Some(Kind::Instance | Kind::Dict | Kind::List | Kind::Tuple | Kind::Set)
                );
                if leads_on
                    && let Some(module) = self.names.text(name)
                    && let Some(key) = self.names.text(key)
                {
                    self.meet(value, None, Step::Module(module, key), STEPS_FROM_MODULES);
                }
            }
        }
        self.go();
    }

    /// Looks into what was met, until there is nothing left or everything is held.
    fn go(&mut self) {
        while self.holders.is_one_left() {
            let Some(met) = self.met.get(self.next) else { return };
            let (object, steps_left, from) = (met.object, met.steps_left, self.next);
            self.next += 1;
            let Some(steps_left) = steps_left.checked_sub(1) else { continue };
            for (step, part) in self.parts(object) {
                self.meet(part, Some(from), step, steps_left);
            }
        }
    }

    fn meet(&mut self, object: Addr, from: Option<usize>, step: Step, steps_left: usize) {
        if self.holders.is_one(object)
            && let Some((rank, name)) = self.describe(from, &step)
        {
            self.holders.add(object, rank, name);
        }
        if self.met.len() < MAX_OBJECTS && self.seen.insert(object) {
            self.met.push(Met { object, from, step, steps_left });
        }
    }

    /// What an object leads to, and by what step.
    fn parts(&self, object: Addr) -> Vec<(Step, Addr)> {
        let Some(kind) = self.types.of(object) else { return Vec::new() };
        let (objects, pointers) = (&self.objects, &self.objects.layout.pointers);
        let index = |items: Option<Vec<Addr>>| {
            let items = items.unwrap_or_default().into_iter().enumerate();
            items.map(|(nth, item)| (Step::Item(format!("[{nth}]")), item)).collect()
        };
        match kind.kind {
            Kind::Instance => {
                let slots = kind.slots.iter().filter_map(|(name, at)| {
                    Some((Step::Attribute(name.clone()), objects.pointer(object, *at)?))
                });
                let own = objects.attributes(object).into_iter().flatten().take(MAX_PARTS);
                let own = own.filter_map(|(key, value)| {
                    Some((Step::Attribute(self.names.text(key)?), value))
                });
                slots.chain(own).collect()
            }
            Kind::Dict => {
                let items = objects.dict_items(object).into_iter().flatten().take(MAX_PARTS);
                items.map(|(key, value)| (Step::Item(self.key(key)), value)).collect()
            }
            Kind::List => index(objects.list_items(object, MAX_PARTS as u64)),
            Kind::Tuple => index(objects.tuple_items(object, MAX_PARTS as u64)),
            Kind::Set => {
                let items = objects.set_items(object, MAX_PARTS).unwrap_or_default().into_iter();
                items.map(|item| (Step::Item("{…}".to_owned()), item)).collect()
            }
            Kind::Cell => {
                let content = objects.pointer(object, pointers.cell);
                content.map(|content| (Step::Same, content)).into_iter().collect()
            }
            Kind::Method => {
                let parts = [pointers.method_self, pointers.method_function].into_iter();
                let parts = parts.filter_map(|at| objects.pointer(object, at));
                parts.map(|part| (Step::Same, part)).collect()
            }
            Kind::Function => {
                let captured = captured(objects, object).unwrap_or_default().into_iter();
                let named = |(name, value)| Some((Step::Captured(self.names.text(name)?), value));
                captured.filter_map(named).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A key in brackets; a long one cut, a secret in it masked.
    fn key(&self, key: Addr) -> String {
        let text = match self.types.of(key).map(|kind| kind.kind) {
            Some(Kind::Str) => self.names.text(key),
            _ => None,
        };
        let Some(text) = text else { return "[…]".to_owned() };
        let masked = mask_text(text.raw());
        let cut: String = masked.chars().take(MAX_KEY).collect();
        let more = if cut.len() < masked.len() { "…" } else { "" };
        format!("['{cut}{more}']")
    }

    /// How what is at the end of this step is called: by the last step that has a name.
    fn describe<'s>(
        &'s self,
        mut from: Option<usize>,
        mut step: &'s Step,
    ) -> Option<(Rank, String)> {
        let mut items = String::new();
        loop {
            let before = from.and_then(|from| self.met.get(from));
            let rank = |rank| if items.is_empty() { rank } else { Rank::Part };
            match step {
                Step::Item(item) => items.insert_str(0, item),
                Step::Same => {}
                Step::Module(module, name) => {
                    let text = format!("{}.{}{items}", module.raw(), name.raw());
                    return Some((Rank::Part, text));
                }
                Step::Local(function, name) => {
                    let text = format!("local `{}{items}` of {}", name.raw(), function.raw());
                    return Some((rank(Rank::Local), text));
                }
                Step::Attribute(name) => {
                    let holder = before?.object;
                    let of = self.types.of(holder)?;
                    let of = of.name.raw();
                    let rank = if of.starts_with(OWN) { Rank::Part } else { rank(Rank::Attribute) };
                    let text = format!("attribute `{}{items}` of {of} at {holder}", name.raw());
                    return Some((rank, text));
                }
                Step::Captured(name) => {
                    let at = self.objects.layout.pointers.function_name;
                    let function = self.objects.pointer(before?.object, at)?;
                    let function = self.names.text(function)?;
                    let text = format!("variable `{}{items}` of {}", name.raw(), function.raw());
                    return Some((Rank::Part, text));
                }
            }
            let before = before?;
            (from, step) = (before.from, &before.step);
        }
    }
}
