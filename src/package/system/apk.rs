//! apk (Alpine): one file with a stanza per package, its files among it.

use super::{Owner, SystemPackage, aliases};
use crate::package::reader::Reader;
use crate::package::stanza::{field, lines, stanzas};

/// Where it is, newer first (apk-tools 3 on a merged `/usr`).
const INSTALLED: [&str; 2] = ["/usr/lib/apk/db/installed", "/lib/apk/db/installed"];

/// The package that has the file.
pub fn owner(reader: &Reader<'_>, path: &str) -> Owner {
    let Some(text) = INSTALLED.iter().find_map(|database| reader.read(database)) else {
        return Owner::NoDatabase;
    };
    let names = aliases(reader.files, path);
    let Some(stanza) = stanzas(text).find(|stanza| has(stanza, &names)) else {
        return Owner::Nobody;
    };
    Owner::Package(SystemPackage {
        name: field(stanza, "P").unwrap_or_default(),
        version: field(stanza, "V"),
        origin: None,
        database: "apk",
    })
}

/// Whether a package has a file: a line `F:bin` begins a directory, `R:busybox` is a file in it.
fn has(stanza: &[u8], names: &[String]) -> bool {
    let mut directory: &[u8] = b"";
    lines(stanza).any(|line| match line {
        [b'F', b':', name @ ..] => {
            directory = name;
            false
        }
        [b'R', b':', file @ ..] => {
            let packed: Vec<u8> = [b"/", directory, b"/", file].concat();
            names.iter().any(|name| name.as_bytes() == packed)
        }
        _ => false,
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
