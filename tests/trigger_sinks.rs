//! `guru trigger` prints exactly the bytes that the process wrote, wherever it writes them.

use crate::support::sink::{Kind, Sink};
use crate::support::trigger::{
    AUTO, FILE, HEADER, PTRACE, assert_free, assert_same, check, check_null, gmr, no_report,
    trigger,
};
use crate::support::{Service, guru, venv};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The small app with a standard error of this kind.
fn check_mini(kind: Kind, ways: &[&[&str]]) {
    let Some(service) = Service::start_into(kind, "mini", &[], "") else { return };
    for way in ways {
        check(&service.sink, service.pid(), way);
    }
    assert_free(service.pid());
}

#[test]
fn a_report_on_a_file_is_printed_as_it_was_written() {
    check_mini(Kind::File, &[AUTO, FILE, PTRACE]);
}

#[test]
fn a_report_on_a_file_with_another_name_is_printed_as_it_was_written() {
    check_mini(Kind::Renamed, &[AUTO, FILE, PTRACE]);
}

#[test]
fn a_report_on_a_deleted_file_is_printed_as_it_was_written() {
    check_mini(Kind::Deleted, &[AUTO, FILE, PTRACE]);
}

#[test]
fn a_report_on_a_file_that_was_emptied_is_printed_as_it_was_written() {
    check_mini(Kind::Emptied, &[AUTO, FILE, PTRACE]);
}

#[test]
fn a_report_on_a_pipe_is_printed_as_it_was_written() {
    check_mini(Kind::Pipe, &[AUTO, PTRACE]);
}

#[test]
fn a_report_on_a_pipe_that_nobody_reads_is_printed_as_it_was_written() {
    check_mini(Kind::Undrained, &[AUTO, PTRACE]);
}

#[test]
fn a_report_on_a_terminal_is_printed_as_it_was_written() {
    check_mini(Kind::Terminal, &[AUTO, PTRACE]);
}

#[test]
fn a_report_on_a_socket_is_printed_as_it_was_written() {
    check_mini(Kind::Socket, &[AUTO, PTRACE]);
}

#[test]
fn a_report_on_nothing_is_printed_as_it_was_written() {
    check_null("mini");
}

#[test]
fn a_closed_standard_error_is_told_and_the_process_lives() {
    let Some(python) = venv("mini") else { return };
    let (_sink, mut command) = Sink::command(Kind::Closed, &python);
    let mut target = gmr(&mut command, &[]);
    let (status, errors) = no_report(&[&target.pid().to_string()]);
    assert_eq!(status, Some(3), "{errors}");
    assert!(errors.contains("closed its standard error"), "{errors}");
    assert_eq!(target.ask("alive"), "alive");
    assert!(target.end());
}

