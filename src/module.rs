//! Mapped ELF files: where they lie, what they are, their sections and symbols.
//!
//! A module is opened through the mapping itself, so that a replaced or deleted file is still the
//! right one. Nothing here unwinds or reads debug information.

mod section;

use std::cell::OnceCell;
use std::cmp::Reverse;

use object::Endianness;
use object::elf;
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _, Sym as _};

pub use self::section::{Section, SectionBytes};
use crate::addr::{Addr, FileAddr};
use crate::evidence::files::{Files, OpenFile};
use crate::evidence::inflate::{Compressed, Compression};
use crate::target::Mapping;
use crate::target::files::{FileError, FileRequest};
use crate::text::Text;

type Header = elf::FileHeader64<Endianness>;

/// The most program headers, sections or mappings of one module that are looked at.
pub const MAX_HEADERS: usize = 4096;

/// The most symbols of one table that are looked at: node has about 300,000.
/// A larger table would be longer than what [`OpenFile`] puts together, and counts as none.
pub const MAX_SYMBOLS: usize = 2_700_000;

/// The longest name of a symbol, in bytes.
const MAX_SYMBOL_NAME: usize = 8 << 10;

/// The largest segment of notes that is looked into, in bytes: a build id takes 36.
const MAX_NOTES: u64 = 64 << 10;

/// The largest section after decompression, in bytes.
pub const MAX_INFLATED: u64 = 256 << 20;

/// How much larger a compressed section may become: debug information shrinks to a tenth or so.
const MAX_RATIO: u64 = 256;

/// All that was mapped with code in it, sorted by address.
#[derive(Debug)]
pub struct Modules<'a> {
    modules: Vec<Module<'a>>,
}

impl<'a> Modules<'a> {
    /// The modules among these mappings. Files are opened when they are asked about.
    pub fn new(files: &'a Files, mappings: &'a [Mapping]) -> Modules<'a> {
        let mut modules: Vec<Module<'a>> = Vec::new();
        for mapping in mappings {
            if !mapping.is_file() && mapping.path.raw() != "[vdso]" {
                continue;
            }
            let identity = (mapping.device, mapping.inode);
            match modules.iter_mut().rev().take(MAX_NEIGHBOURS).find(|module| {
                module.identity() == identity
                    && module.first().offset < mapping.offset
                    && module.mappings.len() < MAX_HEADERS
            }) {
                Some(module) => module.mappings.push(mapping),
                None => modules.push(Module::new(files, mapping)),
            }
        }
        modules.retain(|module| module.mappings.iter().any(|mapping| mapping.executable));
        Modules { modules }
    }

    /// The module that holds `addr`.
    pub fn find(&self, addr: Addr) -> Option<&Module<'a>> {
        let after = self.modules.partition_point(|module| module.first().start <= addr);
        self.modules[..after]
            .iter()
            .rev()
            .take(MAX_NEIGHBOURS)
            .find(|module| module.mappings.iter().any(|mapping| mapping.contains(addr)))
    }

    /// All of them, by address.
    pub fn iter(&self) -> impl Iterator<Item = &Module<'a>> {
        self.modules.iter()
    }
}

/// Mappings of one module can be interleaved with others' (anonymous memory, another file mapped
/// into a gap); this many modules back are looked at.
const MAX_NEIGHBOURS: usize = 8;

/// One mapped ELF file.
#[derive(Debug)]
pub struct Module<'a> {
    files: &'a Files,
    mappings: Vec<&'a Mapping>,
    image: OnceCell<Result<Image<'a>, FileError>>,
}

