//! SQLite databases, as far as finding a row takes: seeks in tables and indexes, page by page.
//!
//! Format: <https://www.sqlite.org/fileformat2.html>. SQLite itself is not used, since a database of
//! the target is hostile, may have 100 MB, and has to be read through the log of files: this reads
//! the dozen pages that lead to a row. What was written ahead (`-wal`) is not seen.

use std::cell::Cell;
use std::cmp::Ordering;

use crate::evidence::files::OpenFile;

/// The deepest tree: 32 levels of two children are more pages than a file can have.
const MAX_DEPTH: usize = 32;

/// The most bytes of pages that are read of one database: 16,000 pages of rpm's. A seek takes four or
/// five.
const MAX_READ: u64 = 64 << 20;

/// The largest row, in bytes: the header of rpm's largest packages (a kernel's modules, `texlive`)
/// takes 4 MB.
const MAX_ROW: u64 = 8 << 20;

/// The largest entry of an index, in bytes: the name of a file and a number.
const MAX_ENTRY: u64 = 16 << 10;

/// The most tables and indexes of a database that are looked at; rpm's has 50.
const MAX_SCHEMA: usize = 1000;

/// The most columns of a row that are looked at: the rows that lead to a package have five at most.
const MAX_COLUMNS: usize = 64;

/// It contradicts itself, or is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

type Result<T> = std::result::Result<T, Damaged>;

/// A database.
#[derive(Debug)]
pub struct Database<'a> {
    file: &'a OpenFile,
    page_size: u64,
    /// The bytes of a page that are used.
    usable: u64,
    /// How many bytes of pages may still be read.
    left: Cell<u64>,
}

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A whole number.
    Int(i64),
    /// Text or bytes.
    Bytes(&'a [u8]),
    /// What is not needed here: nothing, and numbers with a point.
    Other,
}

impl Value<'_> {
    /// The whole number that it is.
    pub fn int(&self) -> Result<i64> {
        match self {
            Value::Int(number) => Ok(*number),
            _ => Err(Damaged),
        }
    }
}

/// A page of a tree.
struct Page<'a> {
    bytes: &'a [u8],
    /// Where in the page the tree begins: behind the file's own header in the first one.
    start: usize,
    /// Whether it has pages below it.
    interior: bool,
    /// Whether it is an index's, not a table's.
    index: bool,
    cells: usize,
}

impl<'a> Page<'a> {
    fn parse(bytes: &'a [u8], start: usize) -> Result<Page<'a>> {
        let (index, interior) = match bytes.get(start).ok_or(Damaged)? {
            2 => (true, true),
            5 => (false, true),
            10 => (true, false),
            13 => (false, false),
            _ => return Err(Damaged),
        };
        let cells = usize::from(big_16(bytes, start + 3)?);
        Ok(Page { bytes, start, interior, index, cells })
    }

    /// The bytes from a cell on.
    fn cell(&self, nth: usize) -> Result<&'a [u8]> {
        let pointers = self.start + if self.interior { 12 } else { 8 };
        let at = usize::from(big_16(self.bytes, pointers + nth * 2)?);
        self.bytes.get(at..).ok_or(Damaged)
    }

    /// The page to the left of a cell; that to the right of all for the number after the last.
    fn child(&self, nth: usize) -> Result<u32> {
        match nth < self.cells {
            true => big_32(self.cell(nth)?, 0),
            false => big_32(self.bytes, self.start + 8),
        }
    }
}

