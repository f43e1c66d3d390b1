//! Distroless images: dpkg's packages, with a stanza a file and no lists but those of checksums.

use super::Searched;
use super::dpkg::described;
use super::wanted::Wanted;
use crate::package::reader::Reader;
use crate::package::similar::distance;
use crate::package::stanza::lines;
use crate::path::base_name;

/// Where the stanzas are.
const STATUS_D: &str = "/var/lib/dpkg/status.d";

/// Finds the packages whose checksums name the files.
pub fn find(reader: &Reader<'_>, wanted: &mut Wanted<'_>) -> Searched {
    if reader.files.list(STATUS_D).is_err() {
        return Searched::NoDatabase;
    }
    let first = wanted.left().next().map_or("", |file| file.path);
    for package in likely_first(reader.list(STATUS_D), ".md5sums", first) {
        if wanted.is_done() {
            break;
        }
        // `CHECKSUM  usr/bin/x`
        let sums = reader.read(&format!("{STATUS_D}/{package}.md5sums")).unwrap_or_default();
        let paths = lines(sums).filter_map(|line| line.splitn(2, |byte| *byte == b' ').nth(1));
        wanted.claim(paths.map(<[u8]>::trim_ascii), || {
            let stanza = reader.read(&format!("{STATUS_D}/{package}")).unwrap_or_default();
            described(package, stanza)
        });
    }
    Searched::Everywhere
}

/// The names with this ending, without it: those like the file's name first.
fn likely_first<'a>(
    names: impl Iterator<Item = &'a str>,
    ending: &str,
    path: &str,
) -> Vec<&'a str> {
    let wanted = base_name(path);
    let mut names: Vec<&str> = names.filter_map(|name| name.strip_suffix(ending)).collect();
    names.sort_by_cached_key(|name| distance(name, wanted));
    names
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, reason = "tests")]

    use super::super::{Owner, owner};
    use crate::evidence::fake::FakeRoot;

    #[test]
    fn a_distroless_image_has_its_packages_one_by_one() {
        let root = FakeRoot::new(&[
            ("/var/lib/dpkg/status.d/base", "Package: base\nVersion: 12\n"),
            ("/var/lib/dpkg/status.d/base.md5sums", "d41d8  usr/bin/tool\n"),
        ]);
        let files = root.files();
        let Owner::Package(found) = owner(&files, "/usr/bin/tool") else { panic!() };
        assert_eq!(found.line().raw(), "base 12 (dpkg)");
        assert_eq!(owner(&files, "/usr/bin/other"), Owner::Nobody);
    }
}
