//! rpm: an SQLite database with an index from the names of files to packages (rpm 4.16 and newer).
//!
//! A package is one row with its *header*: rpm's own list of tagged values. The tags and types are
//! those of rpm's `rpmtag.h`. Databases of older kinds are told of and not read.

use std::collections::BTreeMap;

use super::sqlite::{Damaged, Database, Value, columns};
use super::wanted::Wanted;
use super::{Searched, SystemPackage};
use crate::package::reader::Reader;
use crate::text::Text;

/// Where it is, newer first.
const DATABASES: [&str; 2] = ["/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite"];

/// The most files of one name that are looked at: `README` and `__init__.py` have more, and are not
/// mapped.
const MAX_NAMESAKES: usize = 4096;

/// The most values of one header that are looked at; a package has about 100.
const MAX_VALUES: usize = 4096;

/// The most names of files, and of directories, that a package may have: a header of 32 MiB may have as
/// many empty ones, which became 1.1 GiB.
const MAX_TEXTS: usize = 500_000;

/// Finds the packages that have the files.
pub fn find(reader: &Reader<'_>, wanted: &mut Wanted<'_>) -> Searched {
    let Some(path) = DATABASES.iter().find(|path| reader.has(path)) else {
        return Searched::NoDatabase;
    };
    if search(reader, path, wanted).is_err() {
        reader.note(path, "damaged, or too large");
    }
    // What rpm has written and not yet put into the database itself.
    let ahead = format!("{path}-wal");
    if reader.files.in_root(&ahead).is_ok_and(|file| !file.is_empty()) {
        reader.note(&ahead, "changes that are not in the database yet are not read");
    }
    Searched::Everywhere
}

fn search(reader: &Reader<'_>, path: &str, wanted: &mut Wanted<'_>) -> Result<(), Damaged> {
    let Ok(file) = reader.files.in_root(path) else { return Ok(()) };
    let database = Database::open(file)?;
    let (packages, names) = (database.tree("Packages")?, database.tree("Basenames")?);
    let index = database.tree("Basenames_key_idx")?;
    let mut files: BTreeMap<i64, Vec<(usize, Vec<u8>)>> = BTreeMap::new();
    for path in wanted.names() {
        let base = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        for rowid in database.find(index, base, MAX_NAMESAKES)? {
            let Some(row) = database.row(names, rowid)? else { return Err(Damaged) };
            let [_, package, nth] = columns(&row)?[..] else { return Err(Damaged) };
            let nth = usize::try_from(nth.int()?).map_err(|_| Damaged)?;
            files.entry(package.int()?).or_default().push((nth, path.to_vec()));
        }
    }
    // Each package once, whatever number of its files is looked for.
    for (package, files) in files {
        if wanted.is_done() {
            break;
        }
        let Some(row) = database.row(packages, package)? else { return Err(Damaged) };
        let [_, Value::Bytes(blob)] = columns(&row)?[..] else {
            return Err(Damaged);
        };
        let header = Header::parse(blob)?;
        let paths = Paths::of(&header)?;
        let has = |(nth, path): &&(usize, Vec<u8>)| paths.path(*nth).as_ref() == Some(path);
        let own: Vec<&[u8]> = files.iter().filter(has).map(|(_, path)| path.as_slice()).collect();
        wanted.claim(own.into_iter(), || header.package());
    }
    Ok(())
}

/// The files of a package: names, and the directories that they are in.
struct Paths<'h, 'a> {
    header: &'h Header<'a>,
    names: Vec<&'a [u8]>,
    directories: Vec<&'a [u8]>,
}

impl<'h, 'a> Paths<'h, 'a> {
    fn of(header: &'h Header<'a>) -> Result<Paths<'h, 'a>, Damaged> {
        const BASENAMES: u32 = 1117;
        const DIRNAMES: u32 = 1118;
        let (names, directories) = (header.texts(BASENAMES)?, header.texts(DIRNAMES)?);
        Ok(Paths { header, names, directories })
    }

