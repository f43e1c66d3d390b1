//! From evidence to what the sections show: stacks unwound, named, and merged with those of the
//! language. Pure: the same evidence gives the same answer.

use std::collections::{BTreeSet, HashMap};

use crate::addr::Addr;
use crate::arch::Registers;
use crate::evidence::Evidence;
use crate::merge;
use crate::module::Modules;
use crate::native::{RawEnd, RawFrame, RawStack, Unwinder};
use crate::note::Note;
use crate::report::{Execution, ExecutionKind, GilUse, NamedObject, RuntimeSummary};
use crate::runtime::{self, GreenThread, LanguageThread, Preview, Visit, Visitor};
use crate::stack::{Frame, Language, Omitted, Stack, StackEnd};
use crate::symbol::source::Sources;
use crate::symbol::{self, Function};
use crate::target::memory::FaultKind;
use crate::target::search::Search;
use crate::target::{Consistency, MAX_PROCESSES, MAX_THREADS, Thread, Tid};
use crate::text::Text;
use crate::value::Value;

/// The most native frames of one stack that are shown: half of them outermost, half innermost.
pub const MAX_SHOWN: usize = 1024;

/// What the sections are built from.
pub struct Analysis<'a> {
    /// What it was made of.
    pub evidence: &'a Evidence,
    /// The mapped ELF files.
    pub modules: Modules<'a>,
    /// The language runtimes that were found, each with the path of the module it lies in.
    pub runtimes: Vec<(RuntimeSummary, Option<Text>)>,
    /// The threads, by id.
    pub threads: Vec<Execution>,
    /// The green threads; `None` where no runtime that could have them was found to have any.
    pub green: Option<Vec<Execution>>,
    /// The objects that were asked for.
    pub objects: Vec<NamedObject>,
    /// What was noticed.
    pub notes: Vec<Note>,
}

/// Unwinds, names and merges everything that was recorded.
pub fn analyse(evidence: &Evidence) -> Analysis<'_> {
    let snapshot = &evidence.snapshot;
    let modules = Modules::new(&evidence.files, &snapshot.mappings);
    let mut notes = snapshot.notes.clone();
    let visitors = detect(evidence, &modules, &mut notes);
    let visited = visit(evidence, &visitors, &mut notes);
    let raw = unwind(evidence, &modules);
    let known = symbol::resolve(&lookups(&raw), &modules, &evidence.files);
    let sources = Sources::new(&evidence.files, snapshot.target.directory.clone());
    let threads = snapshot.threads.iter().zip(raw).map(|(thread, raw)| {
        let language = visited.threads.get(&thread.facts.tid);
        let base = language.and_then(|(language, _)| language.base);
        let (own, beneath) = raw.map(|raw| raw.split_at(base)).unzip();
        let shown = |raw: &Shortened| shown(raw, thread, &modules, &known);
        let native = own.as_ref().map_or_else(|| unread(thread), shown);
        let beneath = beneath.flatten().as_ref().map(shown);
        let mut execution = execution(thread, native, beneath, language, &modules, &sources);
        execution.gil = visited.gil(thread);
        execution.collecting = visited.holders.get(&thread.facts.tid) == Some(&true);
        execution
    });
    let threads: Vec<Execution> = threads.collect();
    let green = visited
        .green
        .map(|green| green.into_iter().map(|green| green_execution(green, &sources)).collect());
    let objects = snapshot.asked.objects.iter().zip(visited.objects);
    let objects = objects.map(|(path, object)| named(path, object)).collect();
    notes.extend(cut(evidence));
    notes.extend(incomplete(&snapshot.threads, &threads));
    let runtimes = visitors
        .iter()
        .map(|visitor| {
            let module = modules.find(visitor.interpreter());
            (visitor.summary(), module.map(|module| module.path().clone()))
        })
        .collect();
    Analysis { evidence, modules, runtimes, threads, green, objects, notes }
}

fn detect(
    evidence: &Evidence,
    modules: &Modules<'_>,
    notes: &mut Vec<Note>,
) -> Vec<Box<dyn Visitor>> {
    let threads = &evidence.snapshot.threads;
    let tids: Vec<(Tid, Tid)> = threads.iter().map(|thread| thread.facts.tids()).collect();
    let preview = Preview {
        mappings: &evidence.snapshot.mappings,
        modules,
        memory: &evidence.snapshot.memory,
        tids: &tids,
        first: evidence.snapshot.target.process.pid,
    };
    runtime::RUNTIMES.iter().filter_map(|runtime| runtime.detect(&preview, notes)).collect()
}

/// What the runtimes know.
#[derive(Default)]
struct Interpreted<'v> {
    /// What each thread runs, with the visitor that knows.
    threads: HashMap<Tid, (LanguageThread, &'v dyn Visitor)>,
    green: Option<Vec<GreenThread>>,
    objects: Vec<Result<Value, Text>>,
    /// Where threads wait for a lock that lets one at a time run a language.
    locks: Vec<(Addr, u64)>,
    /// Who holds such a lock, and whether it collects garbage.
    holders: HashMap<Tid, bool>,
}

