//! A type and all that are derived from it.

use std::collections::BTreeSet;

use super::objects::Objects;
use crate::addr::Addr;

/// The most types that are followed.
const MAX_TYPES: usize = 1000;

/// The most subclasses of one type that are looked at.
const MAX_SUBCLASSES: usize = 1000;

/// A type and all that are derived from it, as far as they can be read.
pub fn with_subclasses(objects: &Objects<'_>, root: Addr) -> BTreeSet<Addr> {
    let layout = objects.layout;
    let mut known = BTreeSet::from([root]);
    let mut queue = vec![root];
    while let Some(kind) = queue.pop() {
        let subclasses = objects.pointer(kind, layout.object.subclasses);
        let Some(items) = subclasses.and_then(|dict| objects.dict_items(dict)) else { continue };
        for (_, reference) in items.take(MAX_SUBCLASSES) {
            let derived = objects.pointer(reference, layout.pointers.weak_reference);
            if let Some(derived) = derived
                && known.len() < MAX_TYPES
                && known.insert(derived)
            {
                queue.push(derived);
            }
        }
    }
    known
}
