//! Language runtimes: who lives in the process, and what its threads run.
//!
//! A runtime is detected in a preview of the process, and answers with a visitor. The same
//! visitor runs up to three times over [`Memory`]: on the running process, where it may fail and
//! only shows which pages it needs; while the threads are held; and over the recorded evidence,
//! where alone its results count. It knows no files, clocks or reports.

pub mod python;

use crate::addr::Addr;
use crate::module::Modules;
use crate::note::Note;
use crate::report::RuntimeSummary;
use crate::target::memory::{Fault, Memory};
use crate::target::{Mapping, Tid};
use crate::text::Text;

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
    /// Where the process lives in a pid namespace of its own: for each thread the id that it sees
    /// itself, and the one that the inspecting side sees. An id that is not in it is the same on
    /// both sides.
    pub inner_tids: &'a [(Tid, Tid)],
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
    /// The threads: the kernel's id, and where the runtime keeps its record of it.
    pub threads: Vec<(Tid, Addr)>,
    /// Why the list is not whole, if it is not: a limit, or a list that makes no sense.
    pub cut: Option<Text>,
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

    /// The stacks of those threads of the roster that `wanted` accepts. A thread that can not be
    /// read has a stack that ends with the reason.
    fn visit(
        &self,
        roster: &Roster,
        wanted: &dyn Fn(Tid) -> bool,
        memory: &dyn Memory,
    ) -> Vec<LanguageThread>;
}

/// A thread as a runtime knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanguageThread {
    /// The kernel's id.
    pub tid: Tid,
    /// What `pthread_self` returns in it.
    pub ident: u64,
    /// Its frames, innermost first.
    pub frames: Vec<LanguageFrame>,
    /// Why there are no more, if it is not because the last is the outermost.
    pub broken: Option<Text>,
}

/// One frame of a language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanguageFrame {
    /// The function's name, as a GMR prints it (`co_name`).
    pub function: Text,
    /// The source file, as the interpreter names it (`co_filename`).
    pub file: Text,
    /// The line, from 1.
    pub line: Option<u32>,
    /// Whether native code called it: the function that runs frames was entered anew for it.
    pub entry: bool,
    /// Whether the runtime itself does not show it: the function is entered, but not yet at its
    /// first line. It counts where frames are put to native activations, and is shown nowhere.
    pub hidden: bool,
}
