//! Functions and lines from DWARF debug information.
//!
//! `addr2line` finds them. It begins with every unit of what it is given; so it is given the units
//! alone that the index of addresses names, and those that these refer to, and the whole file only
//! where that leads to nothing.

use std::collections::BTreeSet;

use addr2line::Context;
use gimli::SectionId;

use crate::addr::FileAddr;
use crate::evidence::files::Files;
use crate::module::{Image, Section};
use crate::symbol::bounds::{Cost, MAX_MADE, guarded, with_bounded_stack};
use crate::symbol::needed::{Index, References};
use crate::symbol::reader::SectionReader;
use crate::symbol::units::{Units, View};
use crate::symbol::{Function, MAX_INLINED, debug_file, demangle, scope};

type Dwarf<'a> = gimli::Dwarf<SectionReader<'a>>;

/// The sections that functions and lines are found by. Those that are compressed are dear.
const SECTIONS: [SectionId; 10] = [
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugAranges,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLineStr,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
];

/// How often units that others refer to are added, before the whole file is read.
const MAX_ROUNDS: usize = 6;

/// The functions at these addresses (ascending) of a file, innermost first. None where it has no
/// debug information, and where they are nested absurdly deep. And whether there was more than is
/// read.
pub fn functions(
    image: &Image<'_>,
    files: &Files,
    sorted: &[FileAddr],
) -> (Vec<Vec<Function>>, bool) {
    let shared = debug_file::shared(image, files);
    let shared = shared.map(|shared| Sections::of(&shared));
    DebugInformation { own: Sections::of(image), shared }.functions(sorted)
}

/// The sections of one file.
pub(super) struct Sections<'a>(Vec<(SectionId, Section<'a>)>);

impl<'a> Sections<'a> {
    pub(super) fn of(image: &Image<'a>) -> Sections<'a> {
        let present = SECTIONS.iter().filter_map(|id| Some((*id, image.section(id.name())?)));
        Sections(present.collect())
    }

    fn get(&self, wanted: SectionId) -> Option<Section<'a>> {
        self.0.iter().find(|(id, _)| *id == wanted).map(|(_, section)| *section)
    }

    pub(super) fn reader(&self, id: SectionId) -> SectionReader<'a> {
        let reader = self.get(id).map_or_else(SectionReader::empty, SectionReader::new);
        reader.at_cost(Cost::of(id))
    }

    /// These sections, with another `.debug_info`.
    pub(super) fn with<'v>(&self, info: SectionReader<'v>) -> Option<Dwarf<'v>>
    where
        'a: 'v,
    {
        let load = |id| -> Result<SectionReader<'v>, gimli::Error> {
            Ok(if id == SectionId::DebugInfo { info } else { self.reader(id) })
        };
        Dwarf::load(load).ok()
    }
}

fn of_units<'v>(view: &'v View<'v>) -> SectionReader<'v> {
    SectionReader::of_units(view).at_cost(Cost::of(SectionId::DebugInfo))
}

/// The debug information of a file, and that of the file it shares entries with.
struct DebugInformation<'a> {
    own: Sections<'a>,
    shared: Option<Sections<'a>>,
}

impl<'a> DebugInformation<'a> {
    fn functions(&self, sorted: &[FileAddr]) -> (Vec<Vec<Function>>, bool) {
        let mut found = vec![Vec::new(); sorted.len()];
        let Some(info) = self.own.get(SectionId::DebugInfo) else { return (found, false) };
        let units = guarded(MAX_MADE, || self.in_units(info, sorted, &mut found));
        if units.left == 0 || found.iter().all(|found| !found.is_empty()) {
            return (found, units.left == 0);
        }
        let whole = guarded(MAX_MADE, || {
            let shared = self.shared.as_ref().map(|shared| shared.reader(SectionId::DebugInfo));
            let whole = self.dwarf(self.own.reader(SectionId::DebugInfo), shared);
            let Some(context) = whole.and_then(|whole| Context::from_dwarf(whole).ok()) else {
                return;
            };
            for (addr, found) in sorted.iter().zip(&mut found).filter(|(_, f)| f.is_empty()) {
                *found = find(&context, *addr).unwrap_or_default();
            }
        });
        // Of a Rust program of 190 MB it is too much, for `_start`, of which there is no debug information:
        // what the index of addresses does not name is not likely to be anywhere.
        let indexed = self.own.get(SectionId::DebugAranges).is_some();
        (found, whole.left == 0 && !indexed)
    }

