//! Native stacks: unwound, shortened where they are very deep, and named.

use std::collections::{BTreeMap, HashMap};

use crate::addr::Addr;
use crate::asked::Native;
use crate::evidence::Evidence;
use crate::module::Modules;
use crate::native::{RawEnd, RawFrame, RawStack, Unwinder};
use crate::stack::{Frame, Language, Omitted, Stack, StackEnd};
use crate::symbol::{self, Detail, Function};
use crate::target::memory::FaultKind;
use crate::target::{Consistency, Thread};

/// The most native frames of one stack that are shown: half of them outermost, half innermost.
pub const MAX_SHOWN: usize = 1024;

/// The raw stacks of the threads, in their order; `None` for one without registers.
pub fn unwind(evidence: &Evidence, modules: &Modules<'_>) -> Vec<Option<Shortened>> {
    let snapshot = &evidence.snapshot;
    let unwinder = Unwinder::new(modules, &snapshot.mappings, &snapshot.memory);
    let threads = snapshot.threads.iter();
    threads.map(|thread| Some(Shortened::of(unwinder.unwind(thread.registers.as_ref()?)))).collect()
}

/// A raw stack without its middle, if it is very deep: innermost first.
pub struct Shortened {
    inner: Vec<RawFrame>,
    outer: Vec<RawFrame>,
    omitted: usize,
    end: RawEnd,
}

impl Shortened {
    fn of(raw: RawStack) -> Shortened {
        let mut inner = raw.frames;
        let mut outer = Vec::new();
        let mut omitted = 0;
        if inner.len() > MAX_SHOWN {
            outer = inner.split_off(inner.len() - MAX_SHOWN / 2);
            omitted = inner.len() - MAX_SHOWN / 2;
            inner.truncate(MAX_SHOWN / 2);
            inner.shrink_to_fit();
        }
        Shortened { inner, outer, omitted, end: raw.end }
    }

    /// Takes off what lies further out than `base`, if a part of the stack does.
    pub fn split_at(mut self, base: Option<Addr>) -> (Shortened, Option<Shortened>) {
        let further = |frame: &RawFrame| frame.sp.zip(base).is_some_and(|(sp, base)| sp >= base);
        let Some(own) = self.inner.iter().position(further).filter(|own| *own > 0) else {
            return (self, None);
        };
        let beneath = Shortened { inner: self.inner.split_off(own), ..self };
        let (inner, outer) = (self.inner, Vec::new());
        (Shortened { inner, outer, omitted: 0, end: RawEnd::Root }, Some(beneath))
    }

    fn frames(&self) -> impl Iterator<Item = &RawFrame> {
        self.inner.iter().chain(&self.outer)
    }
}

/// The addresses of these stacks that are to be named. With each stack stands whether lines are
/// wanted even of what `is_machinery`.
pub fn lookups<'s>(
    stacks: impl Iterator<Item = (Option<&'s Shortened>, bool)>,
    is_machinery: impl Fn(Addr) -> bool,
) -> BTreeMap<Addr, Detail> {
    let mut wanted = BTreeMap::new();
    for (stack, all_lines) in stacks {
        for frame in stack.into_iter().flat_map(Shortened::frames) {
            let detail = if all_lines { Detail::Lines } else { Detail::Name };
            let known = wanted.entry(frame.address.lookup()).or_insert(detail);
            *known = detail.max(*known);
        }
    }
    for (addr, detail) in &mut wanted {
        if *detail == Detail::Name && !is_machinery(*addr) {
            *detail = Detail::Lines;
        }
    }
    wanted
}

/// A raw stack with names, outermost first.
pub fn shown(
    raw: &Shortened,
    thread: &Thread,
    modules: &Modules<'_>,
    known: &HashMap<Addr, Vec<Function>>,
) -> Stack {
    let named = |frames: &[RawFrame]| -> Vec<Frame> {
        frames.iter().rev().flat_map(|frame| frames_at(frame, modules, known)).collect()
    };
    let mut frames = named(&raw.outer);
    let omitted = (raw.omitted > 0).then_some(Omitted { after: frames.len(), frames: raw.omitted });
    frames.extend(named(&raw.inner));
    Stack { frames, omitted, end: end(&raw.end, thread) }
}

fn end(end: &RawEnd, thread: &Thread) -> StackEnd {
    match end {
        RawEnd::Root => StackEnd::Root,
        RawEnd::Limit => StackEnd::Limit("more frames than guru walks".into()),
        RawEnd::Fault(fault) if thread.cut && fault.kind == FaultKind::NotRecorded => {
            StackEnd::Limit("the rest of the stack was not recorded (over the budget)".into())
        }
        RawEnd::Fault(fault) => StackEnd::Broken(fault.to_string().into()),
        RawEnd::NoRules(addr) => {
            StackEnd::Broken(format!("no unwind information for {addr}").into())
        }
        RawEnd::Loop(addr) => {
            StackEnd::Broken(format!("the stack goes back on itself at {addr}").into())
        }
        RawEnd::Rules(addr) => {
            StackEnd::Broken(format!("the unwind information for {addr} is of no use").into())
        }
    }
}

/// The frames that an address stands for: the function and what was inlined into it, outermost
/// first.
fn frames_at(
    raw: &RawFrame,
    modules: &Modules<'_>,
    known: &HashMap<Addr, Vec<Function>>,
) -> Vec<Frame> {
    let place = symbol::place(raw.address, modules, known);
    let frame = |function: Function, inlined: bool| Frame {
        function: function.name,
        file: function.file,
        line: function.line,
        module: place.module.clone(),
        address: Some(raw.address.shown()),
        module_address: place.module_address,
        inlined,
        sp: raw.sp,
        ..Frame::new(Language::Native, raw.trust)
    };
    let mut functions = place.functions.clone();
    let mut outermost = functions.pop().unwrap_or_default();
    if raw.signal {
        // As gdb says it: the C library's name for the place would tell nobody.
        outermost.name = Some("<signal handler called>".into());
    }
    let mut frames = vec![frame(outermost, false)];
    frames.extend(functions.into_iter().rev().map(|function| frame(function, true)));
    frames
}

/// Why there is no stack.
pub fn unread(thread: &Thread, asked: Native) -> Stack {
    let why = if asked == Native::None {
        "native stacks were not asked for"
    } else if thread.facts.kernel {
        "it belongs to the kernel and has no user stack"
    } else if thread.seen == Consistency::Stopped {
        "its registers could not be read"
    } else {
        "it was running and could not be stopped"
    };
    Stack { frames: Vec::new(), omitted: None, end: StackEnd::Unread(why.into()) }
}