impl<'a> Database<'a> {
    /// The database in a file.
    pub fn open(file: &'a OpenFile) -> Result<Database<'a>> {
        let head = file.slice(0, 100).map_err(|_| Damaged)?;
        let page_size = match big_16(head, 16)? {
            1 => 65536,
            size => u64::from(size),
        };
        let reserved = u64::from(*head.get(20).ok_or(Damaged)?);
        let usable = page_size.checked_sub(reserved).filter(|usable| *usable >= 480);
        // 1: UTF-8.
        if !head.starts_with(b"SQLite format 3\0")
            || !page_size.is_power_of_two()
            || big_32(head, 56)? > 1
        {
            return Err(Damaged);
        }
        Ok(Database { file, page_size, usable: usable.ok_or(Damaged)?, left: Cell::new(MAX_READ) })
    }

    /// The first page of the tree of a table or an index.
    pub fn tree(&self, name: &str) -> Result<u32> {
        let mut pages = vec![1];
        let mut seen = 0;
        while let Some(number) = pages.pop() {
            let page = self.page(number)?;
            for nth in 0..page.cells {
                seen += 1;
                if seen > MAX_SCHEMA || pages.len() > MAX_SCHEMA {
                    return Err(Damaged);
                }
                if page.interior {
                    pages.push(page.child(nth)?);
                    continue;
                }
                let (_, row) = self.table_cell(&page, nth)?;
                // type, name, table, first page, SQL
                if let [_, Value::Bytes(found), _, root, ..] = columns(&row)?.as_slice()
                    && *found == name.as_bytes()
                {
                    return u32::try_from(root.int()?).map_err(|_| Damaged);
                }
            }
            if page.interior {
                pages.push(page.child(page.cells)?);
            }
        }
        Err(Damaged)
    }

    /// The row of this number in a table.
    pub fn row(&self, table: u32, rowid: i64) -> Result<Option<Vec<u8>>> {
        let mut number = table;
        for _ in 0..MAX_DEPTH {
            let page = self.page(number)?;
            if page.index {
                return Err(Damaged);
            }
            let at = first(page.cells, |nth| {
                let cell = page.cell(nth)?;
                // The left child or the length of the row stand before the number.
                let rest = match page.interior {
                    true => cell.get(4..).ok_or(Damaged)?,
                    false => varint(cell)?.1,
                };
                Ok(varint(rest)?.0.cast_signed() < rowid)
            })?;
            if page.interior {
                number = page.child(at)?;
                continue;
            }
            if at >= page.cells {
                return Ok(None);
            }
            let (found, row) = self.table_cell(&page, at)?;
            return Ok((found == rowid).then_some(row));
        }
        Err(Damaged)
    }

    /// The numbers of the rows whose first column in an index is this text, at most `limit`.
    pub fn find(&self, index: u32, key: &[u8], limit: usize) -> Result<Vec<i64>> {
        let mut found = Vec::new();
        let mut pages = vec![index];
        while let Some(number) = pages.pop() {
            let page = self.page(number)?;
            if !page.index || pages.len() > MAX_DEPTH * limit {
                return Err(Damaged);
            }
            let compare = |nth| {
                let entry = self.index_cell(&page, nth)?;
                let columns = columns(&entry)?;
                let order = match columns.first() {
                    Some(Value::Bytes(text)) => (*text).cmp(key),
                    // Nothing and numbers stand before text.
                    _ => Ordering::Less,
                };
                Ok((order, columns.last().ok_or(Damaged)?.int()))
            };
            let mut nth = first(page.cells, |nth| Ok(compare(nth)?.0 == Ordering::Less))?;
            loop {
                if page.interior {
                    pages.push(page.child(nth)?);
                }
                if nth >= page.cells {
                    break;
                }
                let (order, rowid) = compare(nth)?;
                if order != Ordering::Equal || found.len() >= limit {
                    break;
                }
                found.push(rowid?);
                nth += 1;
            }
        }
        Ok(found)
    }

    fn page(&self, number: u32) -> Result<Page<'a>> {
        Page::parse(self.page_bytes(number)?, if number == 1 { 100 } else { 0 })
    }