    /// The functions that are found by reading some units only; none where that does not do.
    fn in_units(&self, info: Section<'a>, sorted: &[FileAddr], found: &mut [Vec<Function>]) {
        let index = Index::read(self.own.reader(SectionId::DebugAranges), sorted);
        let mut own = Units::new(info, index.units.iter().copied());
        let shared = self.shared.as_ref().and_then(|shared| shared.get(SectionId::DebugInfo));
        let mut shared = shared.map(|info| Units::new(info, std::iter::empty()));
        let mut pending = index.homes;
        for (_, home) in &pending {
            own.show(*home);
        }
        for round in 0..MAX_ROUNDS {
            let (own_view, shared_view) = (own.view(), shared.as_ref().map(Units::view));
            let shared_reader = shared_view.as_ref().map(of_units);
            let dwarf = || self.dwarf(of_units(&own_view), shared_reader);
            let context = dwarf().and_then(|dwarf| Context::from_dwarf(dwarf).ok());
            let Some(context) = context else { break };
            let mut wanted = References::default();
            pending.retain(|(nth, _)| {
                let (Some(addr), Some(found)) = (sorted.get(*nth), found.get_mut(*nth)) else {
                    return false;
                };
                match find(&context, *addr) {
                    Ok(functions) => *found = functions,
                    Err(gimli::Error::NoEntryAtGivenOffset(offset)) => {
                        // It does not say in which of the files.
                        wanted.own.insert(offset);
                        wanted.shared.insert(offset);
                        return true;
                    }
                    Err(_) => {}
                }
                false
            });
            if round == 0
                && !pending.is_empty()
                && let Some(dwarf) = dwarf()
            {
                // There may be many more, of which it tells one at a time.
                for home in pending.iter().map(|(_, home)| *home).collect::<BTreeSet<u64>>() {
                    let _ = wanted.collect(&dwarf, home);
                }
            }
            let mut more = false;
            for offset in wanted.own {
                more |= own.show(offset);
            }
            for offset in wanted.shared {
                more |= shared.as_mut().is_some_and(|shared| shared.show(offset));
            }
            if !more {
                break;
            }
        }
    }

    fn dwarf<'v>(
        &self,
        info: SectionReader<'v>,
        shared_info: Option<SectionReader<'v>>,
    ) -> Option<Dwarf<'v>>
    where
        'a: 'v,
    {
        let mut dwarf = self.own.with(info)?;
        if let (Some(shared), Some(info)) = (&self.shared, shared_info) {
            let mut shared = shared.with(info)?;
            shared.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
            dwarf.set_sup(shared);
        }
        dwarf.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
        Some(dwarf)
    }
}

/// The functions at an address, innermost first.
fn find(context: &Context<SectionReader<'_>>, addr: FileAddr) -> gimli::Result<Vec<Function>> {
    with_bounded_stack(|| find_recursively(context, addr))
}

fn find_recursively(
    context: &Context<SectionReader<'_>>,
    addr: FileAddr,
) -> gimli::Result<Vec<Function>> {
    // Split debug information (`.dwo`) is not looked for: what the file itself says is used.
    let mut frames = context.find_frames(addr.0).skip_all_loads()?;
    let unit = context.find_dwarf_and_unit(addr.0).skip_all_loads();
    let mut functions = Vec::new();
    while let Ok(Some(frame)) = frames.next() {
        let name = frame.function.and_then(|function| {
            let raw = function.raw_name().ok()?;
            let name = demangle::name(&raw);
            if name.raw() != raw {
                return Some((name, true));
            }
            let scopes = match frame.dw_die_offset {
                Some(offset) if function.language.is_some_and(is_cpp) => {
                    unit.map(|unit| scope::of(unit, offset))
                }
                _ => None,
            };
            Some((format!("{}{raw}", scopes.unwrap_or_default()).into(), false))
        });
        let (name, demangled) = name.unzip();
        let location = frame.location;
        functions.push(Function {
            name,
            demangled: demangled.unwrap_or_default(),
            file: location.as_ref().and_then(|location| Some(location.file?.into())),
            line: location.and_then(|location| location.line).filter(|line| *line != 0),
        });
        if functions.len() >= MAX_INLINED {
            break;
        }
    }
    Ok(functions)
}

