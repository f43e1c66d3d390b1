//! The symbols of an ELF file: one by its name, and those that cover addresses.

use std::cmp::Reverse;

use object::Endianness;
use object::elf;
use object::read::elf::{GnuHashTable, SectionHeader as _, Sym as _, VersionTable};

use super::{Header, Image};
use crate::addr::FileAddr;
use crate::evidence::files::OpenFile;
use crate::text::Text;

/// The most symbols of one table that are looked at: node has about 300,000.
/// A larger table would be longer than what [`OpenFile`] puts together, and counts as none.
const MAX_SYMBOLS: usize = 2_700_000;

/// The longest name of a symbol, in bytes.
const MAX_SYMBOL_NAME: usize = 8 << 10;

/// The most underscores at the beginning of a name that are counted.
const MAX_UNDERSCORES: usize = 16;

/// How far a symbol without a size reaches, in bytes. Hand-written assembly (`_start`,
/// `__restore_rt` of older C libraries) has such symbols.
const UNSIZED_REACH: u64 = 256;

type SymbolTable<'a> = object::read::elf::SymbolTable<'a, Header, &'a OpenFile>;

/// A function symbol that covers an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name, as the table has it, without its version.
    pub name: Text,
    /// Where it begins.
    pub start: FileAddr,
    /// Whether it says how long it is. One that does not may name what lies behind it.
    pub sized: bool,
}

impl<'a> Image<'a> {
    fn tables(&self) -> impl Iterator<Item = SymbolTable<'a>> + '_ {
        // The dynamic table is small and survives `strip`; the full one may be large.
        [elf::SHT_DYNSYM, elf::SHT_SYMTAB].into_iter().filter_map(|kind| self.table(kind))
    }

    fn table(&self, kind: elf::SectionType) -> Option<SymbolTable<'a>> {
        let table = self.sections.symbols(self.endian, self.file, kind).ok()?;
        Some(table).filter(|table| !table.is_empty())
    }

    /// The index of the dynamic table.
    fn hash_table(&self) -> Option<GnuHashTable<'a, Header>> {
        let header = self.sections.gnu_hash_header(self.endian, self.file).ok()??;
        // `object` shifts by it unseen.
        if header.bloom_shift.get(self.endian) >= u32::BITS {
            return None;
        }
        Some(self.sections.gnu_hash(self.endian, self.file).ok()??.0)
    }

    /// Where in the file the names of a table lie.
    fn names(&self, table: &SymbolTable<'a>) -> Option<u64> {
        let section = self.sections.section(table.string_section()).ok()?;
        Some(section.sh_offset(self.endian))
    }

    /// Where a symbol lies that the file defines.
    pub(super) fn symbol(&self, name: &str) -> Option<FileAddr> {
        let exported = match (self.table(elf::SHT_DYNSYM), self.hash_table()) {
            (Some(table), Some(index)) => {
                let (hash, any) = (elf::gnu_hash(name.as_bytes()), VersionTable::default());
                let found = index.find(self.endian, name.as_bytes(), hash, None, &table, &any);
                found.and_then(|(_, symbol)| self.defined(symbol))
            }
            (Some(table), None) => self.search(&table, name),
            (None, _) => None,
        };
        // What was not exported may still be named.
        exported.or_else(|| self.search(&self.table(elf::SHT_SYMTAB)?, name))
    }

    /// Where a symbol lies, if the file defines it.
    fn defined(&self, symbol: &elf::Sym64<Endianness>) -> Option<FileAddr> {
        let value = symbol.st_value(self.endian);
        (!symbol.is_undefined(self.endian) && value != 0).then_some(FileAddr(value))
    }

    /// Looks at every symbol of a table.
    fn search(&self, table: &SymbolTable<'a>, name: &str) -> Option<FileAddr> {
        let names = self.names(table)?;
        table.iter().take(MAX_SYMBOLS).find_map(|symbol| {
            let place = self.defined(symbol)?;
            self.is_named(names, symbol, name).then_some(place)
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
                let mut name = self.name(names, symbol, MAX_SYMBOL_NAME)?;
                // `clock_nanosleep@GLIBC_2.2.5`: the name and its version.
                let version = name.iter().position(|byte| *byte == b'@');
                name.truncate(version.filter(|at| *at > 0).unwrap_or(name.len()));
                let (name, start) = (Text::from_bytes(&name), FileAddr(rank.start));
                Some(Symbol { name, start, sized: rank.sized })
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

/// How well a symbol names an address; the larger, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    sized: bool,
    start: u64,
    /// The number of underscores that the name begins with.
    plain: Reverse<usize>,
    global: bool,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::evidence::fake::{FakeFile, FakeRoot};

    #[test]
    fn the_index_of_exported_symbols_finds_what_their_table_has() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let libc = maps.split_whitespace().find(|word| word.contains("/libc.so")).unwrap();
        let mut root = FakeRoot::new(&[]);
        let file = FakeFile { bytes: std::fs::read(libc).unwrap(), modified: 0, inode: 1 };
        root.add("/libc.so.6", file);
        let files = root.files();
        let image = Image::parse(files.in_root("/libc.so.6").unwrap()).unwrap();
        assert!(image.hash_table().is_some());
        let exported = image.table(elf::SHT_DYNSYM).unwrap();
        for name in ["getpid", "pthread_create", "environ", "stdout"] {
            let found = image.symbol(name);
            assert!(found.is_some(), "{name}");
            assert_eq!(found, image.search(&exported, name), "{name}");
        }
        assert_eq!(image.symbol("no_such_symbol"), None);
        assert_eq!(image.symbol(""), None);
    }
}
