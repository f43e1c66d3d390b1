//! Language runtimes: who lives in the process, and what its threads run.
//!
//! A runtime is detected in a preview of the process, and answers with a visitor. The same
//! visitor runs up to three times over [`Memory`]: on the running process, where it may fail and
//! only shows which pages it needs; while the threads are held; and over the recorded evidence,
//! where alone its results count. It knows no files, clocks or reports.

pub mod python;

use crate::addr::Addr;
use crate::asked::Asked;
use crate::config::oslo::registry::Registry;
use crate::config::settings::Settings;
use crate::module::Modules;
use crate::note::Note;
use crate::report::{Awaited, ExecutionKind, Role, RuntimeSummary};
use crate::target::memory::{Fault, Memory};
use crate::target::search::{Search, SearchRequest};
use crate::target::{Mapping, Tid};
use crate::text::Text;
use crate::value::{Local, Value};

/// The runtimes that guru knows, in the order in which they are asked.
pub const RUNTIMES: &[&dyn Runtime] = &[&python::Python];

/// What a runtime may look at to find out whether it is there.
#[derive(Clone, Copy)]
pub struct Preview<'a, 'm> {
    /// The mappings of the process, sorted by address.
    pub mappings: &'a [Mapping],
    /// Its mapped ELF files.
    pub modules: &'a Modules<'m>,
    /// Its memory: live and moving, or recorded.
    pub memory: &'a dyn Memory,
    /// The threads: the id that the process sees itself, which differs in a pid namespace, and the
    /// one that the inspecting side sees.
    pub tids: &'a [(Tid, Tid)],
    /// The thread that the process began with, as the inspecting side sees it: its stack is the
    /// mapping `[stack]`.
    pub first: Tid,
}

/// A language runtime.
pub trait Runtime: Sync {
    /// Finds the runtime in the process. Its layout is checked against the memory before it is
    /// believed; what was found but can not be read is a note.
    fn detect(&self, process: &Preview<'_, '_>, notes: &mut Vec<Note>) -> Option<Box<dyn Visitor>>;
}

/// The threads that the runtime itself knows, at one instant.
///
/// A roster that was read before a thread was stopped, and still holds while all stand still, proves
/// that what was recorded in between belongs together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// A number that is another one after a thread was added.
    pub generation: u64,
    /// The threads: the kernel's id, 0 if that can not be had or is none of a thread of the process,
    /// and where the runtime keeps its record of it.
    pub threads: Vec<(Tid, Addr)>,
    /// Why the list is not whole, if it is not: a limit, or a list that makes no sense.
    pub cut: Option<Text>,
    /// How many of the records name a thread that is none of the process's: it has ended or just
    /// begun, or the record lies.
    pub strangers: usize,
}

/// Reads one found runtime.
pub trait Visitor: Send + Sync {
    /// What was found, for the report.
    fn summary(&self) -> RuntimeSummary;

    /// The module that holds the interpreter's machine code, by an address in it.
    fn interpreter(&self) -> Addr;

    /// Whether a native function is the one that runs frames of the language: the place where
    /// its frames belong into a native stack.
    fn runs_frames(&self, function: &str) -> bool;

    /// The threads that the runtime knows.
    fn roster(&self, memory: &dyn Memory) -> Result<Roster, Fault>;

    /// Whether the roster holds at this instant, at which all threads stand still.
    ///
    /// It was read, with this result, when the threads that `free` does not accept had been stopped
    /// for good; the others ran on since. So what can have changed is what these do: add threads,
    /// and remove themselves. Only that is looked at, since whoever runs stands still for it. On any
    /// doubt the answer is no.
    fn holds(&self, roster: &Roster, free: &dyn Fn(Tid) -> bool, memory: &dyn Memory) -> bool;

    /// What must be searched for in the whole memory, before anything is held, because no list of
    /// the runtime's leads to it.
    fn search_for(&self, memory: &dyn Memory) -> SearchRequest;

    /// Looks at what a search found, and keeps what is really there, with the thread that owns it.
    fn sift(&self, search: &mut Search, roster: &Roster, memory: &dyn Memory);

