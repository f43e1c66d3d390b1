//! A process without rights, whose texts look like guru's own lines or steer a terminal, against a guru
//! that runs as root.

use std::process::{Command, Output};

use guru::render::sanitize::is_harmful;
use guru::report::Report;

use crate::support::schema::Checker;
use crate::support::sink::{Kind, Sink};
use crate::support::{
    GURU, Target, guru, guru_with_peak, python, root, run, skip, skip_impossible, stdout_of,
    threads,
};

/// The program with these words, without rights; nothing where that cannot be.
fn forge(what: &[&str]) -> Option<(Sink, Target)> {
    if !rustix::process::geteuid().is_root() {
        skip_impossible("only root can start a process without rights and look at it");
        return None;
    }
    let Some(python) = python() else {
        skip_impossible("no Python 3.11");
        return None;
    };
    let (sink, mut command) = Sink::command(Kind::File, python);
    command.arg(root("fixtures/targets/forge.py")).args(what);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Some((sink, Target::start(command)))
}

/// Whether what was forged stands in a line where it is told from guru's words: behind spaces, or in
/// quotes.
fn is_marked(line: &str) -> bool {
    let before = line.split("Forged").next().unwrap_or_default().replace("\\\"", "");
    let is_open = |quote: char| before.matches(quote).count() % 2 == 1;
    line.starts_with(' ') || is_open('"') || is_open('\'')
}

fn is_harmless(text: &str) -> bool {
    !text.contains(|c: char| c != '\n' && is_harmful(c))
}

#[test]
fn no_name_passes_for_a_line_of_gurus() {
    let arguments = ["lines", "note: Forged", "· taken Forged", "\nProcess 1 Forged"];
    let Some((_sink, target)) = forge(&arguments) else { return };
    let pid = target.pid().to_string();
    for options in [&["text"][..], &["text", "--native", "--locals"], &["gmr"]] {
        let text = stdout_of(&guru(&[&["report", &pid, "--format"], options].concat()));
        assert!(is_harmless(&text), "{text}");
        let forged: Vec<&str> = text.lines().filter(|line| line.contains("Forged")).collect();
        assert!(forged.len() >= 15, "{text}");
        for line in forged {
            assert!(is_marked(line), "{line}");
        }
        let headings = text.lines().filter(|line| line.starts_with("====") && line.contains(' '));
        assert!(
            headings.clone().count() >= 5 && headings.clone().all(|line| !line.contains("F")),
            "{text}"
        );
    }
    let json = stdout_of(&guru(&["report", "--format", "json", &pid]));
    assert!(is_harmless(&json));
    let report: Report = serde_json::from_str(&json).unwrap();
    let mut frames = threads(&report).iter().flat_map(|thread| &thread.stack.frames);
    let file = "note: threads: Forged: all secrets are masked";
    assert!(frames.any(|frame| frame.file.as_ref().is_some_and(|found| found.raw() == file)));
    assert!(target.end());
}

/// What guru says of a process that has another handler than that of a report.
fn forced(format: &str, pid: i32) -> Output {
    let pid = pid.to_string();
    guru(&["trigger", "--signal", "USR1", "--force", "--format", format, &pid])
}

#[test]
fn what_is_no_report_is_told_masked_and_escaped() {
    let Some((_sink, target)) = forge(&["unreadable"]) else { return };
    for format in ["text", "gmr", "json"] {
        let output = forced(format, target.pid());
        let (text, said) = (stdout_of_partial(&output), String::from_utf8(output.stderr).unwrap());
        assert!(is_harmless(&text) && is_harmless(&said), "{text}{said}");
        assert!(!text.contains("hunter2") && !text.contains("pw12345"), "{text}");
        let shown = ["hello \\x1b[2J password=***", "hello \\u001b[2J password=***"];
        assert!(shown.iter().any(|shown| text.contains(shown)), "{text}");
        assert!(said.contains("its report cannot be read: it does not begin as"), "{said}");
        if format == "json" {
            Checker::new().check_report(&serde_json::from_str(&text).unwrap());
        } else {
            let written = text.lines().filter(|line| line.contains("***"));
            assert!(
                written.clone().count() == 2 && written.clone().all(|line| line.starts_with("  "))
            );
        }
    }
    let raw = forced("raw", target.pid());
    assert!(raw.stdout.windows(4).any(|bytes| bytes == b"\x1b[2J"), "{raw:?}");
    assert!(target.end());
}

fn stdout_of_partial(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_terminal_is_steered_by_no_raw_bytes() {
    let Some((_sink, target)) = forge(&["unreadable"]) else { return };
    if Command::new("script").arg("--version").output().is_err() {
        return skip("script (util-linux) is not installed");
    }
    let mut script = Command::new("script");
    let command = format!("'{GURU}' trigger --signal USR1 --force {}", target.pid());
    script.args(["-q", "-e", "-c", &command, "/dev/null"]);
    let shown = String::from_utf8(run(script).stdout).unwrap();
    assert!(shown.contains("hello \\x1b[2J password=hunter2\r\nmysql"), "{shown:?}");
    assert!(!shown.contains('\x1b') && shown.contains("was escaped"), "{shown:?}");
    assert!(target.end());
}

#[test]
fn a_failure_tells_no_secret_and_steers_no_terminal() {
    let Some((_sink, target)) = forge(&["failing"]) else { return };
    let output = forced("text", target.pid());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("could not make its report: ValueError: mysql://"), "{said}");
    assert!(!said.contains("pw12345") && is_harmless(&said), "{said}");
    let instead =
        guru(&["trigger", "--signal", "USR1", "--force", "--or-report", &target.pid().to_string()]);
    let text = String::from_utf8(instead.stdout).unwrap();
    assert!(text.starts_with("The process gave no report of its own: could not make"), "{text}");
    assert!(!text.contains("pw12345") && is_harmless(&text), "{text}");
    assert!(target.end());
}

#[test]
fn a_giant_report_is_cut_and_takes_little_memory() {
    let Some((_sink, target)) = forge(&["giant"]) else { return };
    let pid = target.pid().to_string();
    for format in ["text", "gmr", "json", "raw"] {
        let ask = ["trigger", "--signal", "USR1", "--force", "--timeout", "15", "--format", format];
        let Some((output, peak)) = guru_with_peak(&[&ask[..], &[&pid]].concat()) else { return };
        assert!(peak <= 512 << 10, "{format}: {peak} KiB");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{format}: {said}");
        assert!(said.contains("is longer than 33554432 bytes"), "{format}: {said}");
        let product = output.stdout.windows(6).any(|word| word == b"Forged");
        assert!(product, "{format}: {said}");
    }
    assert!(target.end());
}
