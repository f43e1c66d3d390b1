//! The directions of ARCHITECTURE.md, read off the `use` lines of the sources.

use std::collections::BTreeSet;
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
    ("mask", &[]),
    ("config", &["mask", "report"]),
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

#[test]
fn every_part_uses_only_what_lies_below_it() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let Some(part) = part_of(&path) else { continue };
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == part) else {
            wrong.push(format!("{part}: not in the list of tests/layers.rs"));
            continue;
        };
        for used in uses(&text) {
            let top = used.split("::").next().unwrap_or_default();
            let live = used.starts_with("target::live") && part != "target";
            let ok = top == part
                || COMMON.contains(&top)
                || if live { allowed.contains(&"target::live") } else { allowed.contains(&top) };
            if !ok {
                wrong.push(format!("{}: uses {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_is_in_one_file() {
    for (path, text) in sources() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let found = code.filter(|line| line.contains("unsafe ")).count();
        assert!(
            found == 0 || path.parent().is_some_and(|folder| folder.ends_with("target/live/sys")),
            "{}",
            path.display()
        );
    }
}

#[test]
fn threads_are_seized_in_one_place() {
    for (path, text) in sources() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let seizes = ["ptrace::seize", "ptrace::attach", "PTRACE_SEIZE", "PTRACE_ATTACH"];
        let found = code.filter(|line| seizes.iter().any(|word| line.contains(word))).count();
        let is_the_place = path.ends_with("target/live/seize.rs");
        assert_eq!(found > 0, is_the_place, "{}", path.display());
    }
}

#[test]
fn text_of_proc_is_read_as_bytes() {
    for (path, text) in sources() {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        // Of procfs only what the kernel writes itself: numbers, never a name.
        for word in [".child_processes()", "process::Stat", "process::Status", "Process::myself"] {
            assert!(!code.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn the_file_system_is_touched_by_the_living_target_and_the_store_only() {
    for (path, text) in sources() {
        let allowed = [
            "target/live",
            "own/live",
            "worker",
            "evidence/store.rs",
            "new_file.rs",
            "main.rs",
            "cli.rs",
            "demo.rs",
            "output.rs",
        ];
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let touches = code.contains("std::fs::") || code.contains("rustix::fs::");
        let ok = allowed.iter().any(|part| path.to_string_lossy().contains(part));
        assert!(!touches || ok || part_of(&path).is_none(), "{}", path.display());
    }
}

/// The part of the library that a file belongs to; `None` for the program itself and for what
/// only tests see.
fn part_of(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(root()).ok()?;
    let name = inside.file_stem()?.to_str()?;
    if matches!(name, "tests" | "fake" | "sample" | "golden" | "hostile" | "schema" | "corpus") {
        return None;
    }
    let first = inside.components().next()?.as_os_str().to_str()?.trim_end_matches(".rs");
    let program = ["lib", "main", "ask", "cli", "demo", "doctor", "output"];
    (!program.contains(&first)).then(|| first.to_owned())
}

/// The paths below `crate::` that a text names outside its tests.
fn uses(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut found = BTreeSet::new();
    for line in lines {
        for rest in line.split("crate::").skip(1) {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let path = &rest[..end.unwrap_or(rest.len())];
            found.insert(path.trim_end_matches(':').to_owned());
        }
    }
    found
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![root()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(found.len() > 40, "only {} sources were found", found.len());
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}