#[test]
fn a_full_pipe_is_told_and_does_no_harm() {
    let Some(python) = venv("mini") else { return };
    let (mut sink, mut command) = Sink::command(Kind::Full, &python);
    let mut target = gmr(&mut command, &[]);
    sink.settle();
    let filled = sink.filled();
    let pid = target.pid().to_string();
    let (status, errors) = no_report(&[&pid]);
    assert_eq!(status, Some(3), "{errors}");
    assert!(errors.contains("full pipe"), "{errors}");
    assert_eq!(target.ask("alive"), "alive");

    // With force it waits for somebody to read; then the report is whole.
    let output = guru(&["trigger", "--force", "--timeout", "2", &pid]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{errors}");
    assert!(errors.contains("pipe") && errors.contains("full"), "{errors}");
    assert_free(target.pid());
    // Now there is room for the whole of it; it answers when it has written that.
    assert!(sink.arrived().len() >= filled);
    assert_eq!(target.ask("alive"), "alive");
    let report = sink.arrived_after(filled, 1000);
    // What it stood in was the write of the whole report, before that of the newline.
    assert_same(&[&output.stdout[..], b"\n"].concat(), &report, "a full pipe");
    assert!(report.windows(HEADER.len()).any(|part| part == HEADER));
    assert_eq!(target.ask("alive"), "alive");
    check(&sink, target.pid(), AUTO);
    assert!(target.end());
}

#[test]
fn an_abandoned_pipe_is_told_and_the_process_lives() {
    let Some(python) = venv("mini") else { return };
    let (mut sink, mut command) = Sink::command(Kind::Abandoned, &python);
    let mut target = gmr(&mut command, &[]);
    sink.settle();
    let (status, errors) = no_report(&[&target.pid().to_string()]);
    assert_eq!(status, Some(3), "{errors}");
    assert!(errors.contains("would end the process") && errors.contains("--force"), "{errors}");
    assert_eq!(target.ask("alive"), "alive");
    assert!(target.end());
}

#[test]
fn a_file_that_is_rotated_during_the_report_loses_nothing() {
    for (what, ways) in [
        ("rename", &[AUTO, FILE, PTRACE][..]),
        ("delete", &[AUTO, FILE, PTRACE]),
        ("empty", &[AUTO, FILE, PTRACE]),
    ] {
        for way in ways {
            let Some(python) = venv("mini") else { return };
            let (sink, mut command) = Sink::command(Kind::File, &python);
            let target = gmr(&mut command, &[what]);
            // What it had written before.
            fs::write(sink.path(), "written before\n".repeat(3)).unwrap();
            let before = if what == "empty" { 0 } else { sink.arrived().len() };
            let printed = trigger(&[*way, &[&target.pid().to_string()]].concat());
            let written = sink.arrived_after(before, printed.len());
            assert_same(&printed, &written, &format!("{what} {way:?}"));
            assert!(target.end());
        }
    }
}

#[test]
fn a_report_that_fails_is_told() {
    for (kind, way) in [(Kind::File, AUTO), (Kind::File, FILE), (Kind::Pipe, AUTO)] {
        let Some(python) = venv("mini") else { return };
        let (sink, mut command) = Sink::command(kind, &python);
        let target = gmr(&mut command, &["fail"]);
        let output = guru(&[&["trigger"], way, &[&target.pid().to_string()]].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains("as it was told"), "{errors}");
        let printed = output.stdout;
        assert!(printed.ends_with(b"Unable to run Guru Meditation Report!\n"), "{errors}");
        assert_same(&printed, &sink.arrived_after(0, printed.len()), "fail");
        assert!(target.end());
    }
}

#[test]
fn lines_that_others_write_to_the_file_are_left_out() {
    let Some(service) = Service::start_into(Kind::File, "mini", &[], "") else { return };
    let path = service.sink.path();
    let over = AtomicBool::new(false);
    let pid = service.pid().to_string();
    let ways = [AUTO, FILE, PTRACE, AUTO, FILE, PTRACE];
    let outputs = thread::scope(|scope| {
        // As a worker's log: each line in one write, at the end of the file.
        scope.spawn(|| {
            let mut file = OpenOptions::new().append(true).open(&path).unwrap();
            for number in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let line = format!("2026-01-01 00:00:00.000 1 INFO neighbour [-] <{number:08}>\n");
                file.write_all(line.as_bytes()).unwrap();
                thread::sleep(std::time::Duration::from_micros(300));
            }
        });
        let outputs = ways.map(|way| guru(&[&["trigger"], way, &[&pid]].concat()));
        over.store(true, Ordering::Relaxed);
        outputs
    });
    let line = regex::Regex::new(r"2026-01-01 00:00:00.000 1 INFO neighbour \[-\] <\d{8}>\n");
    let line = line.unwrap();
    let arrived = String::from_utf8(service.sink.arrived()).unwrap();
    let numbers = line.find_iter(&arrived).count();
    assert!(numbers > 100, "the neighbour wrote {numbers} lines");
    let alone = line.replace_all(&arrived, "").into_owned();
    let mut left = alone.as_str();
    for (way, output) in ways.iter().zip(outputs) {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{way:?}: {errors}");
        let mut printed = String::from_utf8(output.stdout).unwrap();
        if *way != PTRACE {
            // A line that came between the report and its last newline stands behind its last
            // one, and nothing in the file tells whose it is.
            let whole = printed.lines().filter(|text| text.starts_with("2026-01-01")).count();
            assert_eq!(whole, 0, "{way:?}: {printed}");
            printed = line.replace_all(&printed, "").into_owned();
        }
        let (written, rest) = left.split_at(printed.len().min(left.len()));
        assert_same(printed.as_bytes(), written.as_bytes(), &format!("{way:?}"));
        // The newline that was cut off from it.
        left = rest.trim_start_matches('\n');
    }
    assert_eq!(left, "");
}
