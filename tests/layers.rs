//! The directions of ARCHITECTURE.md, by every path that the sources name.

mod paths;

use paths::{Named, Names, Source, named, sources};
use std::path::{Path, PathBuf};

/// What everybody may use.
const COMMON: &[&str] = &[
    "addr", "arch", "asked", "data", "error", "new_file", "note", "part", "path", "repr", "stack",
    "text", "value",
];

/// What each part of the library may use beside [`COMMON`] and itself. `target::live` is named on
/// its own: it is the part with kernel calls.
const MAY_USE: &[(&str, &[&str])] = &[
    ("addr", &[]),
    ("arch", &[]),
    ("asked", &["mask"]),
    ("data", &[]),
    ("value", &[]),
    ("error", &[]),
    ("new_file", &[]),
    ("note", &[]),
    ("part", &[]),
    ("path", &[]),
    ("repr", &[]),
    ("stack", &[]),
    ("text", &[]),
    ("formats", &[]),
    ("mask", &["formats"]),
    ("config", &["formats", "mask", "report"]),
    ("report", &[]),
    ("target", &["report"]),
    ("new_file", &[]),
    ("evidence", &["config", "mask", "new_file", "report", "target"]),
    ("module", &["evidence", "target"]),
    ("symbol", &["evidence", "mask", "module", "target"]),
    ("native", &["module", "symbol", "target"]),
    ("runtime", &["config", "mask", "module", "report", "symbol", "target"]),
    ("merge", &["runtime"]),
    ("own", &["evidence", "mask", "target::live", "worker"]),
    ("worker", &["target::live"]),
    (
        "inspect",
        &[
            "evidence",
            "mask",
            "module",
            "own",
            "package",
            "report",
            "runtime",
            "target",
            "target::live",
        ],
    ),
    ("package", &["config", "evidence", "mask", "module", "report", "runtime", "target"]),
    ("processes", &["evidence", "mask", "report", "target"]),
    (
        "analysis",
        &[
            "config", "evidence", "mask", "merge", "module", "native", "report", "runtime",
            "symbol", "target",
        ],
    ),
    (
        "section",
        &[
            "analysis",
            "config",
            "evidence",
            "mask",
            "package",
            "processes",
            "report",
            "runtime",
            "target",
        ],
    ),
    ("assemble", &["analysis", "evidence", "report", "section"]),
    ("render", &["report"]),
    ("gmr", &["config", "mask", "report"]),
    (
        "trigger",
        &[
            "analysis",
            "assemble",
            "config",
            "evidence",
            "gmr",
            "inspect",
            "mask",
            "package",
            "render",
            "report",
            "runtime",
            "section",
            "target",
            "target::live",
        ],
    ),
];

/// What leads to the kernel: it may differ from one look to the next.
const KERNEL: &[&str] =
    &["libc", "nix", "procfs", "remoteprocess", "rustix", "std::fs", "std::net", "std::process"];

/// Of these, what is plain data and asks nobody.
const PLAIN: &[&str] = &["nix::sys::signal::Signal", "std::net::Ipv4Addr", "std::net::Ipv6Addr"];

/// The modules that may ask the kernel, for what.
const ASKS: &[(&str, &[&str])] = &[
    ("target::live", KERNEL),
    ("own::live", KERNEL),
    ("worker", KERNEL),
    // Guru's own files.
    ("evidence::store", &["std::fs"]),
    ("new_file", &["std::fs"]),
    // Guru's own signals and id.
    ("inspect::hold", &["nix", "std::process::id"]),
    ("trigger", &["std::process::id"]),
];

#[test]
fn every_part_uses_only_what_lies_below_it() {
    let wrong: Vec<_> = sources(&root().join("lib.rs")).iter().flat_map(wrong_uses).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The paths that a source may not name.
fn wrong_uses(source: &Source) -> Vec<String> {
    let Some(part) = source.module.first() else { return Vec::new() };
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| name == part) else {
        return vec![format!("{part}: not in the list of tests/layers.rs")];
    };
    let may = |path: &Names| match path.split_first() {
        Some((first, rest)) if first == "crate" => {
            let live = rest.len() > 1 && rest[..2] == ["target", "live"] && part != "target";
            rest.first().is_none_or(|top| {
                top == part
                    || COMMON.contains(&top.as_str())
                    || allowed.contains(&if live { "target::live" } else { top.as_str() })
            })
        }
        _ => may_ask(&source.module, path),
    };
    let named = named(source, &crates());
    let wrong = named.paths.iter().filter(|path| !may(path));
    wrong.map(|path| format!("{}: uses {}", source.file.display(), path.join("::"))).collect()
}