    /// The path of a file, without the first `/`.
    fn path(&self, nth: usize) -> Option<Vec<u8>> {
        const DIRINDEXES: u32 = 1116;
        let directory = usize::try_from(self.header.number(DIRINDEXES, nth)?).ok()?;
        let directory = self.directories.get(directory)?.strip_prefix(b"/")?;
        Some([directory, self.names.get(nth)?].concat())
    }
}

/// A header: numbers and texts by tag.
struct Header<'a> {
    /// Entries of sixteen bytes: tag, type, where in the data, how many values.
    entries: &'a [[u8; 16]],
    data: &'a [u8],
}

impl<'a> Header<'a> {
    fn parse(blob: &'a [u8]) -> Result<Header<'a>, Damaged> {
        let (count, rest) = blob.split_first_chunk().ok_or(Damaged)?;
        let (size, rest) = rest.split_first_chunk().ok_or(Damaged)?;
        let count = usize::try_from(u32::from_be_bytes(*count)).map_err(|_| Damaged)?;
        let size = usize::try_from(u32::from_be_bytes(*size)).map_err(|_| Damaged)?;
        if count > MAX_VALUES {
            return Err(Damaged);
        }
        let (entries, rest) = rest.split_at_checked(count * 16).ok_or(Damaged)?;
        Ok(Header { entries: entries.as_chunks().0, data: rest.get(..size).ok_or(Damaged)? })
    }

    /// The data from the values of a tag on, and how many values there are.
    fn values(&self, tag: u32) -> Option<(&'a [u8], usize)> {
        let word = |entry: &[u8; 16], at: usize| {
            let bytes = entry.get(at..)?.first_chunk()?;
            Some(u32::from_be_bytes(*bytes))
        };
        let entry = self.entries.iter().find(|entry| word(entry, 0) == Some(tag))?;
        let (start, count) = (word(entry, 8)?, word(entry, 12)?);
        let data = self.data.get(usize::try_from(start).ok()?..)?;
        Some((data, usize::try_from(count).ok()?))
    }

    fn number(&self, tag: u32, nth: usize) -> Option<u32> {
        let (data, count) = self.values(tag)?;
        let data = data.get(nth.checked_mul(4)?..).filter(|_| nth < count)?;
        Some(u32::from_be_bytes(*data.first_chunk()?))
    }

    fn text(&self, tag: u32) -> Option<&'a [u8]> {
        let (data, count) = self.values(tag)?;
        data.get(..memchr::memchr(0, data)?).filter(|_| count > 0)
    }

    /// All texts of a tag.
    fn texts(&self, tag: u32) -> Result<Vec<&'a [u8]>, Damaged> {
        let Some((mut data, count)) = self.values(tag) else { return Ok(Vec::new()) };
        if count > MAX_TEXTS {
            return Err(Damaged);
        }
        let texts = std::iter::from_fn(|| {
            let (text, rest) = data.split_at_checked(memchr::memchr(0, data)?)?;
            data = rest.get(1..)?;
            Some(text)
        });
        Ok(texts.take(count).collect())
    }

    fn package(&self) -> SystemPackage {
        const NAME: u32 = 1000;
        const VERSION: u32 = 1001;
        const RELEASE: u32 = 1002;
        const EPOCH: u32 = 1003;
        const VENDOR: u32 = 1011;
        let text = |tag| self.text(tag).map(Text::from_bytes);
        let version = text(VERSION).map(|version| {
            let epoch = self.number(EPOCH, 0).map(|epoch| format!("{epoch}:")).unwrap_or_default();
            let release = text(RELEASE).map(|release| format!("-{}", release.raw()));
            Text::from(format!("{epoch}{}{}", version.raw(), release.unwrap_or_default()))
        });
        SystemPackage {
            name: text(NAME).unwrap_or_default(),
            version,
            origin: text(VENDOR),
            database: "rpm",
        }
    }
}
