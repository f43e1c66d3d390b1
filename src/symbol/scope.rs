//! The scopes around a C++ function: namespaces and classes, from the tree of debug information.
//!
//! Most functions carry them in their mangled name. One that is local to its file (of a lambda's
//! type, in an anonymous namespace) and was inlined everywhere has neither such a name nor a
//! symbol: what is known is where its declaration stands.

use gimli::{AttributeValue, DwAt, EntriesCursor, Reader, UnitOffset, UnitRef};

/// How often an entry may refer to another one for what it is.
const MAX_REFERENCES: usize = 8;

/// The most scopes inside each other.
const MAX_DEPTH: usize = 64;

/// The most entries of one unit that are passed over on the way.
const MAX_ENTRIES: usize = 1_000_000;

/// The scopes of the function whose entry is at `function`, each with `::` after it. Empty for a
/// function that has none, or where the debug information makes no sense.
pub fn of<R: Reader>(unit: UnitRef<'_, R>, function: UnitOffset<R::Offset>) -> String {
    let declared = declaration(unit, function);
    descend(unit, declared).unwrap_or_default()
}

/// The entry that stands inside the scopes: an inlined call refers to its function, and a
/// definition to its declaration.
fn declaration<R: Reader>(
    unit: UnitRef<'_, R>,
    function: UnitOffset<R::Offset>,
) -> UnitOffset<R::Offset> {
    let mut at = function;
    for _ in 0..MAX_REFERENCES {
        let Ok(entry) = unit.entry(at) else { break };
        let reference = |name: DwAt| match entry.attr_value(name) {
            Some(AttributeValue::UnitRef(offset)) => Some(offset),
            _ => None,
        };
        let next = reference(gimli::DW_AT_abstract_origin)
            .or_else(|| reference(gimli::DW_AT_specification));
        let Some(next) = next else { break };
        at = next;
    }
    at
}

/// Follows the tree down to the entry at `target`.
fn descend<R: Reader>(
    unit: UnitRef<'_, R>,
    target: UnitOffset<R::Offset>,
) -> gimli::Result<String> {
    let mut scopes = String::new();
    let mut left = MAX_ENTRIES;
    let mut cursor = unit.entries();
    cursor.next_dfs()?;
    for _ in 0..MAX_DEPTH {
        // Down to the first child, then along to the one that holds the target.
        if cursor.next_dfs()?.is_none() {
            break;
        }
        let Some(holder) = last_before(cursor, target, &mut left)? else { break };
        let Some(entry) = holder.current().filter(|entry| entry.offset() != target) else { break };
        match entry.tag() {
            gimli::DW_TAG_namespace
            | gimli::DW_TAG_class_type
            | gimli::DW_TAG_structure_type
            | gimli::DW_TAG_union_type => {}
            // A type inside a function: gdb does not name the function either.
            _ => break,
        }
        match entry.attr_value(gimli::DW_AT_name) {
            Some(name) => scopes.push_str(&unit.attr_string(name)?.to_string_lossy()?),
            None => scopes.push_str("(anonymous namespace)"),
        }
        scopes.push_str("::");
        cursor = holder;
    }
    Ok(scopes)
}

/// The last of these siblings that does not lie behind the target.
fn last_before<'a, R: Reader>(
    mut cursor: EntriesCursor<'a, R>,
    target: UnitOffset<R::Offset>,
    left: &mut usize,
) -> gimli::Result<Option<EntriesCursor<'a, R>>> {
    let mut found = None;
    while cursor.current().is_some_and(|entry| entry.offset().0 <= target.0) {
        let Some(rest) = left.checked_sub(1) else { return Ok(None) };
        *left = rest;
        found = Some(cursor.clone());
        cursor.next_sibling()?;
    }
    Ok(found)
}
