//! guru's command line: what it takes, what it prints where, and how it exits. And what the README
//! and the manual say of it.

use crate::support::{guru, root};
use std::fs;
use std::path::Path;

fn stdout(args: &[&str]) -> String {
    let output = guru(args);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stderr, b"");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(stdout(&["--version"]), concat!("guru ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn help_names_the_commands_and_the_exit_status() {
    let help = stdout(&["--help"]);
    for word in ["report", "demo", "Exit status:", "0  the report is complete"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    // What is only there for others does not clutter it.
    assert!(!help.contains("demo-service"), "{help}");
    let help = stdout(&["report", "--help"]);
    for word in ["--format", "text", "gmr", "json", "--record", "--from", "--output", "--timeout"] {
        assert!(help.contains(word), "{word}: {help}");
    }
}

#[test]
fn no_command_and_an_unknown_one_are_status_2() {
    for args in [&[][..], &["medidate"], &["report"], &["report", "1", "--format", "xml"]] {
        let output = guru(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn the_manual_is_in_step_with_the_help() {
    let made = tempfile::tempdir().unwrap();
    stdout(&["man", made.path().to_str().unwrap()]);
    assert_eq!(names(made.path()), names(&root("man")), "cargo run -- man man");
    for name in names(made.path()) {
        let page = |directory: &Path| fs::read_to_string(directory.join(&name)).unwrap();
        assert_eq!(page(made.path()), page(&root("man")), "{name}: cargo run -- man man");
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_readme_has_the_two_commands_of_a_fresh_machine() {
    let readme = fs::read_to_string(root("README.md")).unwrap();
    let fenced: Vec<&str> = readme.split("```").skip(1).step_by(2).flat_map(str::lines).collect();
    for command in ["cargo run --release -- demo", "tests/run"] {
        assert!(fenced.contains(&command), "{command}");
    }
}

#[test]
fn the_manifest_says_what_a_registry_asks_for() {
    let described = [
        env!("CARGO_PKG_DESCRIPTION"),
        env!("CARGO_PKG_LICENSE"),
        env!("CARGO_PKG_README"),
        env!("CARGO_PKG_RUST_VERSION"),
    ];
    assert!(described.iter().all(|field| !field.is_empty()), "{described:?}");
    assert!(root(env!("CARGO_PKG_README")).exists());
    assert!(root("LICENSE").exists());
}
