//! dpkg: `/var/lib/dpkg/info/NAME.list` names the files, `/var/lib/dpkg/status` the version.
//!
//! There is no index from file to package: the lists are searched, likely ones first. Diversions
//! and alternatives are not followed; the kernel has resolved the latter already.

use super::{Owner, SystemPackage, aliases};
use crate::package::reader::Reader;
use crate::package::similar::distance;
use crate::package::stanza::{field, lines, stanzas};

const STATUS: &str = "/var/lib/dpkg/status";
const INFO: &str = "/var/lib/dpkg/info";

/// Distroless images have one stanza a file here, and no lists but those of the checksums.
const STATUS_D: &str = "/var/lib/dpkg/status.d";

/// The package that lists the file.
pub fn owner(reader: &Reader<'_>, path: &str) -> Owner {
    if !reader.has(STATUS) {
        return Owner::NoDatabase;
    }
    let names = aliases(reader.files, path);
    let found = likely_first(reader.list(INFO), ".list", path).into_iter().find(|package| {
        reader.read(&format!("{INFO}/{package}.list")).is_some_and(|list| {
            lines(list).any(|line| names.iter().any(|name| name.as_bytes() == line))
        })
    });
    let Some(package) = found else { return Owner::Nobody };
    // `libc6:amd64` where several architectures can be installed.
    let (name, arch) = package.split_once(':').map_or((package, None), |(n, a)| (n, Some(a)));
    let text = reader.read(STATUS).unwrap_or_default();
    let stanza = stanzas(text).find(|stanza| {
        let is = |key, value: &str| field(stanza, key).is_some_and(|known| known.raw() == value);
        is("Package", name) && arch.is_none_or(|arch| is("Architecture", arch))
    });
    Owner::Package(described(name, stanza.unwrap_or_default()))
}

/// The package of a distroless image whose checksums name the file.
pub fn distroless_owner(reader: &Reader<'_>, path: &str) -> Owner {
    if reader.files.list(STATUS_D).is_err() {
        return Owner::NoDatabase;
    }
    let names = aliases(reader.files, path);
    let found = likely_first(reader.list(STATUS_D), ".md5sums", path).into_iter().find(|package| {
        // `CHECKSUM  usr/bin/x`
        reader.read(&format!("{STATUS_D}/{package}.md5sums")).is_some_and(|sums| {
            lines(sums)
                .filter_map(|line| line.splitn(2, |byte| *byte == b' ').nth(1))
                .any(|file| names.iter().any(|name| name.as_bytes()[1..] == *file.trim_ascii()))
        })
    });
    let Some(package) = found else { return Owner::Nobody };
    let stanza = reader.read(&format!("{STATUS_D}/{package}")).unwrap_or_default();
    Owner::Package(described(package, stanza))
}

fn described(name: &str, stanza: &[u8]) -> SystemPackage {
    SystemPackage {
        name: field(stanza, "Package").unwrap_or_else(|| name.into()),
        version: field(stanza, "Version"),
        origin: field(stanza, "Origin"),
        database: "dpkg",
    }
}

/// The names with this ending, without it: those like the file's name first.
fn likely_first<'a>(
    names: impl Iterator<Item = &'a str>,
    ending: &str,
    path: &str,
) -> Vec<&'a str> {
    let wanted = path.rsplit('/').next().unwrap_or(path);
    let mut names: Vec<&str> = names.filter_map(|name| name.strip_suffix(ending)).collect();
    // The architecture is no part of the name.
    names.sort_by_cached_key(|name| distance(name.split(':').next().unwrap_or(name), wanted));
    names
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, reason = "tests")]

    use super::super::{Owner, owner};
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
        root.fail("/var/lib/dpkg/info/locked.list", FileError::Denied);
        let Owner::NotKnown(why) = owner(&root.files(), "/opt/other") else { panic!() };
        assert!(why.ends_with("/var/lib/dpkg/info/locked.list: permission denied"), "{why}");
    }

    #[test]
    fn a_distroless_image_has_its_packages_one_by_one() {
        let root = FakeRoot::new(&[
            ("/var/lib/dpkg/status.d/base", "Package: base\nVersion: 12\n"),
            ("/var/lib/dpkg/status.d/base.md5sums", "d41d8  usr/bin/tool\n"),
        ]);
        let files = root.files();
        assert_eq!(package(owner(&files, "/usr/bin/tool")).0, "base 12 (dpkg)");
        assert_eq!(owner(&files, "/usr/bin/other"), Owner::Nobody);
    }

    #[test]
    fn what_no_package_installs_is_not_searched_for() {
        let Owner::NotKnown(why) = owner(&root().files(), "/usr/local/bin/sleep") else { panic!() };
        assert!(why.starts_with("not looked for"), "{why}");
    }

    #[test]
    fn a_database_of_another_kind_is_told_of() {
        let root = FakeRoot::new(&[("/var/lib/rpm/rpmdb.sqlite", "")]);
        let why = Owner::NotKnown("rpm database found, not read".into());
        assert_eq!(owner(&root.files(), "/usr/bin/x"), why);
        assert_eq!(owner(&FakeRoot::default().files(), "/usr/bin/x"), Owner::NoDatabase);
    }
}
