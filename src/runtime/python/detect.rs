//! Finding CPython among the mapped files, and its version.
//!
//! It can be a shared libpython, a part of the executable, or a part of any library that embeds
//! it; and more than one may be mapped. The one that lives is taken.

use std::{fmt, iter};

use super::answers;
use super::check::{self, Rejected};
use super::layout::{self, Layout, debug_offsets, dwarf};
use super::version::Version;
use crate::addr::Addr;
use crate::module::Module;
use crate::note::Note;
use crate::runtime::Preview;
use crate::target::memory::MemoryExt as _;

/// A function that every CPython defines, from 1.5 to the newest.
const MARK: &str = "Py_GetVersion";

/// Functions of the public interface, and the minor version of Python 3 that was the first to have
/// each, the newest first (`Doc/whatsnew` of those versions).
const NEW_FUNCTIONS: &[(&str, u8)] =
    &[("Py_NewRef", 10), ("PyObject_CallNoArgs", 9), ("PyCode_NewWithPosOnlyArgs", 8)];

/// The function that runs frames.
pub const EVALUATOR: &str = "_PyEval_EvalFrameDefault";

/// A CPython whose layout is known and was checked.
#[derive(Debug)]
pub struct Found {
    /// Where `_PyRuntime` is.
    pub runtime: Addr,
    /// An address in its machine code.
    pub code: Addr,
    /// Its version.
    pub version: Version,
    /// Its layout.
    pub layout: Layout,
    /// Where its table of signal handlers can lie: areas of memory with their lengths.
    pub handlers: Vec<(Addr, u64)>,
}

/// Finds the CPython that lives in the process. What is found and can not be read is a note.
pub fn detect(process: &Preview<'_, '_>, notes: &mut Vec<Note>) -> Option<Found> {
    let mut refused = Vec::new();
    for module in by_likelihood(process) {
        let Some(mark) = module.symbol(MARK) else { continue };
        match examine(process, module, mark) {
            Ok(found) => return Some(found),
            Err(why) => refused.push(Note::missing("python", why)),
        }
    }
    notes.extend(refused);
    None
}

/// The modules, those named after Python first: symbol tables are large.
fn by_likelihood<'a, 'm>(process: &Preview<'a, 'm>) -> impl Iterator<Item = &'a Module<'m>> {
    let named = |module: &&Module<'_>| base_name(module).contains("python");
    let modules = process.modules;
    modules.iter().filter(named).chain(modules.iter().filter(move |module| !named(module)))
}

fn base_name<'a>(module: &Module<'a>) -> &'a str {
    let path = module.path().raw();
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Looks closer at a module that defines [`MARK`]; if it can not be read, says why.
fn examine(process: &Preview<'_, '_>, module: &Module<'_>, mark: Addr) -> Result<Found, String> {
    let stated = stated_version(process, module)?;
    let version = stated.version;
    let unknown = || {
        format!("Python {stated} found: its layout is not known to this guru; native stacks only")
    };
    if !version.is_settled() {
        return Err(unknown());
    }
    let Some(runtime) = module.symbol("_PyRuntime") else {
        return Err(format!(
            "Python {stated} found in {}, but it hides `_PyRuntime`; native stacks only",
            base_name(module)
        ));
    };
    let own = debug_offsets::read(process.memory, runtime)
        .map_err(|fault| refusal(&stated, &Rejected::Unreadable(fault)))?;
    let own = own.filter(|own| own.version == version);
    let mut rejected = None;
    let of_debug_information = || {
        let told = Some(dwarf::read(module)).filter(|told| !told.is_empty());
        told.map_or_else(Vec::new, |told| layout::candidates(version, own.as_ref(), Some(&told)))
    };
    // It takes long to read, and is hardly ever needed.
    let later = iter::once_with(of_debug_information).flatten();
    for mut layout in layout::candidates(version, own.as_ref(), None).into_iter().chain(later) {
        let checked = check::check(process.memory, &layout, runtime);
        match checked.and_then(|found| stated.same(found)) {
            Ok(version) => {
                layout.version = version;
                check::probe_heads(process.memory, &mut layout, runtime);
                let code = module.symbol(EVALUATOR).unwrap_or(mark);
                let handlers = answers::areas(module, runtime, version);
                return Ok(Found { runtime, code, version, layout, handlers });
            }
            // No other layout would make it ready.
            Err(why @ (Rejected::NotStarted | Rejected::Starting | Rejected::Ending)) => {
                return Err(refusal(&stated, rejected.as_ref().unwrap_or(&why)));
            }
            // The first was the likeliest.
            Err(why) => {
                rejected.get_or_insert(why);
            }
        }
    }
    Err(rejected.map_or_else(unknown, |why| refusal(&stated, &why)))
}

/// The version that a module says to have.
struct Stated {
    version: Version,
    /// Whether more than its minor version is known.
    exact: bool,
}

impl Stated {
    /// The version that the process says to have, if it is not another one.
    fn same(&self, found: Version) -> Result<Version, Rejected> {
        if self.exact && found != self.version { Err(check::ANOTHER_VERSION) } else { Ok(found) }
    }
}

impl fmt::Display for Stated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exact {
            true => self.version.fmt(f),
            false => write!(f, "{}.{}", self.version.major(), self.version.minor()),
        }
    }
}

/// Asks a module for its version. Before 3.11 it has no number of it: which functions it has tells
/// the minor version, and the check reads the rest (`sys.hexversion`).
fn stated_version(process: &Preview<'_, '_>, module: &Module<'_>) -> Result<Stated, String> {
    if let Some(version) = module.symbol("Py_Version") {
        let version = process.memory.u64(version).map_err(|fault| {
            format!(
                "Python found in {}, its version not: {fault}; native stacks only",
                base_name(module)
            )
        })?;
        let version = Version(u32::try_from(version).unwrap_or(u32::MAX));
        return Ok(Stated { version, exact: true });
    }
    let new = NEW_FUNCTIONS.iter().find(|(function, _)| module.symbol(function).is_some());
    new.map(|(_, minor)| Stated { version: Version::of_minor(*minor), exact: false }).ok_or_else(
        || {
            format!(
                "a Python older than 3.8 found in {}: its layout is not known to this guru; \
             native stacks only",
                base_name(module)
            )
        },
    )
}

fn refusal(stated: &Stated, why: &Rejected) -> String {
    let why = match why {
        Rejected::NotStarted => "it is not started, or not in use".to_owned(),
        Rejected::Starting => "it is still starting".to_owned(),
        Rejected::Ending => "it is ending".to_owned(),
        Rejected::Contradicts(what) => format!("its memory is not as expected: {what}"),
        Rejected::Unreadable(fault) => format!("its memory is not as expected: {fault}"),
    };
    format!("Python {stated} found, but {why}; native stacks only")
}