    /// The threads and green threads that are wanted, and the objects that were asked for. What
    /// can not be read ends with the reason.
    fn visit(&self, visit: &Visit<'_>, memory: &dyn Memory) -> Visited;
}

/// What there is to read of a runtime, by how it lasts: that decides when it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What belongs to this thread. It stands still while the thread does.
    Thread(Tid),
    /// What changes at any moment and belongs to no thread: locks, objects that were asked for. It
    /// is read while all threads stand still.
    Moment,
    /// What is made once and seldom changes: configuration, the modules that are loaded. It is read
    /// before running threads are stopped.
    Lasting,
}

impl Part {
    /// What belongs to this thread, or to none that is known.
    pub fn of(owner: Option<Tid>) -> Part {
        owner.map_or(Part::Moment, Part::Thread)
    }
}

/// What a visitor is to read.
#[derive(Clone, Copy)]
pub struct Visit<'a> {
    /// The threads that the runtime knows.
    pub roster: &'a Roster,
    /// Which parts are wanted.
    pub wanted: &'a dyn Fn(Part) -> bool,
    /// What the user asked for beyond stacks.
    pub asked: &'a Asked,
    /// What was found by the search before the hold, if there was one.
    pub search: &'a Search,
    /// Whether only the memory that it takes is to be read, and nothing be made of it: threads
    /// stand still.
    pub pages_only: bool,
}

/// An object that was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reached {
    /// The object.
    pub value: Value,
    /// The option of oslo.config that it is, or is a part of.
    pub option: Option<ReachedOption>,
}

/// An option of oslo.config on the way to an object.
#[derive(Clone, Debug, PartialEq)]
pub struct ReachedOption {
    /// The `ConfigOpts`.
    pub config: Addr,
    /// The group, if it is in one.
    pub group: Option<String>,
    /// Its name (`dest`).
    pub name: String,
    /// Whether the path ends with it.
    pub is_whole: bool,
    /// Whether the object is what the program was answered, and not what an answer is made of.
    pub is_answer: bool,
    /// Where the object comes from, in words.
    pub origin: &'static str,
}

/// What a visitor read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Visited {
    /// The threads, by id.
    pub threads: Vec<LanguageThread>,
    /// The green threads; `None` where the runtime was not found to have any kind of them.
    pub green: Option<Vec<GreenThread>>,
    /// The locks that let one thread at a time run the language: where threads wait for each, and
    /// how long that part of it is. A thread that waits for a futex in it waits for the lock.
    pub locks: Vec<(Addr, u64)>,
    /// The threads that hold such a lock, and whether they collect garbage.
    pub holders: Vec<(Tid, bool)>,
    /// The objects that were asked for, in that order, or why there is none.
    pub objects: Vec<Result<Reached, Text>>,
    /// The configurations of oslo.config, those that the program called first.
    pub registries: Vec<Registry>,
    /// The secrets in these, which must not be stored.
    pub secrets: Vec<String>,
    /// The settings of programs of other makes.
    pub settings: Vec<Settings>,
    /// The modules that are loaded, as far as their versions are known.
    pub loaded: Vec<LoadedModule>,
    /// Whether it is known which modules are loaded.
    pub knows_modules: bool,
    /// The sections that the program has registered for a report of its own.
    pub registered: Vec<RegisteredSection>,
    /// What the program has set to be called on signals, but for defaults; `None` where the
    /// language keeps no such table, or it was not found.
    ///
    /// It is what the language knows. Native code that set a handler behind its back (uWSGI's
    /// workers, `faulthandler`) is not in it: such a signal is not listed, or with the function
    /// that was replaced. Which signals are caught at all only the kernel tells.
    pub handlers: Option<Vec<SignalHandler>>,
    /// The files that it watches for a wish to report on itself.
    pub watchers: Vec<ReportWatcher>,
    /// What was noticed.
    pub notes: Vec<Note>,
}

/// What a signal does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalHandler {
    /// The signal, by its number.
    pub signal: i32,
    /// What handles it.
    pub handler: Handler,
}

