//! Package databases, and what builds leave in programs.

use std::process::Command;

use guru::module::Modules;
use guru::package::build::go;
use guru::package::package;
use guru::package::python::Interpreter;
use guru::package::system::{Owner, os_name, owners};
use guru::runtime::LoadedModule;
use guru::text::Text;

use crate::files::Root;
use crate::random::overwrite;
use crate::{campaign, parsers, recordings};

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
    let found = owners(&Root::of(&[(DATABASE, &seed)]), &parsers::OWNED);
    assert!(matches!(&found[0], Owner::Package(package) if package.name.raw() == "tool"));
    campaign::run("rpm", parsers::rpm, |random| {
        let mut bytes = seed.clone();
        for _ in 0..1 << random.below(6) {
            overwrite(&mut bytes, random);
        }
        bytes
    });
}

#[test]
fn dpkg() {
    let words = ["\n\n", "Package: ", "Depends: ", ", ", "lib", "/", "\n", ": "];
    campaign::texts("dpkg", &[parsers::DPKG_STATUS, parsers::DPKG_LIST], &words, parsers::dpkg);
}

#[test]
fn apk_and_os_release() {
    let installed = b"P:tool\nV:1-r0\nF:usr/bin\nR:tool\nF:lib\nR:libx.so.1\n\nP:sh\nF:bin\nR:sh\n";
    campaign::texts("apk", &[installed], &["\n\n", "F:", "R:", "P:", "\n", "/"], parsers::apk);

    let release = b"NAME=\"Debian GNU/Linux\"\nPRETTY_NAME='A \\\"b'\nID=debian\nVERSION_ID=12\n";
    let parse = |bytes: &[u8]| drop(os_name(&Root::of(&[("/etc/os-release", bytes)])));
    campaign::texts("os-release", &[release], &["\"", "'", "\\", "=", "\n", "$"], parse);
}

#[test]
fn python_distributions() {
    const SITE: &str = "/v/lib/python3.12/site-packages";
    let metadata = b"Metadata-Version: 2.1\nName: tool\nVersion: 1.2\nAuthor-email: \"A\" <a@b>\n\
        Maintainer: UNKNOWN\n\nText: x\n";
    let record = b"../../../bin/tool,sha256=x,1\ntool/__init__.py,,\n\"a,b.py\",sha256=y,2\n";
    let scripts = b"[console_scripts]\ntool = tool:main\n[gui_scripts]\nx=y:z\n";
    let direct = br#"{"url": "git+https://u:p@h/r", "vcs_info": {"vcs": "git", "commit_id": "1"},
        "dir_info": {"editable": true}}"#;
    let link = b"/src/tool\n.\n";
    let mut snapshot = recordings::load("threads-3.12").snapshot;
    snapshot.target.process.command = ["/v/bin/python3", "/v/bin/tool"].map(Text::from).to_vec();
    let path = Text::from("/v/bin/python3");
    let module = |name: &str, file: &str| LoadedModule {
        name: name.into(),
        file: Some(format!("{SITE}/{file}").into()),
        version: None,
    };
    let loaded = [module("tool", "tool/__init__.py"), module("other", "other.py")];
    let parse = |bytes: &[u8]| {
        // In the place of each in turn.
        let mut contents = [&metadata[..], record, scripts, direct, link];
        contents[bytes.len() % 5] = bytes;
        let [metadata, record, scripts, direct, link] = contents;
        let info = |name: &str| format!("{SITE}/tool-1.2.dist-info/{name}");
        let files = Root::of(&[
            (&info("METADATA"), metadata),
            (&info("RECORD"), record),
            (&info("entry_points.txt"), scripts),
            (&info("direct_url.json"), direct),
            (&info("INSTALLER"), scripts),
            (&format!("{SITE}/other.egg-link"), link),
            (&format!("{SITE}/__editable__.other.pth"), link),
            ("/v/bin/tool", b"#!/v/bin/python3\n"),
        ]);
        let modules = Modules::new(&files, &[]);
        let python = Interpreter { version: "3.12.1", path: &path, loaded: &loaded };
        let (fields, _) = package(&snapshot, &files, &modules, Some(python));
        assert!(fields.iter().any(|field| field.name == "product"));
    };
    let words = ["\n", ",", "\"", "[console_scripts]\n", "Name: ", ": ", "{", "}", "file://", "%2"];
    campaign::texts(
        "Python's distributions",
        &[metadata, record, scripts, direct, link],
        &words,
        parse,
    );
}

#[test]
fn builds_of_go() {
    let modules = b"0123456789abcdefpath\texample.org/a\nmod\texample.org/a\tv1.2.3\th1:x\n\
        dep\texample.org/b\tv0.1.0\nbuild\tvcs.revision=1\nbuild\tvcs.modified=true\n\
        0123456789abcdef";
    let len = [0x80 | (modules.len() & 0x7f) as u8, (modules.len() >> 7) as u8];
    let head = [b"\xff Go buildinf:\x08\x02".as_slice(), &[0; 16], b"\x08go1.22.3", &len].concat();
    let seed = [&head, modules.as_slice()].concat();
    assert!(go::parse(&seed).is_some_and(|info| info.modified && info.dependencies == 1));
    let parse = |bytes: &[u8]| drop(go::parse(bytes));
    campaign::texts("Go's build information", &[&seed], &["\t", "\n", "dep\t", "="], parse);
}
