//! The variables of outer functions that a function uses: its closure.

use super::layout::VariableNames;
use super::objects::Objects;
use crate::addr::Addr;

/// The most of one function that are looked at.
const MAX_CAPTURED: u64 = 100;

/// The most variables that its code may have beside.
const MAX_VARIABLES: u64 = 1000;

/// `CO_FAST_FREE`, a kind of a variable (3.11+): an outer function's.
const FREE: u8 = 0x80;

/// Names and values, in the order in which the code of the function has them; those without a value
/// are left out. `None` if it has no closure.
pub fn captured(objects: &Objects<'_>, function: Addr) -> Option<Vec<(Addr, Addr)>> {
    let layout = objects.layout;
    let cells = objects.pointer(function, layout.pointers.function_closure)?;
    let cells = objects.tuple_items(cells, MAX_CAPTURED)?;
    let code = objects.pointer(function, layout.pointers.function_code)?;
    let tuple = |at| objects.tuple_items(objects.pointer(code, at)?, MAX_VARIABLES);
    let names: Vec<Addr> = match layout.code.names {
        VariableNames::Together { names, kinds } => {
            let kinds = objects.bytes(objects.pointer(code, kinds)?, MAX_VARIABLES)?;
            let all = tuple(names)?.into_iter().zip(kinds);
            all.filter(|(_, kind)| kind & FREE != 0).map(|(name, _)| name).collect()
        }
        VariableNames::Apart { free, .. } => tuple(free)?,
    };
    let pairs = names.into_iter().zip(cells);
    let value = |cell| objects.pointer(cell, layout.pointers.cell);
    Some(pairs.filter_map(|(name, cell)| Some((name, value(cell)?))).collect())
}
