//! Functions and lines from DWARF debug information.

use addr2line::Context;
use gimli::SectionId;

use crate::addr::FileAddr;
use crate::evidence::files::Files;
use crate::module::Image;
use crate::symbol::reader::{SectionReader, with_bounded_stack};
use crate::symbol::{Function, MAX_INLINED, debug_file, demangle, scope};

/// The debug information of one file.
pub struct Dwarf<'a> {
    context: Context<SectionReader<'a>>,
}

impl<'a> Dwarf<'a> {
    /// The debug information in a file, or none.
    pub fn load(image: &Image<'a>, files: &'a Files) -> Option<Dwarf<'a>> {
        image.section(".debug_info")?;
        let mut dwarf = sections(image)?;
        if let Some(shared) = debug_file::shared(image, files) {
            dwarf.set_sup(sections(&shared)?);
        }
        dwarf.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
        Context::from_dwarf(dwarf).ok().map(|context| Dwarf { context })
    }

    /// The functions at an address, innermost first. None where they are nested absurdly deep.
    pub fn functions(&self, addr: FileAddr) -> Vec<Function> {
        with_bounded_stack(|| self.find(addr))
    }

    fn find(&self, addr: FileAddr) -> Vec<Function> {
        // Split debug information (`.dwo`) is not looked for: what the file itself says is used.
        let Ok(mut frames) = self.context.find_frames(addr.0).skip_all_loads() else {
            return Vec::new();
        };
        let unit = self.context.find_dwarf_and_unit(addr.0).skip_all_loads();
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
        functions
    }
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

fn sections<'a>(image: &Image<'a>) -> Option<gimli::Dwarf<SectionReader<'a>>> {
    let load = |id: SectionId| -> Result<SectionReader<'a>, gimli::Error> {
        Ok(image.section(id.name()).map_or_else(SectionReader::empty, SectionReader::new))
    };
    gimli::Dwarf::load(load).ok()
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

    fn functions(levels: usize) -> usize {
        let (info, abbreviations) = nested(levels);
        let load = |id: SectionId| -> Result<SectionReader<'_>, gimli::Error> {
            let bytes: &[u8] = match id {
                SectionId::DebugInfo => &info,
                SectionId::DebugAbbrev => &abbreviations,
                _ => &[],
            };
            let bytes = SectionBytes::Memory(bytes);
            Ok(SectionReader::new(Section { addr: FileAddr(0), bytes }))
        };
        let context = Context::from_dwarf(gimli::Dwarf::load(load).unwrap()).unwrap();
        Dwarf { context }.functions(FileAddr(0x1008)).len()
    }

    #[test]
    fn calls_nested_absurdly_deep_give_no_functions_and_no_overflow() {
        assert_eq!(functions(100), 1);
        assert_eq!(functions(400_000), 0);
    }
}
