//! `guru trigger` leaves a process its own: every byte that it writes meanwhile arrives once and in
//! order, no call of it fails that would not fail by `kill`, and nothing waits for guru.

use crate::support::sink::{Kind, Sink};
use crate::support::trigger::assert_free;
use crate::support::{Target, guru, root, venv};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// How long a write of the process may take at most on a busy machine.
const LONGEST: Duration = Duration::from_secs(3);

/// How often a process is asked in each of the tests.
const TIMES: usize = 50;

/// The lines of each thread that are among these bytes, in order, and the bytes that are left.
fn lines(bytes: &[u8]) -> (BTreeMap<u8, Vec<u32>>, Vec<u8>) {
    let line = regex::bytes::Regex::new(r"<(\d):(\d{8})>\n").unwrap();
    let number = |text: &[u8]| std::str::from_utf8(text).unwrap().parse().unwrap();
    let mut found: BTreeMap<u8, Vec<u32>> = BTreeMap::new();
    for captures in line.captures_iter(bytes) {
        let thread = u8::try_from(number(&captures[1])).unwrap();
        found.entry(thread).or_default().push(number(&captures[2]));
    }
    (found, line.replace_all(bytes, &b""[..]).into_owned())
}

/// Triggers a program whose threads write all the time.
fn check(kind: Kind, way: &[&str]) {
    let Some(python) = venv("mini") else { return };
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("other");
    let (sink, mut command) = Sink::command(kind, python);
    command.arg(root("fixtures/targets/chatty.py")).arg(&other);
    let mut target = Target::start({
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    });
    let pid = target.pid();
    let mut printed = Vec::new();
    for _ in 0..TIMES {
        let output = guru(&[&["trigger"], way, &[&pid.to_string()]].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{kind:?} {way:?}: {errors}");
        printed.extend(output.stdout);
    }
    assert_free(pid);
    let told: Value = serde_json::from_str(&target.ask("tell")).unwrap();
    assert!(target.end());

    let expected = |thread: usize| -> Vec<u32> {
        let count = u32::try_from(told["lines"][thread].as_u64().unwrap()).unwrap();
        assert!(count > 20, "{told}");
        (0..count).collect()
    };
    let (found, left) = lines(&fs::read(other).unwrap());
    assert_eq!((found.get(&3), left.len()), (Some(&expected(3)), 0), "{kind:?}");
    for what in ["interrupted", "interrupted_main", "errors", "short"] {
        assert_eq!(told[what], 0, "{kind:?} {way:?}: {what}: {told}");
    }
    assert!(told["longest"].as_f64().unwrap() < LONGEST.as_secs_f64(), "{told}");
    if kind != Kind::Null {
        // In a file, nothing tells whose a line is that came between the report and its newline.
        let exact = way != ["--via", "file"];
        let own = (0..3).map(|thread| 13 * expected(thread).len()).sum::<usize>();
        let reports = if exact { printed.len() } else { 0 };
        let (found, left) = lines(&sink.arrived_after(0, own + reports));
        for thread in 0..3 {
            let key = u8::try_from(thread).unwrap();
            assert!(found.get(&key) == Some(&expected(thread)), "{kind:?}: {thread} lost lines");
        }
        assert!(
            left == printed || !exact,
            "{kind:?} {way:?}: printed {:?}, not {:?}",
            String::from_utf8_lossy(&printed),
            String::from_utf8_lossy(&left)
        );
    }
}

#[test]
fn what_a_process_writes_to_a_pipe_meanwhile_is_untouched() {
    check(Kind::Pipe, &[]);
}

#[test]
fn what_a_process_writes_to_a_file_meanwhile_is_untouched() {
    check(Kind::File, &["--via", "file"]);
    check(Kind::File, &["--via", "ptrace"]);
}

#[test]
fn what_a_process_writes_to_nothing_meanwhile_is_untouched() {
    check(Kind::Null, &[]);
}