impl Interpreted<'_> {
    fn gil(&self, thread: &Thread) -> Option<GilUse> {
        if self.holders.contains_key(&thread.facts.tid) {
            return Some(GilUse::Holds);
        }
        let in_lock = |at: Addr| {
            self.locks.iter().any(|(start, len)| (start.0..start.0 + len).contains(&at.0))
        };
        // Where it waited before the stop; and still does, as far as its registers tell.
        let futex = thread.facts.wait.as_ref().and_then(|wait| wait.futex)?;
        let argument = thread.registers.as_ref().and_then(Registers::first_argument);
        (in_lock(futex) && argument.is_none_or(in_lock)).then_some(GilUse::Waits)
    }
}

fn visit<'v>(
    evidence: &Evidence,
    visitors: &'v [Box<dyn Visitor>],
    notes: &mut Vec<Note>,
) -> Interpreted<'v> {
    let snapshot = &evidence.snapshot;
    let (memory, asked) = (&snapshot.memory, &snapshot.asked);
    let mut known = Interpreted::default();
    let none = Search::default();
    for (nth, visitor) in visitors.iter().enumerate() {
        let search = snapshot.searches.get(nth).unwrap_or(&none);
        let name = visitor.summary().name;
        match visitor.roster(memory) {
            Ok(roster) => {
                if let Some(why) = &roster.cut {
                    notes.push(Note::missing(name.as_str(), why.clone()));
                }
                let wanted = &|_| true;
                let visit = Visit { roster: &roster, wanted, asked, search, pages_only: false };
                let visited = visitor.visit(&visit, memory);
                for thread in visited.threads {
                    known.threads.insert(thread.tid, (thread, &**visitor));
                }
                if let Some(green) = visited.green {
                    known.green.get_or_insert_default().extend(green);
                }
                known.objects = visited.objects;
                known.locks.extend(visited.locks);
                known.holders.extend(visited.holders);
                notes.extend(visited.notes);
            }
            Err(fault) => {
                let text = format!("its threads could not be listed: {fault}; native stacks only");
                notes.push(Note::missing(name.as_str(), text));
            }
        }
    }
    known
}

/// The raw stacks of the threads, in their order; `None` for one without registers.
fn unwind(evidence: &Evidence, modules: &Modules<'_>) -> Vec<Option<Shortened>> {
    let snapshot = &evidence.snapshot;
    let unwinder = Unwinder::new(modules, &snapshot.mappings, &snapshot.memory);
    let threads = snapshot.threads.iter();
    threads.map(|thread| Some(Shortened::of(unwinder.unwind(thread.registers.as_ref()?)))).collect()
}

