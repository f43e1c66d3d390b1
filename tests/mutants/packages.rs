//! Package databases, and what builds leave in programs.

use std::process::Command;

use guru::package::system::{Owner, os_name, owners};

use crate::campaign;
use crate::files::Root;
use crate::random::overwrite;

const PATHS: [(&str, bool); 3] =
    [("/usr/bin/tool", true), ("/usr/lib/libx.so.1", false), ("/bin/sh", true)];

/// A database of rpm's with one package.
fn rpm() -> Vec<u8> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("rpmdb.sqlite");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/packages/rpmdb.py");
    assert!(Command::new("python3").arg(script).arg(&path).status().unwrap().success());
    std::fs::read(path).unwrap()
}

#[test]
fn rpm_and_sqlite() {
    const DATABASE: &str = "/var/lib/rpm/rpmdb.sqlite";
    let seed = rpm();
    let found = owners(&Root::of(&[(DATABASE, &seed)]), &PATHS);
    assert!(matches!(&found[0], Owner::Package(package) if package.name.raw() == "tool"));
    let parse = |bytes: &[u8]| drop(owners(&Root::of(&[(DATABASE, bytes)]), &PATHS));
    campaign::run("rpm", parse, |random| {
        let mut bytes = seed.clone();
        for _ in 0..1 << random.below(6) {
            overwrite(&mut bytes, random);
        }
        bytes
    });
}

#[test]
fn dpkg() {
    let status = b"Package: tool\nStatus: install ok installed\nArchitecture: amd64\n\
        Multi-Arch: same\nVersion: 1.2-3\nDepends: libx1 (>= 2), a | b:any\n\nPackage: libx1\n\
        Version: 2\nDescription: x\n y\n";
    let list = b"/.\n/usr\n/usr/bin/tool\n/usr/lib/libx.so.1\n";
    let words = ["\n\n", "Package: ", "Depends: ", ", ", "lib", "/", "\n", ": "];
    let parse = |bytes: &[u8]| {
        let (one, other) = bytes.split_at(bytes.len() / 2);
        for (status, list) in [(bytes, list.as_slice()), (status.as_slice(), bytes), (one, other)] {
            let files = Root::of(&[
                ("/var/lib/dpkg/status", status),
                ("/var/lib/dpkg/info/tool.list", list),
                ("/var/lib/dpkg/info/libx1:amd64.list", list),
                ("/var/lib/dpkg/status.d/tool", status),
            ]);
            owners(&files, &PATHS);
        }
    };
    campaign::texts("dpkg", &[status, list], &words, parse);
}

#[test]
fn apk_and_os_release() {
    let installed = b"P:tool\nV:1-r0\nF:usr/bin\nR:tool\nF:lib\nR:libx.so.1\n\nP:sh\nF:bin\nR:sh\n";
    let parse = |bytes: &[u8]| drop(owners(&Root::of(&[("/lib/apk/db/installed", bytes)]), &PATHS));
    campaign::texts("apk", &[installed], &["\n\n", "F:", "R:", "P:", "\n", "/"], parse);

    let release = b"NAME=\"Debian GNU/Linux\"\nPRETTY_NAME='A \\\"b'\nID=debian\nVERSION_ID=12\n";
    let parse = |bytes: &[u8]| drop(os_name(&Root::of(&[("/etc/os-release", bytes)])));
    campaign::texts("os-release", &[release], &["\"", "'", "\\", "=", "\n", "$"], parse);
}