impl<'a> Module<'a> {
    fn new(files: &'a Files, first: &'a Mapping) -> Module<'a> {
        Module { files, mappings: vec![first], image: OnceCell::new() }
    }

    fn first(&self) -> &'a Mapping {
        self.mappings[0]
    }

    fn identity(&self) -> ((u32, u32), u64) {
        (self.first().device, self.first().inode)
    }

    /// Its path as the kernel shows it, or `[vdso]`.
    pub fn path(&self) -> &'a Text {
        &self.first().path
    }

    /// Whether it is the kernel's own, with no file behind it.
    pub fn is_vdso(&self) -> bool {
        !self.first().is_file()
    }

    /// Its mappings, by address.
    pub fn mappings(&self) -> &[&'a Mapping] {
        &self.mappings
    }

    /// The request that opens its file.
    pub fn request(&self) -> FileRequest {
        FileRequest::Mapped { start: self.first().start, end: self.first().end }
    }

    /// Its ELF file, parsed as far as needed to find the rest.
    pub fn image(&self) -> Result<&Image<'a>, FileError> {
        let image = self.image.get_or_init(|| {
            let file = self.files.open(&self.request())?;
            Image::parse(file).map_err(|error| FileError::Other(error.to_string()))
        });
        image.as_ref().map_err(Clone::clone)
    }

    /// What turns an address of its ELF file into one of the process. It follows from the first
    /// mapping alone: the segment that begins at its file offset.
    pub fn bias(&self) -> Option<u64> {
        self.image().ok()?.bias(self.first())
    }

    /// Where in its ELF file an address of the process lies.
    pub fn file_addr(&self, addr: Addr) -> Option<FileAddr> {
        Some(FileAddr(addr.0.wrapping_sub(self.bias()?)))
    }

    /// The memory that it has beyond what its file fills, which is zeros when it is loaded (`.bss`):
    /// where each piece begins, and its length.
    pub fn zeroed(&self) -> Vec<(Addr, u64)> {
        let (Ok(image), Some(bias)) = (self.image(), self.bias()) else { return Vec::new() };
        let piece = |(start, len): (FileAddr, u64)| (Addr(start.0.wrapping_add(bias)), len);
        image.zeroed().map(piece).collect()
    }

    /// The address of a symbol that the module defines, by its exact name.
    pub fn symbol(&self, name: &str) -> Option<Addr> {
        let value = self.image().ok()?.symbol(name)?;
        Some(Addr(value.0.wrapping_add(self.bias()?)))
    }
}

/// An ELF file, parsed lazily.
#[derive(Debug)]
pub struct Image<'a> {
    file: &'a OpenFile,
    endian: Endianness,
    header: &'a Header,
    sections: object::read::elf::SectionTable<'a, Header, &'a OpenFile>,
}

/// A function symbol that covers an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name, as the table has it.
    pub name: Text,
    /// Where it begins.
    pub start: FileAddr,
}

impl<'a> Image<'a> {
    /// Parses the headers of an ELF file.
    pub fn parse(file: &'a OpenFile) -> object::Result<Image<'a>> {
        let header = Header::parse(file)?;
        let endian = header.endian()?;
        // A file without section headers (sstrip) still has its segments.
        let sections = header.sections(endian, file).unwrap_or_default();
        Ok(Image { file, endian, header, sections })
    }

    /// The file it is read from.
    pub fn file(&self) -> &'a OpenFile {
        self.file
    }

    /// Its `e_machine`.
    pub fn machine(&self) -> u16 {
        self.header.e_machine.get(self.endian).0
    }

