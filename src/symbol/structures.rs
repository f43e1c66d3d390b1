//! Where structures have their members, from DWARF debug information.
//!
//! Only the units that hold given functions are read, and of them only the structures that are
//! asked for: a compiler describes in a unit what its code uses. What lies in other units, or in
//! a file of debug information apart, is not found.

use gimli::{AttributeValue, DebugInfoOffset, DwTag, SectionId, UnitOffset};

use crate::addr::FileAddr;
use crate::module::Image;
use crate::symbol::bounds::{MAX_MADE, guarded};
use crate::symbol::dwarf::Sections;
use crate::symbol::needed::Index;
use crate::symbol::reader::SectionReader;

type Dwarf<'a> = gimli::Dwarf<SectionReader<'a>>;
type Unit<'a> = gimli::Unit<SectionReader<'a>>;
type Entry<'a> = gimli::DebuggingInformationEntry<SectionReader<'a>>;

/// The most units that are read.
const MAX_UNITS: usize = 16;

/// The most entries on the outermost level of all units, and in namespaces.
const MAX_ENTRIES: usize = 500_000;

/// The most members of one structure that are looked at.
const MAX_MEMBERS: usize = 10_000;

/// How deep namespaces lie in each other, and how many names for a type lead to one another.
const MAX_DEPTH: usize = 16;

/// A member that is asked for: a structure (its tag or the name of a type, with its namespaces:
/// `_ts`, `PyCodeObject`, `greenlet::Greenlet`), and a path of members in it
/// (`interpreters.head`). An empty path is the end of the structure: its size.
pub type Wanted<'w> = (&'w str, &'w str);

