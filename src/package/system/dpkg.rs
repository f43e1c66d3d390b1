//! dpkg: `/var/lib/dpkg/info/NAME.list` names the files, `/var/lib/dpkg/status` the packages.
//!
//! There is no index from file to package, and a machine has thousands of lists. So likely ones are
//! read first: those of like names, then those of what the packages found depend on. All of them are
//! read only for a file that must be found. Diversions and alternatives are not followed; the kernel
//! has resolved the latter already.

use std::cell::Cell;
use std::collections::VecDeque;

use super::likely::{guesses, is_never_run};
use super::wanted::Wanted;
use super::{Searched, SystemPackage};
use crate::package::reader::Reader;
use crate::package::stanza::{field, lines, stanzas};

const STATUS: &str = "/var/lib/dpkg/status";
const INFO: &str = "/var/lib/dpkg/info";

/// The most packages that are looked at; a full desktop has 5,000.
const MAX_PACKAGES: usize = 100_000;

/// The most lists that are read for files that need not be found: what maps more libraries than a
/// small Python has most of them in few packages.
const MAX_LIKELY: usize = 64;

/// The most packages whose name begins with a guess that are asked.
const MAX_OF_A_GUESS: usize = 6;

/// The most packages that one depends on that are asked.
const MAX_DEPENDENCIES: usize = 1000;

/// The most stanzas of one name that are looked at: a package has one for each architecture.
const MAX_NAMESAKES: usize = 64;

/// What nearly every program has mapped, and what no name leads to (`libm`, `ld-linux`, `libz`).
const EVERYWHERE: [&str; 2] = ["libc6", "zlib1g"];

/// Finds the packages that list the files.
pub fn find(reader: &Reader<'_>, wanted: &mut Wanted<'_>) -> Searched {
    let Some(text) = reader.read(STATUS) else {
        return if reader.has(STATUS) { Searched::Everywhere } else { Searched::NoDatabase };
    };
    let search = Search { reader, status: Status::new(text), left: Cell::new(MAX_LIKELY) };
    let mut found = VecDeque::new();
    search.by_name(wanted, &mut found, |must, exact| must || exact);
    for name in EVERYWHERE {
        search.exactly(name.as_bytes(), wanted, &mut found);
    }
    search.by_dependencies(wanted, &mut found);
    search.by_name(wanted, &mut found, |_, exact| !exact);
    search.everywhere(wanted);
    Searched::MustEverywhere
}

/// The packages of the status file, by name.
struct Status<'a> {
    packages: Vec<Package<'a>>,
}

/// A stanza of the status file.
struct Package<'a> {
    name: &'a [u8],
    stanza: &'a [u8],
    /// Whether its list of files was read.
    asked: Cell<bool>,
}

impl<'a> Status<'a> {
    fn new(text: &'a [u8]) -> Status<'a> {
        let packages = stanzas(text).filter_map(|stanza| {
            // dpkg writes this line first; whoever else wrote the file may not.
            let name = match stanza.trim_ascii_start().strip_prefix(b"Package:") {
                Some(_) => lines(stanza.trim_ascii_start()).next()?.get(8..)?,
                None => lines(stanza).find_map(|line| line.strip_prefix(b"Package:"))?,
            };
            Some(Package { name: name.trim_ascii(), stanza, asked: Cell::new(false) })
        });
        let mut packages: Vec<_> = packages.take(MAX_PACKAGES).collect();
        packages.sort_by_key(|package| package.name);
        Status { packages }
    }

    /// The packages whose name begins like this; for `exact`, those of this name.
    fn named(&self, begin: &[u8], exact: bool) -> Vec<&Package<'a>> {
        let from = self.packages.partition_point(|package| package.name < begin);
        let packages = self.packages.get(from..).unwrap_or_default().iter();
        let matching = packages.take_while(|package| match exact {
            true => package.name == begin,
            false => package.name.starts_with(begin),
        });
        let mut found: Vec<_> = matching
            .take(if exact { MAX_NAMESAKES } else { MAX_PACKAGES })
            .filter(|package| !is_never_run(package.name))
            .collect();
        // `libexpat1` rather than `libexpat1-udeb`.
        found.sort_by_key(|package| package.name.len());
        found.truncate(MAX_OF_A_GUESS);
        found
    }
}

