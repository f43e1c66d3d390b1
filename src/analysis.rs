//! From evidence to what the sections show: stacks unwound, named, and merged with those of the
//! language. Pure: the same evidence gives the same answer.

mod execution;
mod native;
mod option;
mod runtimes;

pub use execution::state_name;
pub use native::MAX_SHOWN;
use native::Shortened;

use crate::asked::Native;
use crate::config::oslo::registry::Registry;
use crate::config::settings::Settings;
use crate::evidence::Evidence;
use crate::merge;
use crate::module::{Module, Modules};
use crate::note::Note;
use crate::part::Kind;
use crate::report::{Execution, NamedObject, RuntimeSummary};
use crate::runtime::{LoadedModule, RegisteredSection, ReportWatcher, SignalHandler};
use crate::stack::StackEnd;
use crate::symbol;
use crate::symbol::source::Sources;
use crate::target::{MAX_PROCESSES, MAX_THREADS, Thread};
use crate::text::Text;

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
    /// The objects that sections of one's own show, in the order of these.
    pub own_objects: Vec<NamedObject>,
    /// The configurations of oslo.config in memory, those that the program called first.
    pub registries: Vec<Registry>,
    /// The settings in memory of programs of other makes.
    pub settings: Vec<Settings>,
    /// The modules of the language that are loaded, as far as their versions are known.
    pub loaded: Vec<LoadedModule>,
    /// Whether it is known which modules are loaded.
    pub knows_modules: bool,
    /// The sections that the program has registered for a report of its own.
    pub registered: Vec<RegisteredSection>,
    /// What it has set to be called on signals, but for defaults; `None` where that is not known.
    pub handlers: Option<Vec<SignalHandler>>,
    /// The files that it watches for a wish to report on itself.
    pub watchers: Vec<ReportWatcher>,
    /// Whether a lock was read that lets one thread at a time run a language: then a thread whose
    /// use of it is not told neither holds it nor waits for it.
    pub knows_gil: bool,
    /// What was noticed.
    pub notes: Vec<Note>,
}

/// Unwinds, names and merges everything that was recorded.
pub fn analyse(evidence: &Evidence) -> Analysis<'_> {
    let snapshot = &evidence.snapshot;
    let modules = Modules::new(&evidence.files, &snapshot.mappings);
    let mut notes = snapshot.notes.clone();
    let parts = &evidence.parts;
    let (visitors, visited);
    match parts.begin(Kind::Runtime, "") {
        Some(_part) => {
            visitors = runtimes::detect(evidence, &modules, &mut notes);
            visited = runtimes::visit(evidence, &visitors, &mut notes);
        }
        None => (visitors, visited) = (Vec::new(), runtimes::Interpreted::default()),
    }
    let asked = &snapshot.asked;
    let unwinding = match asked.native {
        Native::None => None,
        _ => parts.begin(Kind::Unwinding, ""),
    };
    let raw = match unwinding {
        Some(_part) => native::unwind(evidence, &modules),
        None => snapshot.threads.iter().map(|_| None).collect(),
    };
    let runs_language = |tid| visited.threads.contains_key(&tid);
    let of_threads = snapshot.threads.iter().zip(&raw).map(|(thread, raw)| {
        let all_lines = asked.native == Native::Lines || !runs_language(thread.facts.tid);
        (raw.as_ref(), all_lines)
    });
    let interpreters = visitors.iter().map(|visitor| visitor.interpreter());
    let interpreters: Vec<&Text> =
        interpreters.filter_map(|addr| Some(modules.find(addr)?.path())).collect();
    let is_machinery = |addr| {
        let module = modules.find(addr).map(Module::path);
        module.is_some_and(|path| interpreters.contains(&path) || merge::is_of_c_library(path))
    };
    let lookups = native::lookups(of_threads, is_machinery);
    let known = symbol::resolve(&lookups, &modules, &evidence.files, parts, &mut notes);
    let secrets = asked.secrets;
    let sources = Sources::new(&evidence.files, snapshot.target.directory.clone(), secrets);
    let threads = snapshot.threads.iter().zip(raw).map(|(thread, raw)| {
        let language = visited.threads.get(&thread.facts.tid);
        let base = language.and_then(|(language, _)| language.base);
        let (own, beneath) = raw.map(|raw| raw.split_at(base)).unzip();
        let shown = |raw: &Shortened| native::shown(raw, thread, &modules, &known);
        let unread = || native::unread(thread, asked.native);
        let native = own.as_ref().map_or_else(unread, shown);
        let beneath = beneath.flatten().as_ref().map(shown);
        let mut execution =
            execution::thread(thread, native, beneath, language, asked, &modules, &sources);
        execution.gil = visited.gil(thread);
        execution.collecting = visited.holders.get(&thread.facts.tid) == Some(&true);
        execution
    });
    let threads: Vec<Execution> = threads.collect();
    let knows_gil = visited.knows_gil();
    let green = visited.green.map(|green| {
        let shown = |green| execution::green_thread(green, secrets, &sources);
        green.into_iter().map(shown).collect()
    });
    let mut found = visited.objects.into_iter();
    let nowhere = || Err(Text::from("no runtime that could have it was recognized"));
    let environment = |name: &str| snapshot.target.variable(name).map(str::to_owned);
    let mut options = option::Options::new(&visited.registries, &environment, secrets);
    let named = |path| {
        let reached = found.next().unwrap_or_else(nowhere);
        execution::named(path, reached.map(|reached| options.value(path, reached, &mut notes)))
    };
    let mut objects: Vec<NamedObject> = snapshot.asked.paths().map(named).collect();
    let own_objects = objects.split_off(snapshot.asked.objects.len().min(objects.len()));
    notes.extend(cut(evidence));
    if asked.native != Native::None {
        notes.extend(incomplete(&snapshot.threads, &threads));
    }
    let runtimes = visitors
        .iter()
        .map(|visitor| {
            let module = modules.find(visitor.interpreter());
            (visitor.summary(), module.map(|module| module.path().clone()))
        })
        .collect();
    let (registries, settings) = (visited.registries, visited.settings);
    let (loaded, registered) = (visited.loaded, visited.registered);
    let knows_modules = visited.knows_modules;
    let (handlers, watchers) = (visited.handlers, visited.watchers);
    Analysis {
        evidence,
        modules,
        runtimes,
        threads,
        green,
        objects,
        own_objects,
        registries,
        settings,
        loaded,
        knows_modules,
        registered,
        handlers,
        watchers,
        knows_gil,
        notes,
    }
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
