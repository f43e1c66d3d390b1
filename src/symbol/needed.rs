//! Which units of debug information an address needs: the one that has its code, and those that
//! this one refers to. They are found here and read elsewhere.

use std::collections::BTreeSet;

use gimli::{AttributeValue, DebugInfoOffset};

use crate::addr::FileAddr;
use crate::symbol::reader::SectionReader;

/// The most steps through the index: one for each entry, and each address that it covers. Those of
/// chromium have less than a million entries.
const MAX_STEPS: usize = 20_000_000;

/// The most units, and the most addresses with their units, that are kept.
const MAX_KEPT: usize = 500_000;

/// The most entries of others that one unit refers to.
const MAX_REFERENCES: usize = 100_000;

/// What `.debug_aranges` tells: which unit has the code at an address.
#[derive(Debug, Default)]
pub struct Index {
    /// Where units begin.
    pub units: BTreeSet<u64>,
    /// The units of the addresses that were asked for, by the addresses' numbers.
    pub homes: BTreeSet<(usize, u64)>,
}

impl Index {
    /// The index, up to where it is broken or absurdly long.
    pub fn read(section: SectionReader<'_>, sorted: &[FileAddr]) -> Index {
        let mut index = Index::default();
        let aranges = gimli::DebugAranges::from(section);
        let mut headers = aranges.headers();
        let mut steps = 0;
        while let Ok(Some(header)) = headers.next() {
            let unit = header.debug_info_offset().0 as u64;
            if index.units.len() >= MAX_KEPT {
                break;
            }
            index.units.insert(unit);
            steps += 1;
            let mut entries = header.entries();
            while let Ok(Some(entry)) = entries.next() {
                let range = entry.range();
                let first = sorted.partition_point(|addr| addr.0 < range.begin);
                let covered = sorted.iter().enumerate().skip(first);
                for (nth, _) in covered.take_while(|(_, addr)| addr.0 < range.end) {
                    index.homes.insert((nth, unit));
                    steps += 1;
                }
                steps += 1;
                if steps > MAX_STEPS || index.homes.len() > MAX_KEPT {
                    return index;
                }
            }
        }
        index
    }
}

/// Where in other units, and in the shared file, the names of a unit's functions are.
#[derive(Debug, Default)]
pub struct References {
    /// Offsets in `.debug_info`.
    pub own: BTreeSet<u64>,
    /// Offsets in that of the shared file.
    pub shared: BTreeSet<u64>,
}

impl References {
    /// Adds those of the unit that begins here.
    pub fn collect(
        &mut self,
        dwarf: &gimli::Dwarf<SectionReader<'_>>,
        unit: u64,
    ) -> gimli::Result<()> {
        let offset = DebugInfoOffset(usize::try_from(unit).unwrap_or(usize::MAX));
        let unit = dwarf.unit(dwarf.debug_info.header_from_offset(offset)?)?;
        let mut entries = unit.entries_raw(None)?;
        while !entries.is_empty() && self.own.len() + self.shared.len() < MAX_REFERENCES {
            let Some(kind) = entries.read_abbreviation()? else { continue };
            if !matches!(kind.tag(), gimli::DW_TAG_subprogram | gimli::DW_TAG_inlined_subroutine) {
                entries.skip_attributes(kind.attributes())?;
                continue;
            }
            for attribute in kind.attributes() {
                let attribute = entries.read_attribute(*attribute)?;
                match (attribute.name(), attribute.value()) {
                    (
                        gimli::DW_AT_abstract_origin | gimli::DW_AT_specification,
                        AttributeValue::DebugInfoRef(offset),
                    ) => drop(self.own.insert(offset.0 as u64)),
                    (
                        gimli::DW_AT_abstract_origin | gimli::DW_AT_specification,
                        AttributeValue::DebugInfoRefSup(offset),
                    ) => drop(self.shared.insert(offset.0 as u64)),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