struct Search<'r, 'a> {
    reader: &'r Reader<'a>,
    status: Status<'a>,
    /// How many lists may still be read for files that need not be found.
    left: Cell<usize>,
}

type Found<'s, 'a> = VecDeque<&'s Package<'a>>;

impl<'a> Search<'_, 'a> {
    /// Asks the packages whose names are like those of the files; `take` tells of which files
    /// (those that must be found or not) which guesses (whole names or not) are tried.
    fn by_name<'s>(
        &'s self,
        wanted: &mut Wanted<'_>,
        found: &mut Found<'s, 'a>,
        take: impl Fn(bool, bool) -> bool,
    ) {
        let left = wanted.left().map(|file| (file.number, file.path, file.must));
        let left: Vec<(usize, &str, bool)> = left.collect();
        for (number, path, must) in left {
            let guesses = guesses(path);
            let ways = guesses.iter().flat_map(|guess| [(guess, true), (guess, false)]);
            for (guess, exact) in ways.filter(|(_, exact)| take(must, *exact)) {
                for package in self.status.named(guess.as_bytes(), exact) {
                    if !wanted.is_left(number) {
                        break;
                    }
                    self.ask_likely(package, wanted, found);
                }
            }
        }
    }

    fn exactly<'s>(&'s self, name: &[u8], wanted: &mut Wanted<'_>, found: &mut Found<'s, 'a>) {
        for package in self.status.named(name, true) {
            self.ask_likely(package, wanted, found);
        }
    }

    /// Asks what the packages found depend on, and what that depends on.
    fn by_dependencies<'s>(&'s self, wanted: &mut Wanted<'_>, found: &mut Found<'s, 'a>) {
        while let Some(package) = found.pop_front()
            && !wanted.is_done()
        {
            let family = first_word(package.name);
            let named = lines(package.stanza).filter_map(|line| {
                line.strip_prefix(b"Depends:").or_else(|| line.strip_prefix(b"Pre-Depends:"))
            });
            // `libc6 (>= 2.36), libgcc-s1 | libgcc1, python3:any`
            let names = named.flat_map(|list| list.split(|byte| matches!(byte, b',' | b'|')));
            for name in names.map(<[u8]>::trim_ascii_start).take(MAX_DEPENDENCIES) {
                let name = name.split(|byte| matches!(byte, b' ' | b'(' | b':')).next();
                let name = name.unwrap_or_default();
                // What is mapped comes from packages of libraries, and from parts of the program.
                if memchr::memmem::find(name, b"lib").is_some() || first_word(name) == family {
                    self.exactly(name, wanted, found);
                }
            }
        }
    }

    /// Asks every package, as long as something is missing that must be found.
    fn everywhere(&self, wanted: &mut Wanted<'_>) {
        for package in self.status.packages.iter().filter(|package| !package.asked.get()) {
            if !wanted.left().any(|file| file.must) {
                break;
            }
            self.ask(package, wanted);
        }
    }

    fn ask_likely<'s>(
        &'s self,
        package: &'s Package<'a>,
        wanted: &mut Wanted<'_>,
        found: &mut Found<'s, 'a>,
    ) {
        if package.asked.get() || wanted.is_done() || self.left.get() == 0 {
            return;
        }
        self.left.set(self.left.get() - 1);
        if self.ask(package, wanted) {
            found.push_back(package);
        }
    }

    /// Whether the package has any of the files.
    fn ask(&self, package: &Package<'a>, wanted: &mut Wanted<'_>) -> bool {
        package.asked.set(true);
        let name = String::from_utf8_lossy(package.name);
        // A name with a path in it is none of dpkg's.
        if name.contains('/') {
            return false;
        }
        let of_arch = || {
            let arch = field(package.stanza, "Architecture")?;
            Some(format!("{INFO}/{name}:{}.list", arch.raw())).filter(|_| !arch.raw().contains('/'))
        };
        let plain = || Some(format!("{INFO}/{name}.list"));
        // `libc6:amd64.list` where packages of several architectures can be installed together.
        let together = field(package.stanza, "Multi-Arch").is_some_and(|v| v.raw() == "same");
        let paths = if together { [of_arch(), plain()] } else { [plain(), of_arch()] };
        let Some(list) = paths.into_iter().flatten().find_map(|path| self.reader.read(&path))
        else {
            return false;
        };
        let paths = lines(list).filter_map(|line| line.strip_prefix(b"/"));
        wanted.claim(paths, || described(&name, package.stanza))
    }
}