    fn segments(&self) -> &'a [elf::ProgramHeader64<Endianness>] {
        let segments = self.header.program_headers(self.endian, self.file).unwrap_or_default();
        &segments[..segments.len().min(MAX_HEADERS)]
    }

    fn bias(&self, first: &Mapping) -> Option<u64> {
        let segment = PAGE_SIZES.iter().find_map(|page| self.mapped_from(first.offset, *page))?;
        let at = segment
            .p_vaddr(self.endian)
            .wrapping_add(first.offset)
            .wrapping_sub(segment.p_offset(self.endian));
        Some(first.start.0.wrapping_sub(at))
    }

    /// The segment that a mapping of the file from `offset` on belongs to. The kernel maps whole
    /// pages, whatever alignment the segment asks for: its offset is rounded down to a page.
    fn mapped_from(&self, offset: u64, page: u64) -> Option<&'a elf::ProgramHeader64<Endianness>> {
        self.segments().iter().find(|segment| {
            let begin = segment.p_offset(self.endian);
            let start = begin / page * page;
            let end = begin.saturating_add(segment.p_filesz(self.endian));
            segment.p_type(self.endian) == elf::PT_LOAD
                && (start..end.max(start + 1)).contains(&offset)
        })
    }

    /// What its writable segments have in memory beyond what they have in the file.
    fn zeroed(&self) -> impl Iterator<Item = (FileAddr, u64)> {
        let writable = self.segments().iter().filter(|segment| {
            segment.p_type(self.endian) == elf::PT_LOAD
                && segment.p_flags(self.endian).0 & elf::PF_W.0 != 0
        });
        writable.filter_map(|segment| {
            let filled = segment.p_filesz(self.endian);
            let len = segment.p_memsz(self.endian).checked_sub(filled)?;
            let start = segment.p_vaddr(self.endian).checked_add(filled)?;
            (len > 0).then_some((FileAddr(start), len))
        })
    }

    /// The bytes of a section, wherever they lie, inflated if they are stored compressed.
    pub fn section(&self, name: &str) -> Option<Section<'a>> {
        let (_, section) = self.sections.section_by_name(self.endian, name.as_bytes())?;
        if section.sh_type(self.endian) == elf::SHT_NOBITS {
            return None;
        }
        let addr = FileAddr(section.sh_addr(self.endian));
        let offset = section.sh_offset(self.endian);
        let compressed = section.compression(self.endian, self.file).ok()?;
        let bytes = match compressed {
            None => {
                SectionBytes::File { file: self.file, offset, len: section.sh_size(self.endian) }
            }
            Some((header, start, len)) => {
                let size = header.ch_size.get(self.endian);
                if size > MAX_INFLATED.min(len.saturating_mul(MAX_RATIO)) {
                    return None;
                }
                let compression = match header.ch_type.get(self.endian) {
                    elf::ELFCOMPRESS_ZLIB => Compression::Zlib,
                    elf::ELFCOMPRESS_ZSTD => Compression::Zstandard,
                    _ => return None,
                };
                let stored = Compressed { compression, start, len, size };
                let inflated = self.file.inflated(stored)?;
                SectionBytes::Inflated { file: self.file, inflated }
            }
        };
        Some(Section { addr, bytes })
    }

    /// The build id, if the linker left one.
    pub fn build_id(&self) -> Option<&'a [u8]> {
        self.segments().iter().find_map(|segment| {
            if segment.p_filesz(self.endian) > MAX_NOTES {
                return None;
            }
            let mut notes = segment.notes(self.endian, self.file).ok()??;
            while let Ok(Some(note)) = notes.next() {
                if note.name() == elf::ELF_NOTE_GNU
                    && note.n_type(self.endian) == elf::NT_GNU_BUILD_ID
                {
                    return Some(note.desc());
                }
            }
            None
        })
    }

    /// The file name and checksum of separate debug information.
    pub fn debug_link(&self) -> Option<(Text, u32)> {
        let section = self.section(".gnu_debuglink")?.to_bytes(4096)?;
        let end = section.iter().position(|byte| *byte == 0)?;
        let crc = section.get((end + 4) & !3..)?.first_chunk::<4>()?;
        Some((Text::from_bytes(&section[..end]), u32::from_le_bytes(*crc)))
    }

    fn tables(&self) -> impl Iterator<Item = SymbolTable<'a>> + '_ {
        // The dynamic table is small and survives `strip`; the full one may be large.
        [elf::SHT_DYNSYM, elf::SHT_SYMTAB].into_iter().filter_map(|kind| {
            self.sections
                .symbols(self.endian, self.file, kind)
                .ok()
                .filter(|table| !table.is_empty())
        })
    }

    /// Where in the file the names of a table lie.
    fn names(&self, table: &SymbolTable<'a>) -> Option<u64> {
        let section = self.sections.section(table.string_section()).ok()?;
        Some(section.sh_offset(self.endian))
    }

    fn symbol(&self, name: &str) -> Option<FileAddr> {
        self.tables().find_map(|table| {
            let names = self.names(&table)?;
            let found = table.iter().take(MAX_SYMBOLS).find(|symbol| {
                !symbol.is_undefined(self.endian)
                    && symbol.st_value(self.endian) != 0
                    && self.is_named(names, symbol, name)
            })?;
            Some(FileAddr(found.st_value(self.endian)))
        })
    }

    fn is_named(&self, names: u64, symbol: &elf::Sym64<Endianness>, name: &str) -> bool {
        let at = names.saturating_add(u64::from(symbol.st_name(self.endian)));
        let piece = self.file.block_from(at).unwrap_or_default();
        match piece.get(..=name.len()) {
            Some(known) => known.split_last() == Some((&0, name.as_bytes())),
            // Perhaps it crosses into the next block.
            None => {
                name.as_bytes().starts_with(piece)
                    && self
                        .name(names, symbol, name.len() + 1)
                        .is_some_and(|known| known == name.as_bytes())
            }
        }
    }

    /// The name of a symbol, or its first `limit` bytes.
    fn name(&self, names: u64, symbol: &elf::Sym64<Endianness>, limit: usize) -> Option<Vec<u8>> {
        let at = names.saturating_add(u64::from(symbol.st_name(self.endian)));
        self.file.name_at(at, limit).ok()
    }

    /// The function symbols that cover these addresses (sorted, ascending), in one pass over each
    /// table. Where several cover one, a symbol with a size wins, then the one that begins last,
    /// then the plainest (`read`, not `__libc_read`), then a global one.
    pub fn symbols_at(&self, sorted: &[FileAddr]) -> Vec<Option<Symbol>> {
        let mut best: Vec<Option<Candidate<'a>>> = vec![None; sorted.len()];
        for table in self.tables() {
            let Some(names) = self.names(&table) else { continue };
            for symbol in table.symbols().iter().take(MAX_SYMBOLS) {
                self.offer(symbol, names, sorted, &mut best);
            }
        }
        best.into_iter()
            .map(|found| {
                let Candidate { rank, names, symbol } = found?;
                let name = self.name(names, symbol, MAX_SYMBOL_NAME)?;
                Some(Symbol { name: Text::from_bytes(&name), start: FileAddr(rank.start) })
            })
            .collect()
    }

    /// Puts a symbol to the addresses that it covers better than what is there.
    fn offer(
        &self,
        symbol: &'a elf::Sym64<Endianness>,
        names: u64,
        sorted: &[FileAddr],
        best: &mut [Option<Candidate<'a>>],
    ) {
        let code = matches!(symbol.st_type(), elf::STT_FUNC | elf::STT_GNU_IFUNC | elf::STT_NOTYPE);
        if !code || symbol.is_undefined(self.endian) {
            return;
        }
        let start = symbol.st_value(self.endian);
        let size = symbol.st_size(self.endian);
        let end = start.saturating_add(if size == 0 { UNSIZED_REACH } else { size });
        let from = sorted.partition_point(|addr| addr.0 < start);
        if sorted.get(from).is_none_or(|addr| addr.0 >= end) {
            return;
        }
        // Only how the name begins is read for now: most symbols lose.
        let begin = self.name(names, symbol, MAX_UNDERSCORES).unwrap_or_default();
        if begin.is_empty() {
            return;
        }
        let rank = Rank {
            sized: size != 0,
            start,
            plain: Reverse(begin.iter().take_while(|byte| **byte == b'_').count()),
            global: symbol.st_bind() != elf::STB_LOCAL,
        };
        let covered = sorted.iter().zip(best).skip(from).take_while(|(addr, _)| addr.0 < end);
        for (_, place) in covered {
            if place.as_ref().is_none_or(|known| known.rank < rank) {
                *place = Some(Candidate { rank, names, symbol });
            }
        }
    }
}

/// The symbol that names an address best so far.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    rank: Rank,
    /// Where in the file the names of its table lie.
    names: u64,
    symbol: &'a elf::Sym64<Endianness>,
}

/// The most underscores at the beginning of a name that are counted.
const MAX_UNDERSCORES: usize = 16;

type SymbolTable<'a> = object::read::elf::SymbolTable<'a, Header, &'a OpenFile>;

/// The sizes of a page, the usual one first; arm64 kernels may have the others.
const PAGE_SIZES: [u64; 3] = [4 << 10, 16 << 10, 64 << 10];

/// How far a symbol without a size reaches, in bytes. Hand-written assembly (`_start`,
/// `__restore_rt` of older C libraries) has such symbols.
const UNSIZED_REACH: u64 = 256;

/// How well a symbol names an address; the larger, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    sized: bool,
    start: u64,
    /// The number of underscores that the name begins with.
    plain: Reverse<usize>,
    global: bool,
}