    fn page_bytes(&self, number: u32) -> Result<&'a [u8]> {
        self.left.set(self.left.get().checked_sub(self.page_size).ok_or(Damaged)?);
        let before = u64::from(number.checked_sub(1).ok_or(Damaged)?);
        self.file.slice(before * self.page_size, self.page_size).map_err(|_| Damaged)
    }

    /// The number and the bytes of a row.
    fn table_cell(&self, page: &Page<'_>, nth: usize) -> Result<(i64, Vec<u8>)> {
        if page.interior || page.index {
            return Err(Damaged);
        }
        let (len, rest) = varint(page.cell(nth)?)?;
        let (rowid, rest) = varint(rest)?;
        Ok((rowid.cast_signed(), self.payload(rest, len, self.usable - 35)?))
    }

    /// The bytes of an entry of an index.
    fn index_cell(&self, page: &Page<'_>, nth: usize) -> Result<Vec<u8>> {
        let cell = page.cell(nth)?;
        let (len, rest) = varint(if page.interior { cell.get(4..).ok_or(Damaged)? } else { cell })?;
        if len > MAX_ENTRY {
            return Err(Damaged);
        }
        self.payload(rest, len, (self.usable - 12) * 64 / 255 - 23)
    }

    /// What a cell holds: of more than `most` bytes, only the first are in its page.
    fn payload(&self, cell: &[u8], len: u64, most: u64) -> Result<Vec<u8>> {
        if len > MAX_ROW {
            return Err(Damaged);
        }
        let wanted = usize::try_from(len).map_err(|_| Damaged)?;
        if len <= most {
            return cell.get(..wanted).map(<[u8]>::to_vec).ok_or(Damaged);
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let here = least + (len - least) % (self.usable - 4);
        let here = usize::try_from(if here <= most { here } else { least }).map_err(|_| Damaged)?;
        let mut bytes = cell.get(..here).ok_or(Damaged)?.to_vec();
        let mut next = big_32(cell, here)?;
        while bytes.len() < wanted {
            let page = self.page_bytes(next)?;
            let page = page.get(..usize::try_from(self.usable).map_err(|_| Damaged)?);
            let (page, rest) = page.and_then(<[u8]>::split_first_chunk).ok_or(Damaged)?;
            next = u32::from_be_bytes(*page);
            bytes.extend_from_slice(
                rest.get(..rest.len().min(wanted - bytes.len())).ok_or(Damaged)?,
            );
        }
        Ok(bytes)
    }
}

/// The first of so many cells that is not before what is looked for.
fn first(cells: usize, is_before: impl Fn(usize) -> Result<bool>) -> Result<usize> {
    let (mut low, mut high) = (0, cells);
    while low < high {
        let middle = low + (high - low) / 2;
        match is_before(middle)? {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    Ok(low)
}

/// The values of a row.
pub fn columns(row: &[u8]) -> Result<Vec<Value<'_>>> {
    let (head, mut kinds) = varint(row)?;
    let head = usize::try_from(head).map_err(|_| Damaged)?;
    let mut body = row.get(head..).ok_or(Damaged)?;
    let mut left = head.checked_sub(row.len() - kinds.len()).ok_or(Damaged)?;
    let mut values = Vec::new();
    while left > 0 {
        if values.len() == MAX_COLUMNS {
            return Err(Damaged);
        }
        let (kind, rest) = varint(kinds)?;
        left = left.checked_sub(kinds.len() - rest.len()).ok_or(Damaged)?;
        kinds = rest;
        let len = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return Err(Damaged),
            _ => (kind - 12) / 2,
        };
        let len = usize::try_from(len).map_err(|_| Damaged)?;
        let (value, rest) = body.split_at_checked(len).ok_or(Damaged)?;
        body = rest;
        values.push(match kind {
            1..=6 => Value::Int(number(value)),
            8 => Value::Int(0),
            9 => Value::Int(1),
            12.. => Value::Bytes(value),
            _ => Value::Other,
        });
    }
    Ok(values)
}

/// A signed number of up to eight bytes, the first one the most significant.
fn number(bytes: &[u8]) -> i64 {
    let sign = if bytes.first().is_some_and(|first| *first >= 0x80) { -1 } else { 0 };
    bytes.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte))
}