/// `python3.11` of `python3.11-minimal`.
fn first_word(name: &[u8]) -> &[u8] {
    name.split(|byte| *byte == b'-').next().unwrap_or_default()
}

/// A package by its stanza.
pub fn described(name: &str, stanza: &[u8]) -> SystemPackage {
    SystemPackage {
        name: field(stanza, "Package").unwrap_or_else(|| name.into()),
        version: field(stanza, "Version"),
        origin: field(stanza, "Origin"),
        database: "dpkg",
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, clippy::unwrap_used, reason = "tests")]

    use super::super::{Owner, owner, owners};
    use super::*;
    use crate::evidence::fake::{FakeFile, FakeRoot};
    use crate::target::files::FileError;

    const STATUS_TEXT: &str = "Package: coreutils\nStatus: install ok installed\nVersion: 9.1-1\n\n\
        Package: libc6\nArchitecture: i386\nVersion: 2.35\n\n\
        Package: libc6\nArchitecture: amd64\nVersion: 2.36\n\n\
        Package: agent\nOrigin: Vendor Inc.\nVersion: 3\n";

    fn root() -> FakeRoot {
        FakeRoot::new(&[
            (STATUS, STATUS_TEXT),
            ("/var/lib/dpkg/info/coreutils.list", "/.\n/bin\n/bin/sleep\n"),
            ("/var/lib/dpkg/info/coreutils.md5sums", "0  bin/sleep\n"),
            ("/var/lib/dpkg/info/libc6:amd64.list", "/lib/x/libc.so.6\n"),
            ("/var/lib/dpkg/info/agent.list", "/opt/agent/agent\n"),
        ])
    }

    fn package(answer: Owner) -> (String, Option<String>) {
        match answer {
            Owner::Package(package) => {
                (package.line().raw().to_owned(), package.origin.map(|o| o.raw().to_owned()))
            }
            other => (format!("{other:?}"), None),
        }
    }

    #[test]
    fn the_list_that_names_the_file_says_the_package() {
        let files = root().files();
        assert_eq!(package(owner(&files, "/bin/sleep")).0, "coreutils 9.1-1 (dpkg)");
        assert_eq!(owner(&files, "/opt/other"), Owner::Nobody);
    }

    #[test]
    fn a_file_below_usr_is_found_under_its_packed_path_if_the_directories_are_one() {
        let mut root = root();
        let file = FakeFile { bytes: vec![], modified: 0, inode: 7 };
        root.add("/bin/sleep", file.clone());
        root.add("/usr/bin/sleep", file);
        assert_eq!(package(owner(&root.files(), "/usr/bin/sleep")).0, "coreutils 9.1-1 (dpkg)");
    }

    #[test]
    fn a_file_of_the_same_name_in_another_directory_is_another() {
        let mut root = root();
        root.add("/bin/sleep", FakeFile { bytes: vec![], modified: 0, inode: 7 });
        root.add("/usr/bin/sleep", FakeFile { bytes: vec![], modified: 0, inode: 8 });
        assert_eq!(owner(&root.files(), "/usr/bin/sleep"), Owner::Nobody);
    }

    #[test]
    fn a_package_of_several_architectures_is_told_apart() {
        assert_eq!(package(owner(&root().files(), "/lib/x/libc.so.6")).0, "libc6 2.36 (dpkg)");
    }

    #[test]
    fn a_package_says_who_made_it_where_it_knows() {
        let found = package(owner(&root().files(), "/opt/agent/agent"));
        assert_eq!(found, ("agent 3 (dpkg)".into(), Some("Vendor Inc.".into())));
    }

    #[test]
    fn a_list_that_cannot_be_read_makes_the_answer_unknown() {
        let mut root = root();
        root.fail("/var/lib/dpkg/info/coreutils.list", FileError::Denied);
        let Owner::NotKnown(why) = owner(&root.files(), "/opt/other") else { panic!() };
        assert!(why.ends_with("/var/lib/dpkg/info/coreutils.list: permission denied"), "{why}");
    }

    #[test]
    fn what_no_package_installs_is_not_searched_for() {
        let Owner::NotKnown(why) = owner(&root().files(), "/usr/local/bin/sleep") else { panic!() };
        assert!(why.starts_with("not looked for"), "{why}");
    }

    #[test]
    fn a_database_of_another_kind_is_told_of() {
        let root = FakeRoot::new(&[("/var/lib/rpm/Packages", "")]);
        let why = Owner::NotKnown("rpm (Berkeley DB) database found, not read".into());
        assert_eq!(owner(&root.files(), "/usr/bin/x"), why);
        assert_eq!(owner(&FakeRoot::default().files(), "/usr/bin/x"), Owner::NoDatabase);
    }

    /// A database of so many packages, each with a file of no telling name; the last depends on the
    /// first.
    fn many(count: usize) -> FakeRoot {
        let mut root = FakeRoot::default();
        let mut status = String::new();
        let text = |text: &str| FakeFile { bytes: text.into(), modified: 0, inode: 1 };
        for number in 0..count {
            status += &format!("Package: p{number}-lib\nVersion: {number}\n");
            if number == count - 1 {
                status += "Depends: p0-lib (>= 0) | other, p1-lib:any\n";
            }
            status += "\n";
            let list = format!("/usr/lib/file{number:04}\n");
            root.add(&format!("{INFO}/p{number}-lib.list"), text(&list));
        }
        root.add(STATUS, text(&status));
        root
    }

    #[test]
    fn a_file_that_must_be_found_is_looked_for_everywhere_and_others_where_they_are_likely() {
        let files = many(300).files();
        let paths = [
            ("/usr/lib/file0299", true),
            ("/usr/lib/file0000", false),
            ("/usr/lib/file0001", false),
            ("/usr/lib/file0150", false),
        ];
        let answers: Vec<String> =
            owners(&files, &paths).into_iter().map(|owner| package(owner).0).collect();
        assert_eq!(answers[0], "p299-lib 299 (dpkg)");
        // On the way to the last, all lists were read.
        assert_eq!(answers[3], "p150-lib 150 (dpkg)");
        let files = many(300).files();
        let answers: Vec<Owner> = owners(&files, &paths[1..]);
        assert!(answers.iter().all(|answer| matches!(answer, Owner::NotKnown(_))), "{answers:?}");
        assert_eq!(owner(&files, "/usr/lib/nowhere"), Owner::Nobody);
    }

    #[test]
    fn what_a_package_depends_on_is_asked_for_its_libraries() {
        let mut root = many(300);
        let list = FakeFile { bytes: b"/usr/bin/p299-lib\n".to_vec(), modified: 0, inode: 1 };
        root.add(&format!("{INFO}/p299-lib.list"), list);
        let files = root.files();
        let paths = [
            ("/usr/bin/p299-lib", true),
            ("/usr/lib/file0000", false),
            ("/usr/lib/file0001", false),
            ("/usr/lib/file0150", false),
        ];
        let answers = owners(&files, &paths);
        let why = "looked for in likely packages only".to_owned();
        let (last, known) = answers.split_last().unwrap();
        let known: Vec<String> = known.iter().cloned().map(|owner| package(owner).0).collect();
        assert_eq!(known, ["p299-lib 299 (dpkg)", "p0-lib 0 (dpkg)", "p1-lib 1 (dpkg)"]);
        assert_eq!(*last, Owner::NotKnown(why));
    }
}
