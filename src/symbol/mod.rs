//! Names and source lines for addresses.
//!
//! An address that nothing is known of is not an error: it keeps its module and its place in it.
//! Addresses are resolved in batches, module by module, so that a large symbol table is passed
//! over once.

pub mod bounds;
pub mod debug_file;
pub mod demangle;
mod dwarf;
mod needed;
pub mod reader;
mod scope;
pub mod source;
pub mod structures;
mod units;

use std::collections::{BTreeMap, HashMap};

use crate::addr::{Addr, CodeAddr, FileAddr};
use crate::evidence::files::Files;
use crate::module::{Module, Modules, Symbol};
use crate::note::Note;
use crate::part::{Kind, Parts};
use crate::text::Text;

/// The most functions that are shown as inlined at one address.
const MAX_INLINED: usize = 256;

/// What is known of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file that it was mapped from.
    pub module: Option<Text>,
    /// Where in that file, as its ELF counts: the address to show, not the one looked up.
    pub module_address: Option<Addr>,
    /// The functions at this address, innermost first: those that were inlined, then the one
    /// that they were inlined into. Empty if none is known.
    pub functions: Vec<Function>,
}

/// A function at an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Function {
    /// Its name, demangled.
    pub name: Option<Text>,
    /// Whether the name was demangled, and so has the scopes around it: debug information gives
    /// a C++ function that is local to its file (`static`, in an anonymous namespace, of a type
    /// that is) its last name only.
    pub demangled: bool,
    /// The source file, as the compiler wrote it, with the directory of the compilation.
    pub file: Option<Text>,
    /// The line in it, from 1.
    pub line: Option<u32>,
}

/// How much is looked up for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// The name that a symbol table has for it.
    Name,
    /// What debug information tells, too: lines, and functions that were inlined.
    Lines,
}

/// A module, with addresses in it: in its file, and in the process.
type Batch<'m, 'a> = (&'m Module<'a>, Vec<(FileAddr, Addr, Detail)>);

/// What is known of these addresses; what was too much to be read is a note.
pub fn resolve(
    addresses: &BTreeMap<Addr, Detail>,
    modules: &Modules<'_>,
    files: &Files,
    parts: &Parts,
    notes: &mut Vec<Note>,
) -> HashMap<Addr, Vec<Function>> {
    let mut by_module: BTreeMap<Addr, Batch<'_, '_>> = BTreeMap::new();
    for (addr, detail) in addresses {
        let Some(module) = modules.find(*addr) else { continue };
        let Some(place) = module.file_addr(*addr) else { continue };
        let Some(first) = module.mappings().first() else { continue };
        by_module
            .entry(first.start)
            .or_insert((module, Vec::new()))
            .1
            .push((place, *addr, *detail));
    }
    let mut known = HashMap::new();
    for (module, mut places) in by_module.into_values() {
        places.sort_unstable();
        let sorted: Vec<_> = places.iter().map(|(place, _, detail)| (*place, *detail)).collect();
        let (functions, spent) = in_module(module, &sorted, files, parts);
        if spent {
            let what = "its debug information is too large: not all functions and lines were read";
            notes.push(Note::missing(module.path().clone(), what));
        }
        known.extend(places.into_iter().map(|(_, addr, _)| addr).zip(functions));
    }
    known
}

/// The functions at these addresses (ascending) of one module, and whether its debug information
/// was more than is read.
fn in_module(
    module: &Module<'_>,
    sorted: &[(FileAddr, Detail)],
    files: &Files,
    parts: &Parts,
) -> (Vec<Vec<Function>>, bool) {
    let nothing = || (vec![Vec::new(); sorted.len()], false);
    let Some(_symbols) = parts.begin(Kind::Symbols, module.path().raw()) else { return nothing() };
    let Ok(image) = module.image() else { return nothing() };
    let debug_information = parts.begin(Kind::DebugInformation, module.path().raw());
    let debug = match &debug_information {
        Some(_part) => debug_file::find(image, module.path(), files),
        None => None,
    };
    let places: Vec<FileAddr> = sorted.iter().map(|(place, _)| *place).collect();
    let mut symbols = image.symbols_at(&places);
    // A stripped file has names for what it exports only; its debug file has the rest.
    let is_sure = |symbol: &Option<Symbol>| symbol.as_ref().is_some_and(|symbol| symbol.sized);
    if let Some(debug) = debug.as_ref().filter(|_| !symbols.iter().all(is_sure)) {
        let more = debug.symbols_at(&places);
        for (symbol, more) in symbols.iter_mut().zip(more).filter(|(symbol, _)| !is_sure(symbol)) {
            *symbol = more.or_else(|| symbol.take());
        }
    }
    let lined = sorted.iter().filter(|(_, detail)| *detail == Detail::Lines);
    let lined: Vec<FileAddr> = lined.map(|(place, _)| *place).collect();
    let (found, spent) = match lined.is_empty() || debug_information.is_none() {
        true => (Vec::new(), false),
        false => dwarf::functions(debug.as_ref().unwrap_or(image), files, &lined),
    };
    let mut found = found.into_iter();
    let told = sorted.iter().map(|(_, detail)| match detail {
        Detail::Lines => found.next().unwrap_or_default(),
        Detail::Name => Vec::new(),
    });
    (told.zip(symbols).map(|(told, symbol)| with_symbol(told, symbol)).collect(), spent)
}

/// Completes what debug information says with what the symbol table says.
fn with_symbol(mut functions: Vec<Function>, symbol: Option<Symbol>) -> Vec<Function> {
    let Some(symbol) = symbol else { return functions };
    let name = demangle::name(symbol.name.raw());
    let demangled = name != symbol.name;
    match functions.last_mut() {
        Some(outermost) if outermost.name.is_none() || (demangled && !outermost.demangled) => {
            *outermost = Function { name: Some(name), demangled, ..std::mem::take(outermost) };
        }
        Some(_) => {}
        None => functions.push(Function { name: Some(name), demangled, ..Function::default() }),
    }
    functions
}

/// Everything to say about one address of a stack.
pub fn place(
    address: CodeAddr,
    modules: &Modules<'_>,
    known: &HashMap<Addr, Vec<Function>>,
) -> Place {
    let lookup = address.lookup();
    let module = modules.find(lookup);
    let module_address = module.and_then(|module| module.file_addr(address.shown()));
    Place {
        module: module.map(|module| module.path().clone()),
        module_address: module_address.map(|place| Addr(place.0)),
        functions: known.get(&lookup).cloned().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::FileAddr;

    fn named(name: &str, demangled: bool) -> Vec<Function> {
        vec![Function { name: Some(name.into()), demangled, line: Some(7), ..Function::default() }]
    }

    fn symbol(name: &str) -> Option<Symbol> {
        Some(Symbol { name: name.into(), start: FileAddr(1), sized: true })
    }

    #[test]
    fn a_mangled_symbol_says_more_than_a_last_name() {
        let mangled = "_ZN12_GLOBAL__N_15blockEv";
        for (known, from, shown) in [
            (named("block", false), symbol(mangled), "(anonymous namespace)::block()"),
            (named("shop::block()", true), symbol(mangled), "shop::block()"),
            (named("read", false), symbol("__libc_read"), "read"),
            (named("read", false), None, "read"),
        ] {
            let found = with_symbol(known, from);
            assert_eq!(found[0].name, Some(shown.into()));
            assert_eq!(found[0].line, Some(7));
        }
        assert_eq!(with_symbol(Vec::new(), symbol(mangled)).len(), 1);
    }
}
