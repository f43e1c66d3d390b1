//! The table of signal handlers of `Modules/signalmodule.c`, which has one entry for each signal:
//! `{ int tripped; PyObject *func; } Handlers[Py_NSIG]`, the same in all versions.
//!
//! To 3.11 it is a static variable, which most distributions strip the name of; since, it is a part
//! of `_PyRuntime` (`signals.handlers`), of which no offset is told. So it is searched for, where it
//! can be, by what must be true of it: every signal has a handler, those that nobody can catch have
//! the default one, and those that the C library keeps to itself have none that Python knows.

use std::collections::HashMap;

use crate::addr::Addr;
use crate::module::Module;
use crate::runtime::python::Version;
use crate::runtime::python::callable::Callables;
use crate::runtime::python::objects::Objects;
use crate::target::memory::MemoryExt as _;
use crate::target::search::{Search, TableRequest};

/// The last signal (`Py_NSIG` is 65 on Linux, whatever the C library). Entry 0 is not used.
const LAST: usize = 64;

/// The size of an entry, and of the table.
const ENTRY: usize = 16;
const SIZE: usize = (LAST + 1) * ENTRY;

/// SIGKILL and SIGSTOP, which have no handler but the default one.
const NEVER_CAUGHT: [usize; 2] = [9, 19];

/// The signals that glibc and musl keep to themselves: Python is told an error when it asks for
/// their handlers, and puts `None` there.
pub const KEPT: [usize; 2] = [32, 33];

/// How much of `_PyRuntime` is searched: what comes before the table takes 464 bytes in 3.12, and
/// 1080 in 3.13, which begins with its debug offsets. All of it are 270 to 450 KB.
const REACH: u64 = 16 << 10;

/// The most memory that is searched, of one area: what no byte of the file fills are 24 to 273 KB in
/// libpython of 3.8 to 3.11.
const MAX_AREA: u64 = 8 << 20;

/// What an entry has in the place of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// `SIG_DFL`: the `int` 0.
    Default,
    /// `SIG_IGN`: the `int` 1.
    Ignored,
    /// `None`: there was a handler, not of Python's, when the interpreter started.
    Native,
    /// A callable of the program's.
    Called(Addr),
}

/// Where the table can lie: in `_PyRuntime`, or in what is zeros when a module is loaded.
pub fn areas(module: &Module<'_>, runtime: Addr, version: Version) -> Vec<(Addr, u64)> {
    match version.minor() {
        12.. => vec![(runtime, REACH)],
        _ => module.zeroed().into_iter().filter(|(_, len)| *len <= MAX_AREA).collect(),
    }
}

/// What is to be searched for in these areas.
pub fn request(areas: &[(Addr, u64)]) -> TableRequest {
    TableRequest { areas: areas.to_vec(), entries: LAST }
}

/// Keeps, of what was found, what is the table; nothing, if two places could be it.
pub fn sift(search: &mut Search, objects: Objects<'_>) {
    let reader = Reader::new(objects);
    search.tables.retain(|at| reader.entries(*at).is_some());
    if search.tables.len() > 1 {
        search.tables.clear();
    }
}

/// The entries of the table that was found, by signals from 1 on.
pub fn read(objects: Objects<'_>, search: &Search) -> Option<Vec<(usize, Entry)>> {
    Reader::new(objects).entries(*search.tables.first()?)
}

struct Reader<'a> {
    objects: Objects<'a>,
    callables: Callables<'a>,
}

impl<'a> Reader<'a> {
    fn new(objects: Objects<'a>) -> Reader<'a> {
        Reader { objects, callables: Callables::new(objects) }
    }

    fn entries(&self, at: Addr) -> Option<Vec<(usize, Entry)>> {
        let bytes = self.objects.memory.bytes(at, SIZE).ok()?;
        let mut entries = bytes.as_chunks::<8>().0.as_chunks::<2>().0.iter();
        if entries.next()? != &[[0; 8]; 2] {
            return None;
        }
        // Most are one and the same object.
        let mut known: HashMap<Addr, Entry> = HashMap::new();
        let mut table = Vec::new();
        for (signal, [_, func]) in (1..).zip(entries) {
            let func = Addr(u64::from_le_bytes(*func));
            let entry = match known.get(&func) {
                Some(entry) => *entry,
                None => *known.entry(func).or_insert(self.entry(func)?),
            };
            table.push((signal, entry));
        }
        let all = |signals: [usize; 2], wanted| {
            signals.iter().all(|signal| table.contains(&(*signal, wanted)))
        };
        (all(NEVER_CAUGHT, Entry::Default) && all(KEPT, Entry::Native)).then_some(table)
    }

    fn entry(&self, func: Addr) -> Option<Entry> {
        match self.objects.small_int(func) {
            Some(0) => Some(Entry::Default),
            Some(1) => Some(Entry::Ignored),
            Some(_) => None,
            None if self.objects.is_exactly(func, "NoneType") => Some(Entry::Native),
            None => self.callables.is_callable(func).then_some(Entry::Called(func)),
        }
    }
}
