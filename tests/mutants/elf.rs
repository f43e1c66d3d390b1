//! Programs: headers, sections, symbols and notes; the rules of unwinding with their expressions;
//! debug information; sections that are stored compressed.

use std::ops::Range;
use std::path::PathBuf;

use object::read::elf::ElfFile64;
use object::{Object as _, ObjectSection as _};

use crate::random::{Random, overwrite};
use crate::{campaign, parsers};

/// Small programs of `fixtures/targets` with all kinds of sections.
const PROGRAMS: [&str; 5] =
    ["stacks-O2", "stacks-O0", "stacks-O2-debugframe", "stacks-O2-nohdr", "deep"];

/// A program, and the parts of its file that are damaged.
struct Seed {
    bytes: Vec<u8>,
    parts: Vec<Range<usize>>,
}

/// The programs that are built, each with the sections that are to be damaged and its headers.
fn seeds(wanted: impl Fn(&str) -> bool) -> Vec<Seed> {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/targets");
    let seeds = PROGRAMS.iter().filter_map(|name| {
        let bytes = std::fs::read(built.join(name)).ok()?;
        let file = ElfFile64::<object::Endianness>::parse(&*bytes).unwrap();
        let sections = file.sections().filter(|section| section.name().is_ok_and(&wanted));
        let parts = sections.filter_map(|section| {
            let (start, len) = section.file_range()?;
            Some(usize::try_from(start).unwrap()..usize::try_from(start + len).unwrap())
        });
        let parts: Vec<Range<usize>> = parts.filter(|part| !part.is_empty()).collect();
        (!parts.is_empty()).then(|| Seed { parts, bytes: bytes.clone() })
    });
    let seeds: Vec<Seed> = seeds.collect();
    assert!(!seeds.is_empty(), "no program is built: fixtures/targets/build does that");
    seeds
}

/// The headers of a file: where nearly everything about it can be broken.
fn headers(bytes: &[u8]) -> Vec<Range<usize>> {
    let at = u64::from_le_bytes(*bytes[40..].first_chunk().unwrap());
    let sections = usize::try_from(at).unwrap().min(bytes.len());
    vec![0..64, 64..64 + 13 * 56, sections..bytes.len()]
}

fn damaged(seeds: &[Seed], random: &mut Random) -> Vec<u8> {
    let seed = &seeds[random.below(seeds.len())];
    let mut bytes = seed.bytes.clone();
    for _ in 0..1 << random.below(6) {
        let part = seed.parts[random.below(seed.parts.len())].clone();
        overwrite(&mut bytes[part], random);
    }
    bytes
}

#[test]
fn headers_sections_symbols_and_notes() {
    let any = |name: &str| {
        matches!(name, ".symtab" | ".strtab" | ".dynsym" | ".dynstr" | ".gnu.hash")
            || name.starts_with(".note")
    };
    let mut seeds = seeds(any);
    for seed in &mut seeds {
        let headers = headers(&seed.bytes);
        seed.parts.extend(headers);
    }
    campaign::run("ELF", parsers::elf, |random| damaged(&seeds, random));
}

#[test]
fn rules_of_unwinding_and_their_expressions() {
    let seeds = seeds(|name| matches!(name, ".eh_frame" | ".eh_frame_hdr" | ".debug_frame"));
    campaign::run("CFI", parsers::cfi, |random| damaged(&seeds, random));
}

#[test]
fn debug_information() {
    let seeds = seeds(|name| name.starts_with(".debug_") && name != ".debug_frame");
    campaign::run("DWARF", parsers::dwarf, |random| damaged(&seeds, random));
}

/// The same program with a section that says to be compressed.
fn compressed(seed: &Seed, random: &mut Random) -> Vec<u8> {
    use std::io::Write as _;
    let mut bytes = seed.bytes.clone();
    let part = seed.parts[random.below(seed.parts.len())].clone();
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&bytes[part.clone()]).unwrap();
    let size = (part.len() as u64).to_le_bytes();
    let head = [&1u32.to_le_bytes()[..], &[0; 4], &size, &1u64.to_le_bytes()].concat();
    let mut section = [head, packed.finish().unwrap()].concat();
    for _ in 0..random.below(8) {
        overwrite(&mut section, random);
    }
    let at = usize::try_from(u64::from_le_bytes(*bytes[40..].first_chunk().unwrap())).unwrap();
    let headers = bytes[at..].chunks_exact(64).position(|header| {
        u64::from_le_bytes(*header[24..].first_chunk().unwrap()) == part.start as u64
    });
    let header = at + 64 * headers.unwrap();
    bytes[header + 9] |= 0x08;
    let end = bytes.len() as u64;
    bytes[header + 24..header + 32].copy_from_slice(&end.to_le_bytes());
    bytes[header + 32..header + 40].copy_from_slice(&(section.len() as u64).to_le_bytes());
    [bytes, section].concat()
}

#[test]
fn compressed_sections() {
    let seeds = seeds(|name| name.starts_with(".debug_"));
    let make = |random: &mut Random| compressed(&seeds[random.below(seeds.len())], random);
    campaign::run("compressed sections", parsers::dwarf, make);
}