/// Whether a module may name a path of another crate.
fn may_ask(module: &[String], path: &Names) -> bool {
    let module = module.join("::");
    let below = |path: &str, top: &str| {
        path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let path = path.join("::");
    let is = |tops: &[&str]| tops.iter().any(|top| below(&path, top));
    let asks = ASKS.iter().filter(|(name, _)| below(&module, name));
    !is(KERNEL) || is(PLAIN) || asks.into_iter().any(|(_, allowed)| is(allowed))
}

#[test]
fn a_forbidden_path_is_found_in_every_file_however_it_is_named() {
    let mut files = 0;
    for source in sources(&root().join("lib.rs")) {
        let Some(part) = source.module.first() else { continue };
        let is_above =
            |(name, uses): &&(&str, &[&str])| name == part && uses.contains(&"target::live");
        let asks = ASKS.iter().any(|(name, _)| source.module.join("::").starts_with(name));
        if part == "target" || asks || MAY_USE.iter().any(|row| is_above(&row)) {
            continue;
        }
        files += 1;
        let up = "super::".repeat(source.module.len());
        for injected in [
            "use std::fs;",
            "use std::{fs::File as Other, io as unused};",
            "use std as plain; fn injected() { plain::fs::read(\"x\"); }",
            "fn injected() { let _ = rustix::fs::stat(\"x\"); }",
            "struct Injected { of: nix::unistd::Pid }",
            "use procfs::process as innocent;",
            "fn injected() -> String { format!(\"{}\", libc::getpid()) }",
            "fn injected() { use std::process::Command; }",
            "mod injected { fn injected() { ::std::fs::read(\"x\"); } }",
            "use crate::target::{live::facts as other};",
            "use crate::target as other; fn injected() { other::live::facts::name(1); }",
            "macro_rules! injected { () => { $crate::target::live::facts::name(1) } }",
            &format!("use {up}target::live::facts;"),
            &format!("fn injected() {{ {up}target::live::facts::name(1); }}"),
        ] {
            let text = format!("{}\n{injected}\n", source.text);
            let wrong = wrong_uses(&Source { text, ..source.clone() });
            assert!(!wrong.is_empty(), "{}: {injected}", source.file.display());
        }
    }
    assert!(files > 200, "only {files} files");
}

/// What all sources name, the program's own, too.
fn all_named() -> Vec<(PathBuf, Named)> {
    let crates = crates();
    let all = ["lib.rs", "main.rs"].map(|root_file| sources(&root().join(root_file)));
    let named = |source: Source| (source.file.clone(), named(&source, &crates));
    all.into_iter().flatten().map(named).collect()
}

#[test]
fn every_file_is_a_module_or_a_test() {
    let known: Vec<_> = all_named().into_iter().map(|(file, _)| file).collect();
    let mut open = vec![root()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs")
                && !known.contains(&path)
            {
                let tests = ["tests", "corpus", "golden", "hostile", "sample", "schema", "fake"];
                let is_test = path.components().any(|part| {
                    let name =
                        Path::new(part.as_os_str()).file_stem().and_then(|name| name.to_str());
                    name.is_some_and(|name| tests.contains(&name))
                });
                assert!(is_test, "{} is no module", path.display());
            }
        }
    }
}

#[test]
fn unsafe_code_is_in_one_folder() {
    for source in sources(&root().join("lib.rs")) {
        let code = source.text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let found = code.filter(|line| line.contains("unsafe ")).count();
        let is_the_place = source.module.starts_with(&["target", "live", "sys"].map(str::to_owned));
        assert!(found == 0 || is_the_place, "{}", source.file.display());
    }
}

#[test]
fn threads_are_seized_in_one_place() {
    let seizes = ["seize", "attach", "PTRACE_SEIZE", "PTRACE_ATTACH", "PTRACE_TRACEME"];
    for (file, named) in all_named() {
        let seize = |path: &&Names| {
            let is_ptrace = path.iter().any(|name| name == "ptrace" || name == "libc");
            is_ptrace && path.last().is_some_and(|last| seizes.contains(&last.as_str()))
        };
        let found = named.paths.iter().any(|path| seize(&path));
        assert_eq!(found, file.ends_with("target/live/seize.rs"), "{}", file.display());
    }
}

/// Of procfs only what the kernel writes itself is taken: numbers, never a name.
#[test]
fn text_of_proc_is_read_as_bytes() {
    for (file, named) in all_named() {
        let text = [
            "procfs::process::Stat",
            "procfs::process::Status",
            "procfs::process::Process::myself",
        ];
        let found = named.paths.iter().map(|path| path.join("::"));
        let found = found.filter(|path| text.iter().any(|word| path.starts_with(word)));
        assert_eq!(found.count(), 0, "{}", file.display());
        assert!(!named.methods.contains("child_processes"), "{}", file.display());
    }
}

/// The crates that there are, by the names they have in sources.
fn crates() -> Vec<String> {
    let manifest: toml::Table = toml::from_str(include_str!("../Cargo.toml")).unwrap();
    let names = manifest["dependencies"].as_table().unwrap().keys();
    let own = ["std", "core", "alloc"].map(str::to_owned);
    own.into_iter().chain(names.map(|name| name.replace('-', "_"))).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}