/// A number of up to nine bytes, of which all but the ninth have seven bits; and what follows it.
fn varint(bytes: &[u8]) -> Result<(u64, &[u8])> {
    let mut value: u64 = 0;
    for (nth, byte) in bytes.iter().enumerate().take(9) {
        let rest = bytes.get(nth + 1..).ok_or(Damaged)?;
        if nth == 8 {
            return Ok((value << 8 | u64::from(*byte), rest));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok((value, rest));
        }
    }
    Err(Damaged)
}

fn big_16(bytes: &[u8], at: usize) -> Result<u16> {
    let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(Damaged)?;
    Ok(u16::from_be_bytes(*bytes))
}

fn big_32(bytes: &[u8], at: usize) -> Result<u32> {
    let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(Damaged)?;
    Ok(u32::from_be_bytes(*bytes))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::evidence::fake::{FakeFile, FakeRoot};

    #[test]
    fn numbers_of_every_length_are_read() {
        assert_eq!(varint(&[0x7f, 1]), Ok((0x7f, &[1][..])));
        assert_eq!(varint(&[0x81, 0x00]), Ok((0x80, &[][..])));
        assert_eq!(varint(&[0xff; 9]), Ok((u64::MAX, &[][..])));
        assert_eq!(varint(&[0x80; 8]), Err(Damaged));
        assert_eq!(number(&[0xff]), -1);
        assert_eq!(number(&[0x01, 0x00, 0x00]), 0x10000);
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 0, 0]), i64::MIN);
    }

    #[test]
    fn a_row_is_taken_apart() {
        // Text of three bytes, 0, a number of two bytes.
        let row = [4, 19, 8, 2, b'a', b'b', b'c', 1, 0];
        let expected = [Value::Bytes(b"abc"), Value::Int(0), Value::Int(256)];
        assert_eq!(columns(&row).as_deref(), Ok(&expected[..]));
        for len in 0..row.len() {
            assert_eq!(columns(&row[..len]), Err(Damaged), "{len}");
        }
    }

    #[test]
    fn a_row_of_a_million_columns_is_not_taken_apart() {
        // A head of 3 + 2,000,000 bytes, each of them a column without a value.
        let mut row = vec![0xfa, 0x89, 0x03];
        row.resize(2_000_000, 0);
        assert_eq!(columns(&row), Err(Damaged));
        let mut whole = vec![65];
        whole.resize(65, 8);
        assert_eq!(columns(&whole).map(|columns| columns.len()), Ok(64));
    }

    /// What a database of these bytes says, behind a head that is in order.
    fn ask(pages: &[u8]) -> [bool; 3] {
        let mut bytes = b"SQLite format 3\0\x02\0\x01\x01\0\x40\x20\x20".to_vec();
        bytes.resize(100, 0);
        bytes.extend(pages);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        let mut root = FakeRoot::default();
        root.add("/db", FakeFile { bytes, modified: 0, inode: 1 });
        let files = root.files();
        let file = files.in_root("/db").unwrap();
        let database = Database::open(file).unwrap();
        let table = database.tree("Packages").is_ok();
        let found = (1..4).any(|page| database.find(page, b"libc.so.6", 100).is_ok());
        let rows = (1..4).any(|page| database.row(page, 7).is_ok_and(|row| row.is_some()));
        [table, found, rows]
    }

    #[test]
    fn giant_counts_and_circles_come_to_an_end() {
        for kind in [2, 5, 10, 13] {
            // 65,535 cells, all of which and the rightmost page lead to the first page.
            let mut page = vec![kind, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 1];
            page.resize(400, 0);
            assert!(!ask(&page)[0], "{kind}");
            page.fill(1);
            page[0] = kind;
            assert!(!ask(&page)[0], "{kind}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(row: Vec<u8>, kind in 0u8..16) {
            let _ = columns(&row);
            ask(&[&[kind][..], &row, &[kind; 600]].concat());
        }
    }
}
