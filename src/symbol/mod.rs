//! Names and source lines for addresses.
//!
//! An address that nothing is known of is not an error: it keeps its module and its place in it.
//! Addresses are resolved in batches, module by module, so that a large symbol table is passed
//! over once.

pub mod debug_file;
pub mod demangle;
mod dwarf;
pub mod reader;
pub mod source;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::addr::{Addr, CodeAddr, FileAddr};
use crate::evidence::files::Files;
use crate::module::{Module, Modules, Symbol};
use crate::symbol::dwarf::Dwarf;
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
    /// The source file, as the compiler wrote it, with the directory of the compilation.
    pub file: Option<Text>,
    /// The line in it, from 1.
    pub line: Option<u32>,
    /// Whether the name is that of the source, without what it belongs to.
    pub plain: bool,
}

/// A module, with addresses in it: in its file, and in the process.
type Batch<'m, 'a> = (&'m Module<'a>, Vec<(FileAddr, Addr)>);

/// What is known of these addresses.
pub fn resolve(
    addresses: &BTreeSet<Addr>,
    modules: &Modules<'_>,
    files: &Files,
) -> HashMap<Addr, Vec<Function>> {
    let mut by_module: BTreeMap<Addr, Batch<'_, '_>> = BTreeMap::new();
    for addr in addresses {
        let Some(module) = modules.find(*addr) else { continue };
        let Some(place) = module.file_addr(*addr) else { continue };
        let Some(first) = module.mappings().first() else { continue };
        by_module.entry(first.start).or_insert((module, Vec::new())).1.push((place, *addr));
    }
    let mut known = HashMap::new();
    for (module, mut places) in by_module.into_values() {
        places.sort_unstable();
        let sorted: Vec<FileAddr> = places.iter().map(|(place, _)| *place).collect();
        let functions = in_module(module, &sorted, files);
        known.extend(places.into_iter().map(|(_, addr)| addr).zip(functions));
    }
    known
}

/// The functions at these addresses (ascending) of one module.
fn in_module(module: &Module<'_>, sorted: &[FileAddr], files: &Files) -> Vec<Vec<Function>> {
    let Ok(image) = module.image() else { return vec![Vec::new(); sorted.len()] };
    let debug = debug_file::find(image, module.path(), files);
    let mut symbols = image.symbols_at(sorted);
    // A stripped file has names for what it exports only; its debug file has the rest.
    if let Some(debug) = &debug {
        let more = debug.symbols_at(sorted);
        for (symbol, more) in symbols.iter_mut().zip(more) {
            if more.is_some() {
                *symbol = more;
            }
        }
    }
    let dwarf = Dwarf::load(debug.as_ref().unwrap_or(image), files);
    sorted
        .iter()
        .zip(symbols)
        .map(|(place, symbol)| {
            let found = dwarf.as_ref().map(|dwarf| dwarf.functions(*place)).unwrap_or_default();
            with_symbol(found, symbol)
        })
        .collect()
}

/// Completes what debug information says with what the symbol table says.
fn with_symbol(mut functions: Vec<Function>, symbol: Option<Symbol>) -> Vec<Function> {
    let mangled = symbol.map(|symbol| symbol.name);
    let name = mangled.as_ref().map(|mangled| demangle::name(mangled.raw()));
    match functions.last_mut() {
        // A mangled symbol knows where the function belongs; short debug information
        // (`line-tables-only`) says `recv` where the symbol says `Channel<T>::recv`.
        Some(outermost) if outermost.name.is_none() || (outermost.plain && name != mangled) => {
            outermost.name = name;
        }
        Some(_) => {}
        None => {
            if let Some(name) = name {
                functions.push(Function { name: Some(name), ..Function::default() });
            }
        }
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
