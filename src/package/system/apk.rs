//! apk (Alpine): one file with a stanza per package, its files among it.

use super::wanted::Wanted;
use super::{Searched, SystemPackage};
use crate::package::reader::Reader;
use crate::package::stanza::{field, lines, stanzas};
use crate::path::MAX_PATH_BYTES;

/// Where it is, newer first (apk-tools 3 on a merged `/usr`).
const INSTALLED: [&str; 2] = ["/usr/lib/apk/db/installed", "/lib/apk/db/installed"];

/// Finds the packages that have the files.
pub fn find(reader: &Reader<'_>, wanted: &mut Wanted<'_>) -> Searched {
    let Some(text) = INSTALLED.iter().find_map(|database| reader.read(database)) else {
        let unread = INSTALLED.iter().any(|database| reader.has(database));
        return if unread { Searched::Everywhere } else { Searched::NoDatabase };
    };
    for stanza in stanzas(text) {
        if wanted.is_done() {
            break;
        }
        wanted.claim(paths(stanza), || SystemPackage {
            name: field(stanza, "P").unwrap_or_default(),
            version: field(stanza, "V"),
            origin: None,
            database: "apk",
        });
    }
    Searched::Everywhere
}

/// The files of a package: a line `F:bin` begins a directory, `R:busybox` is a file in it. One at a
/// time: a long directory with many files would be more than the database.
fn paths(stanza: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut directory: &[u8] = b"";
    lines(stanza).filter_map(move |line| match line {
        [b'F', b':', name @ ..] => {
            directory = name.get(..MAX_PATH_BYTES).unwrap_or(name);
            None
        }
        [b'R', b':', file @ ..] => Some([directory, b"/", file].concat()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, reason = "tests")]

    use super::super::{Owner, owner};
    use crate::evidence::fake::FakeRoot;

    #[test]
    fn a_file_belongs_to_the_package_that_lists_it_below_its_directory() {
        let text = "P:musl\nV:1.2.4-r2\nF:lib\nR:ld-musl-x86_64.so.1\n\n\
            P:busybox\nV:1.36.1-r15\nm:Someone <a@b>\nF:etc\nR:securetty\nF:bin\nR:busybox\n";
        let files = FakeRoot::new(&[("/lib/apk/db/installed", text)]).files();
        let Owner::Package(found) = owner(&files, "/bin/busybox") else { panic!() };
        assert_eq!(found.line().raw(), "busybox 1.36.1-r15 (apk)");
        assert_eq!(owner(&files, "/etc/busybox"), Owner::Nobody);
    }
}