/// Where members lie, in bits from the begin of their structures, in the order of `wanted`.
///
/// They are looked for in the units that hold the code at these addresses (ascending); where
/// nothing tells which units these are, in the first ones of the file.
pub fn members(
    image: &Image<'_>,
    addresses: &[FileAddr],
    wanted: &[Wanted<'_>],
) -> Vec<Option<u64>> {
    let mut found = vec![None; wanted.len()];
    guarded(MAX_MADE, || find(image, addresses, wanted, &mut found));
    found
}

fn find(
    image: &Image<'_>,
    addresses: &[FileAddr],
    wanted: &[Wanted<'_>],
    found: &mut [Option<u64>],
) {
    let sections = Sections::of(image);
    let Some(dwarf) = sections.with(sections.reader(SectionId::DebugInfo)) else { return };
    let index = Index::read(sections.reader(SectionId::DebugAranges), addresses);
    let mut units: Vec<u64> = index.homes.into_iter().map(|(_, unit)| unit).collect();
    if units.is_empty() {
        let mut headers = dwarf.units();
        while let Ok(Some(header)) = headers.next()
            && units.len() < MAX_UNITS
        {
            units.extend(header.debug_info_offset().map(|offset| offset.0 as u64));
        }
    }
    units.sort_unstable();
    units.dedup();
    let mut left = MAX_ENTRIES;
    for start in units.into_iter().take(MAX_UNITS) {
        if found.iter().all(Option::is_some) {
            break;
        }
        // What is broken in one unit is found in another, or not at all.
        let _ = in_unit(&dwarf, start, wanted, found, &mut left);
    }
}

/// Looks for what is still missing in the unit that begins here.
fn in_unit(
    dwarf: &Dwarf<'_>,
    start: u64,
    wanted: &[Wanted<'_>],
    found: &mut [Option<u64>],
    left: &mut usize,
) -> gimli::Result<()> {
    let offset = DebugInfoOffset(usize::try_from(start).unwrap_or(usize::MAX));
    let unit = dwarf.unit(dwarf.debug_info.header_from_offset(offset)?)?;
    let reader = Reader { dwarf, unit: &unit };
    let mut names: Vec<&str> = wanted
        .iter()
        .zip(&*found)
        .filter(|(_, found)| found.is_none())
        .map(|((structure, _), _)| *structure)
        .collect();
    names.sort_unstable();
    names.dedup();
    let mut types = vec![None; names.len()];
    reader.find_types(None, &mut String::new(), 0, &names, &mut types, left)?;
    for ((structure, path), found) in wanted.iter().zip(found) {
        let at = names.binary_search(structure).ok();
        let kind = at.and_then(|at| types.get(at).copied().flatten());
        if let (None, Some(kind)) = (&found, kind) {
            *found = reader.place(kind, path);
        }
    }
    Ok(())
}

/// Reads the types of one unit.
struct Reader<'r, 'a> {
    dwarf: &'r Dwarf<'a>,
    unit: &'r Unit<'a>,
}

impl<'a> Reader<'_, 'a> {
    /// Finds the whole types with these names (ascending) in a namespace, or in the unit.
    fn find_types(
        &self,
        parent: Option<UnitOffset>,
        scope: &mut String,
        depth: usize,
        names: &[&str],
        types: &mut [Option<UnitOffset>],
        left: &mut usize,
    ) -> gimli::Result<()> {
        let mut tree = self.unit.entries_tree(parent)?;
        let mut children = tree.root()?.children();
        while let Some(child) = children.next()? {
            *left = left.saturating_sub(1);
            if *left == 0 || types.iter().all(Option::is_some) {
                break;
            }
            let entry = child.entry();
            let space = entry.tag() == gimli::DW_TAG_namespace;
            if !space && !is_type(entry.tag()) || is_declaration(entry) {
                continue;
            }
            let Some(name) = self.name(entry) else { continue };
            let outer = scope.len();
            scope.push_str(&name);
            if space {
                if depth < MAX_DEPTH {
                    scope.push_str("::");
                    self.find_types(Some(entry.offset()), scope, depth + 1, names, types, left)?;
                }
            } else if let Ok(at) = names.binary_search(&scope.as_str())
                && let Some(known) = types.get_mut(at)
            {
                known.get_or_insert(entry.offset());
            }
            scope.truncate(outer);
        }
        Ok(())
    }

    /// Where a path of members leads, in bits from the begin of the type.
    fn place(&self, kind: UnitOffset, path: &str) -> Option<u64> {
        let mut kind = self.structure(kind)?;
        if path.is_empty() {
            let size = self.unit.entry(kind).ok()?.attr_value(gimli::DW_AT_byte_size)?;
            return size.udata_value()?.checked_mul(8);
        }
        let mut bits = 0u64;
        let mut parts = path.split('.').peekable();
        while let Some(part) = parts.next() {
            let (at, of) = self.member(kind, part)?;
            bits = bits.checked_add(at)?;
            if parts.peek().is_some() {
                kind = self.structure(of?)?;
            }
        }
        Some(bits)
    }

    /// A member of a structure: where it lies in bits, and its type, if that is in the same unit.
    /// Optimization over several units leaves types in one of them.
    fn member(&self, structure: UnitOffset, name: &str) -> Option<(u64, Option<UnitOffset>)> {
        let mut tree = self.unit.entries_tree(Some(structure)).ok()?;
        let mut children = tree.root().ok()?.children();
        for _ in 0..MAX_MEMBERS {
            let child = children.next().ok()??;
            let entry = child.entry();
            if entry.tag() == gimli::DW_TAG_member && self.name(entry).as_deref() == Some(name) {
                return Some((bits(entry)?, reference(entry)));
            }
        }
        None
    }

    /// The structure that a type is, by whatever names.
    fn structure(&self, mut kind: UnitOffset) -> Option<UnitOffset> {
        for _ in 0..MAX_DEPTH {
            let entry = self.unit.entry(kind).ok()?;
            match entry.tag() {
                gimli::DW_TAG_structure_type
                | gimli::DW_TAG_class_type
                | gimli::DW_TAG_union_type => return (!is_declaration(&entry)).then_some(kind),
                gimli::DW_TAG_typedef
                | gimli::DW_TAG_const_type
                | gimli::DW_TAG_volatile_type
                | gimli::DW_TAG_atomic_type => kind = reference(&entry)?,
                _ => return None,
            }
        }
        None
    }

    fn name(&self, entry: &Entry<'a>) -> Option<String> {
        use gimli::Reader as _;
        let name = entry.attr_value(gimli::DW_AT_name)?;
        let name = self.dwarf.attr_string(self.unit, name).ok()?;
        name.to_string().ok().map(|name| name.into_owned())
    }
}

fn is_type(tag: DwTag) -> bool {
    matches!(tag, gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type | gimli::DW_TAG_typedef)
}

/// Whether it only says that there is such a type.
fn is_declaration(entry: &Entry<'_>) -> bool {
    entry.attr(gimli::DW_AT_declaration).is_some()
}

/// The type of a member or the one that a type is another name of, in the same unit.
fn reference(entry: &Entry<'_>) -> Option<UnitOffset> {
    match entry.attr_value(gimli::DW_AT_type)? {
        AttributeValue::UnitRef(offset) => Some(offset),
        _ => None,
    }
}

/// Where a member lies, in bits. The members of a union all lie at its begin.
fn bits(entry: &Entry<'_>) -> Option<u64> {
    let number = |name| entry.attr_value(name).and_then(|value| value.udata_value());
    if let Some(bits) = number(gimli::DW_AT_data_bit_offset) {
        return Some(bits);
    }
    let bytes = match entry.attr_value(gimli::DW_AT_data_member_location) {
        Some(location) => location.udata_value()?,
        None => 0,
    };
    let bits = bytes.checked_mul(8)?;
    // Up to DWARF 3 bit fields are counted from the highest bit of what holds them.
    let Some(from_top) = number(gimli::DW_AT_bit_offset) else { return Some(bits) };
    let whole = number(gimli::DW_AT_byte_size)?.checked_mul(8)?;
    let below = from_top.checked_add(number(gimli::DW_AT_bit_size)?)?;
    bits.checked_add(whole.checked_sub(below)?)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::evidence::files::Files;
    use crate::module::Modules;
    use crate::target::live::maps;
    use crate::target::live::open::LiveOpener;

    #[derive(Default)]
    #[repr(C)]
    struct Known {
        first: u8,
        inner: Inner,
        last: u16,
    }

    #[derive(Default)]
    #[repr(C)]
    struct Inner {
        number: u64,
        flag: bool,
    }

    /// Its unit describes the structures, for it uses them.
    #[inline(never)]
    fn user(known: &Known) -> u64 {
        known.inner.number + u64::from(known.first) + u64::from(known.inner.flag)
    }

    /// Where the debug information of this very program says that members are.
    fn found(wanted: &[Wanted<'_>]) -> Vec<Option<u64>> {
        assert_eq!(user(&Known::default()), 0);
        let pid = std::process::id().cast_signed();
        let mappings = maps::parse(&std::fs::read("/proc/self/maps").unwrap(), &|path| path);
        let files = Files::live(Box::new(LiveOpener::new(pid, mappings.clone())));
        let modules = Modules::new(&files, &mappings);
        let code = crate::addr::Addr(user as *const () as u64);
        let module = modules.find(code).unwrap();
        members(module.image().unwrap(), &[module.file_addr(code).unwrap()], wanted)
    }

    #[test]
    fn members_are_found_by_their_paths() {
        let known = "guru::symbol::structures::tests::Known";
        let wanted = [(known, "last"), (known, "inner.flag"), (known, "first"), (known, "")];
        assert_eq!(found(&wanted), [Some(24 * 8), Some(16 * 8), Some(0), Some(32 * 8)]);
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let known = "guru::symbol::structures::tests::Known";
        let wanted = [(known, "none"), (known, "last.deeper"), (known, "."), ("Known", "last")];
        assert_eq!(found(&wanted), [None; 4]);
        assert_eq!(found(&[]), []);
    }
}