fn is_cpp(language: gimli::DwLang) -> bool {
    matches!(
        language,
        gimli::DW_LANG_C_plus_plus
            | gimli::DW_LANG_C_plus_plus_03
            | gimli::DW_LANG_C_plus_plus_11
            | gimli::DW_LANG_C_plus_plus_14
            | gimli::DW_LANG_C_plus_plus_17
            | gimli::DW_LANG_C_plus_plus_20
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::module::{Section, SectionBytes};

    /// A unit with a function at 0x1000 and this many inlined calls inside each other.
    fn nested(levels: usize) -> (Vec<u8>, Vec<u8>) {
        // (code, tag, has children, (attribute, form)..., 0, 0): a unit, a function, a call.
        let ranged = [0x11, 0x01, 0x12, 0x07, 0, 0];
        let abbreviations =
            [&[1, 0x11, 1][..], &ranged, &[2, 0x2e, 1], &ranged, &[3, 0x1d, 1, 0, 0, 0]].concat();
        let range = [0x1000u64.to_le_bytes(), 0x10u64.to_le_bytes()].concat();
        let mut unit = [&[4, 0, 0, 0, 0, 0, 8, 1][..], &range, &[2], &range].concat();
        unit.extend(std::iter::repeat_n(3, levels));
        unit.extend(std::iter::repeat_n(0, levels + 2));
        let len = u32::try_from(unit.len()).unwrap();
        ([&len.to_le_bytes(), &unit[..]].concat(), abbreviations)
    }

    fn sections<'a>(parts: &[(SectionId, &'a [u8])]) -> Sections<'a> {
        let section = |bytes| Section { addr: FileAddr(0), bytes: SectionBytes::Memory(bytes) };
        Sections(parts.iter().map(|(id, bytes)| (*id, section(*bytes))).collect())
    }

    #[test]
    fn calls_nested_absurdly_deep_give_no_functions_and_no_overflow() {
        for (levels, found) in [(100, 1), (400_000, 0)] {
            let (info, abbreviations) = nested(levels);
            let own = sections(&[
                (SectionId::DebugInfo, &info),
                (SectionId::DebugAbbrev, &abbreviations),
            ]);
            let functions = DebugInformation { own, shared: None }.functions(&[FileAddr(0x1008)]).0;
            assert_eq!(functions[0].len(), found);
        }
    }

    /// Code, tag, has children, (attribute, form)..., 0, 0.
    const ABBREVIATIONS: &[&[u8]] = &[
        // A unit.
        &[1, 0x11, 1, 0x11, 0x01, 0x12, 0x07, 0, 0],
        // A function with a name.
        &[2, 0x2e, 0, 0x11, 0x01, 0x12, 0x07, 0x03, 0x08, 0, 0],
        // One that has its name from another unit, and from the shared file.
        &[3, 0x2e, 0, 0x11, 0x01, 0x12, 0x07, 0x31, 0x10, 0, 0],
        &[4, 0x2e, 0, 0x11, 0x01, 0x12, 0x07, 0x31, 0xa0, 0x3e, 0, 0],
        // What these refer to.
        &[5, 0x2e, 0, 0x03, 0x08, 0, 0],
        &[6, 0x2e, 0, 0x31, 0x10, 0, 0],
        &[0],
    ];

    /// The offset of the first entry in a unit.
    const FIRST: u32 = 11 + 1 + 16;

    /// A unit with code at an address, and one entry: that of this code, and these bytes.
    fn unit(at: u64, entry: &[u8]) -> Vec<u8> {
        let range = [at.to_le_bytes(), 0x10u64.to_le_bytes()].concat();
        let body = [&[4, 0, 0, 0, 0, 0, 8, 1][..], &range, entry, &[0]].concat();
        [&u32::try_from(body.len()).unwrap().to_le_bytes()[..], &body].concat()
    }

    fn function(code: u8, at: u64, rest: &[u8]) -> Vec<u8> {
        [&[code][..], &at.to_le_bytes(), &0x10u64.to_le_bytes(), rest].concat()
    }

    /// An index that says that the unit at each offset has the code at the address.
    fn aranges(units: &[(u32, u64)]) -> Vec<u8> {
        let set = |(offset, at): &(u32, u64)| {
            let head =
                [&44u32.to_le_bytes()[..], &[2, 0], &offset.to_le_bytes(), &[8, 0, 0, 0, 0, 0]];
            let range = [at.to_le_bytes(), 0x10u64.to_le_bytes()].concat();
            [&head.concat()[..], &range, &[0; 16]].concat()
        };
        units.iter().flat_map(set).collect()
    }

    fn name(functions: &[Vec<Function>]) -> Option<&str> {
        functions.first()?.first()?.name.as_ref().map(crate::text::Text::raw)
    }

    #[test]
    fn a_name_is_found_in_another_unit_and_in_the_shared_file() {
        let abbreviations = ABBREVIATIONS.concat();
        let info_of = |units: &[Vec<u8>]| {
            let starts: Vec<u32> = units
                .iter()
                .scan(0, |end, unit| {
                    *end += u32::try_from(unit.len()).unwrap();
                    Some(*end - u32::try_from(unit.len()).unwrap())
                })
                .collect();
            (units.concat(), starts)
        };
        // In the shared file: a unit that leads to the one before it.
        let named = unit(0, b"\x05of the shared file\0");
        let leads = unit(0, &[&[6][..], &FIRST.to_le_bytes()].concat());
        let (shared_info, shared_starts) = info_of(&[named, leads]);
        let in_shared = shared_starts[1] + FIRST;

        let (info, starts) = info_of(&[
            unit(0x1000, &function(2, 0x1000, b"own\0")),
            unit(0x2000, b"\x05of another unit\0"),
            unit(0x3000, &function(3, 0x3000, &[0; 4])),
            unit(0x4000, &function(4, 0x4000, &in_shared.to_le_bytes())),
            unit(0x5000, &function(2, 0x5000, b"not in the index\0")),
            unit(0x6000, &function(3, 0x6000, &0xffff_u32.to_le_bytes())),
        ]);
        // Unit 2 refers to the entry of unit 1.
        let mut info = info;
        let at = usize::try_from(starts[2] + FIRST).unwrap() + 17;
        info[at..at + 4].copy_from_slice(&(starts[1] + FIRST).to_le_bytes());
        let index = aranges(&[
            (starts[0], 0x1000),
            (starts[2], 0x3000),
            (starts[3], 0x4000),
            (starts[5], 0x6000),
        ]);
        let debug = DebugInformation {
            own: sections(&[
                (SectionId::DebugInfo, &info),
                (SectionId::DebugAbbrev, &abbreviations),
                (SectionId::DebugAranges, &index),
            ]),
            shared: Some(sections(&[
                (SectionId::DebugInfo, &shared_info),
                (SectionId::DebugAbbrev, &abbreviations),
            ])),
        };
        for (addr, by_units, in_all) in [
            (0x1008, Some("own"), Some("own")),
            (0x3008, Some("of another unit"), Some("of another unit")),
            (0x4008, Some("of the shared file"), Some("of the shared file")),
            (0x5008, None, Some("not in the index")),
            (0x6008, None, None),
            (0x7008, None, None),
        ] {
            let info = debug.own.get(SectionId::DebugInfo).unwrap();
            let mut found = vec![Vec::new()];
            debug.in_units(info, &[FileAddr(addr)], &mut found);
            assert_eq!(name(&found), by_units, "{addr:x}");
            assert_eq!(name(&debug.functions(&[FileAddr(addr)]).0), in_all, "{addr:x}");
        }
        let all = [0x1008, 0x3008, 0x4008, 0x5008].map(FileAddr);
        assert!(debug.functions(&all).0.iter().all(|functions| functions.len() == 1));
    }
}