/// A raw stack without its middle, if it is very deep: innermost first.
struct Shortened {
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
    fn split_at(mut self, base: Option<Addr>) -> (Shortened, Option<Shortened>) {
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

fn lookups(stacks: &[Option<Shortened>]) -> BTreeSet<Addr> {
    let frames = stacks.iter().flatten().flat_map(Shortened::frames);
    frames.map(|frame| frame.address.lookup()).collect()
}

/// A raw stack with names, outermost first.
fn shown(
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
        source: None,
        module: place.module.clone(),
        address: Some(raw.address.shown()),
        module_address: place.module_address,
        language: Language::Native,
        inlined,
        trust: raw.trust,
        internal: false,
        sp: raw.sp,
        qualified_name: None,
        locals: Vec::new(),
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

fn unread(thread: &Thread) -> Stack {
    let why = if thread.facts.kernel {
        "it belongs to the kernel and has no user stack"
    } else if thread.seen == Consistency::Stopped {
        "its registers could not be read"
    } else {
        "it was running and could not be stopped"
    };
    Stack { frames: Vec::new(), omitted: None, end: StackEnd::Unread(why.into()) }
}

fn execution(
    thread: &Thread,
    native: Stack,
    beneath: Option<Stack>,
    language: Option<&(LanguageThread, &dyn Visitor)>,
    modules: &Modules<'_>,
    sources: &Sources<'_>,
) -> Execution {
    let facts = &thread.facts;
    let mut notes = Vec::new();
    if thread.seen == Consistency::Torn {
        let text = "it moved while it was looked at: its stack may be a mixture";
        notes.push(Note::missing(format!("thread {}", facts.tid), text));
    }
    let mut ident = thread.registers.as_ref().and_then(|registers| registers.thread_pointer);
    let (mut stack, mut native_stack) = (native, None);
    let mut runtime_name = None;
    if let Some((language, visitor)) = language {
        runtime_name.clone_from(&language.name);
        ident = Some(Addr(language.ident));
        let interpreter = modules.find(visitor.interpreter()).map(|module| module.path());
        let merged = merge::merge(
            stack,
            language,
            &merge::Runtime {
                language: Language::Python,
                name: "Python",
                runs_frames: &|function| visitor.runs_frames(function),
                interpreter,
            },
        );
        stack = merged.stack;
        native_stack = merged.native_stack;
        notes.extend(merged.notes);
    }
    if let Some(beneath) = beneath {
        let text = format!(
            "it runs a greenlet: {} native frames further out belong to those beneath it",
            beneath.frames.len()
        );
        notes.push(Note::remark(format!("thread {}", facts.tid), text));
        stack = on(beneath, stack);
    }
    for stack in std::iter::once(&mut stack).chain(native_stack.as_mut()) {
        add_sources(stack, sources);
    }
    Execution {
        kind: ExecutionKind::Thread,
        runtime_name,
        tid: Some(facts.tid),
        ident: ident.filter(|ident| !ident.is_null()).map(|ident| ident.0),
        name: Some(facts.name.clone()),
        state: Some(state_name(facts.state).to_owned()),
        waits: facts.wait.clone(),
        stack,
        native_stack,
        notes,
        ..Execution::default()
    }
}

/// A stack on top of what does not belong to it.
fn on(mut beneath: Stack, stack: Stack) -> Stack {
    let count = beneath.frames.len();
    beneath.frames.iter_mut().for_each(|frame| frame.internal = true);
    beneath.frames.extend(stack.frames);
    let omitted = stack.omitted.map(|gap| Omitted { after: gap.after + count, ..gap });
    Stack { omitted: beneath.omitted.or(omitted), ..beneath }
}

/// A green thread for the report.
fn green_execution(green: GreenThread, sources: &Sources<'_>) -> Execution {
    let frames = green.frames.iter().rev().filter(|frame| !frame.hidden);
    let frames = frames.map(|frame| merge::frame(frame, Language::Python)).collect();
    let end = green.broken.map_or(StackEnd::Root, StackEnd::Broken);
    let mut stack = Stack { frames, omitted: None, end };
    add_sources(&mut stack, sources);
    Execution {
        kind: green.kind,
        address: Some(green.address),
        tid: green.owner,
        name: green.name,
        type_name: Some(green.type_name),
        role: green.role,
        state: Some(green.state.to_owned()),
        awaits: green.awaits,
        stack,
        ..Execution::default()
    }
}

fn named(path: &str, object: Result<Value, Text>) -> NamedObject {
    let (value, missing) = match object {
        Ok(value) => (Some(value), None),
        Err(why) => (None, Some(why)),
    };
    NamedObject { path: path.to_owned(), value, missing }
}

/// What is missing because a limit was reached before anything was recorded.
fn cut(evidence: &Evidence) -> Vec<Note> {
    let snapshot = &evidence.snapshot;
    let mut notes = Vec::new();
    if snapshot.threads.len() >= MAX_THREADS {
        notes.push(Note::missing("threads", format!("only {MAX_THREADS} are looked at")));
    }
    if snapshot.descendants.len() >= MAX_PROCESSES {
        let text = format!("only {MAX_PROCESSES} descendants are looked at");
        notes.push(Note::missing("processes", text));
    }
    for process in std::iter::once(&snapshot.target.process).chain(&snapshot.descendants) {
        if process.cut {
            let text = "its command line or environment is too long: only the beginning was read";
            notes.push(Note::missing(format!("process {}", process.pid), text));
        }
    }
    notes
}

/// That stacks end before the thread begins, if any do. A thread of the kernel has none.
fn incomplete(threads: &[Thread], executions: &[Execution]) -> Option<Note> {
    let whole = |execution: &Execution| {
        let mut stacks = std::iter::once(&execution.stack).chain(&execution.native_stack);
        stacks.all(|stack| stack.end == StackEnd::Root)
    };
    let of_process = threads.iter().zip(executions).filter(|(thread, _)| !thread.facts.kernel);
    let count = of_process.filter(|(_, execution)| !whole(execution)).count();
    let text = format!("{count} of {} stacks are not whole: each says why", executions.len());
    (count > 0).then(|| Note::missing("threads", text))
}

fn add_sources(stack: &mut Stack, sources: &Sources<'_>) {
    for frame in &mut stack.frames {
        if let (Some(file), Some(line)) = (&frame.file, frame.line) {
            frame.source = sources.line(file, line);
        }
    }
}

/// The kernel's letter for a state, as a word (`task_state_array` of the kernel's
/// `fs/proc/array.c`).
pub fn state_name(letter: char) -> &'static str {
    match letter {
        'R' => "running",
        'S' => "sleeping",
        'D' => "disk sleep",
        'T' => "stopped",
        't' => "tracing stop",
        'Z' => "zombie",
        'X' | 'x' => "dead",
        'I' => "idle",
        'P' => "parked",
        _ => "unknown",
    }
}