/// What handles a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handler {
    /// A Guru Meditation Report: it makes the process report on itself.
    Report(OwnReport),
    /// Another function of the language.
    Function {
        /// What it is, from outside inwards, with its module: `the method
        /// cotyledon._service.SignalManager._signal_catcher`, `functools.partial of mini.stop`.
        name: Text,
        /// Where the function is defined that is called in the end, if it is one of the language.
        file: Option<Text>,
        /// The line there.
        line: Option<u32>,
    },
    /// Native code that was there before the runtime started.
    Native,
}

/// How a process reports on itself, by oslo.reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnReport {
    /// The class of the report: `TextGuruMeditation`.
    pub class: Text,
    /// The directory that a new file is written into, instead of standard error.
    pub log_dir: Option<Text>,
    /// What the name of that file begins with; else the name of the outermost source file.
    pub service: Option<Text>,
}

/// A flow of control that waits for a file to be written, to report then.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportWatcher {
    /// The file.
    pub file: Text,
    /// How often it is looked at, in seconds.
    pub interval: Option<f64>,
    /// The thread that looks, or that the green thread runs in; 0 if it is none of the process's.
    pub thread: Option<Tid>,
    /// Whether it is a green thread: it looks only when no other runs for long.
    pub green: bool,
    /// What comes of it.
    pub report: OwnReport,
}

/// A module that is loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoadedModule {
    /// Its name: `oslo_config`.
    pub name: Text,
    /// Its file (`__file__`).
    pub file: Option<Text>,
    /// The version that it tells (`__version__`).
    pub version: Option<Text>,
}

/// A section that the program has registered with oslo.reports for a report of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegisteredSection {
    /// Its title.
    pub title: Text,
    /// What makes it: `mini.extra_section`.
    pub generator: Text,
}

/// A thread as a runtime knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LanguageThread {
    /// The kernel's id.
    pub tid: Tid,
    /// What `pthread_self` returns in it.
    pub ident: u64,
    /// The name that the program gave it.
    pub name: Option<Text>,
    /// Where on the machine's stack what its frames belong to begins, where that is not the begin
    /// of the stack: a green thread runs on it. What lies further out belongs to others.
    pub base: Option<Addr>,
    /// Its frames, innermost first.
    pub frames: Vec<LanguageFrame>,
    /// Why there are no more, if it is not because the last is the outermost.
    pub broken: Option<Text>,
}

/// A flow of control of the runtime's making.
#[derive(Clone, Debug, PartialEq)]
pub struct GreenThread {
    /// Of what make.
    pub kind: ExecutionKind,
    /// The object that stands for it.
    pub address: Addr,
    /// The type of that, with its module: `eventlet.greenthread.GreenThread`.
    pub type_name: Text,
    /// The name that the program gave it.
    pub name: Option<Text>,
    /// What it is for.
    pub role: Option<Role>,
    /// `running`, `suspended`, `unstarted`, `dead`; of a task `pending`, `done`, `cancelled` …
    pub state: &'static str,
    /// The thread that it runs in.
    pub owner: Option<Tid>,
    /// What it waits for, as far as that can be told.
    pub awaits: Vec<Awaited>,
    /// Its frames, innermost first.
    pub frames: Vec<LanguageFrame>,
    /// Why there are no more, if it is not because the last is the outermost.
    pub broken: Option<Text>,
}

/// One frame of a language.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LanguageFrame {
    /// Where the runtime keeps it.
    pub address: Addr,
    /// The function's name, as a GMR prints it (`co_name`).
    pub function: Text,
    /// The same with the classes and functions that it was defined in (`co_qualname`).
    pub qualified_name: Option<Text>,
    /// The source file, as the interpreter names it (`co_filename`).
    pub file: Text,
    /// The line, from 1.
    pub line: Option<u32>,
    /// Whether native code called it: the function that runs frames was entered anew for it.
    pub entry: bool,
    /// Where on the machine's stack it was called, if it was and that is known: an address in the
    /// native frame of the function that runs frames.
    pub activation: Option<Addr>,
    /// Whether the runtime itself does not show it: the function is entered, but not yet at its
    /// first line. It counts where frames are put to native activations, and is shown nowhere.
    pub hidden: bool,
    /// Its local variables, if they were asked for.
    pub locals: Vec<Local>,
}
