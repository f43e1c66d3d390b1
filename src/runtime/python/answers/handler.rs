//! Who handles a signal.

use super::report;
use super::table::{self, Entry, KEPT};
use crate::addr::Addr;
use crate::runtime::python::callable::{Callables, module_of};
use crate::runtime::python::captured::captured;
use crate::runtime::python::objects::Objects;
use crate::runtime::python::oslo_reports;
use crate::runtime::{Handler, OwnReport, SignalHandler};
use crate::target::memory::MemoryExt as _;
use crate::target::search::Search;

/// The handlers in the table that was found, but for those of the kernel's; `None` where none was.
///
/// A handler that is not Python's is told as far as Python knows of it: it asks for those that are
/// there when it starts, and hears of no later one.
pub fn handlers(objects: Objects<'_>, search: &Search) -> Option<Vec<SignalHandler>> {
    let callables = Callables::new(objects);
    let handler = |(signal, entry): (usize, Entry)| {
        let handler = match entry {
            Entry::Default | Entry::Ignored => return None,
            Entry::Native if KEPT.contains(&signal) => return None,
            Entry::Native => Handler::Native,
            Entry::Called(object) => {
                let own = own_report(&objects, object).map(Handler::Report);
                own.unwrap_or_else(|| function(&objects, &callables, object))
            }
        };
        Some(SignalHandler { signal: i32::try_from(signal).ok()?, handler })
    };
    Some(table::read(objects, search)?.into_iter().filter_map(handler).collect())
}

/// The report that a function makes which `_setup_signal` defined (to 0.7 `setup_autorun` itself).
fn own_report(objects: &Objects<'_>, function: Addr) -> Option<OwnReport> {
    if !objects.is_exactly(function, "function")
        || !oslo_reports::is_module(module_of(objects, function)?.raw())
    {
        return None;
    }
    let variables = captured(objects, function)?;
    report::read(objects, |name| {
        let mut named = variables.iter().filter(|(known, _)| objects.is_str(*known, name));
        named.next().map(|(_, value)| *value)
    })
}

/// Any other callable.
fn function(objects: &Objects<'_>, callables: &Callables<'_>, object: Addr) -> Handler {
    let found = callables.read(object);
    let layout = &objects.layout.code;
    let code = found.code.filter(|code| objects.is_exactly(*code, "code"));
    let file = code.and_then(|code| objects.text(objects.pointer(code, layout.file)?));
    let line = code.and_then(|code| objects.memory.u32(code.checked_add(layout.first_line)?).ok());
    Handler::Function { name: found.words.into(), file, line }
}
