//! `guru trigger` on real services, and on those that report elsewhere than to their standard error:
//! it prints exactly what they wrote.

use crate::support::sink::{Kind, Sink};
use crate::support::trigger::{
    AUTO, FILE, HEADER, PTRACE, assert_free, assert_same, check, check_null, check_once, gmr,
    no_report, trigger,
};
use crate::support::{DEADLINE, GURU, Service, await_some, full, guru, run, thread_states, venv};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

#[test]
fn a_report_into_a_directory_is_printed_as_it_was_written() {
    for stderr in [Kind::File, Kind::Null] {
        let directory = tempfile::tempdir().unwrap();
        let settings = format!("[oslo_reports]\nlog_dir = {}\n", directory.path().display());
        let Some(service) = Service::start_into(stderr, "mini", &[], &settings) else { return };
        let pid = service.pid().to_string();
        for way in [AUTO, FILE] {
            let printed = trigger(&[way, &[&pid]].concat());
            let file = newest(directory.path());
            assert_same(&printed, &fs::read(&file).unwrap(), "log_dir");
            // A report of the same second would overwrite it.
            fs::remove_file(file).unwrap();
        }
        assert!(service.sink.arrived().is_empty());
        assert_free(service.pid());
    }
}

/// The only file in a directory.
fn newest(directory: &Path) -> std::path::PathBuf {
    let files: Vec<_> = fs::read_dir(directory).unwrap().flatten().collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].path()
}

/// The small app that watches a file, and the file.
fn watching(stderr: Kind, more: &str) -> Option<(Service, tempfile::TempDir)> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("watched");
    fs::write(&file, "").unwrap();
    let settings = format!("[oslo_reports]\nfile_event_handler = {}\n{more}", file.display());
    Some((Service::start_into(stderr, "mini", &[], &settings)?, directory))
}

#[test]
fn a_process_that_watches_a_file_reports_when_it_is_touched() {
    for stderr in [Kind::File, Kind::Pipe] {
        let Some((service, _directory)) = watching(stderr, "") else { return };
        check(&service.sink, service.pid(), AUTO);
        assert_free(service.pid());
    }
}

#[test]
fn a_process_that_watches_a_file_reports_into_its_directory() {
    let reports = tempfile::tempdir().unwrap();
    let more = format!("log_dir = {}\n", reports.path().display());
    let Some((service, _directory)) = watching(Kind::Null, &more) else { return };
    let printed = trigger(&[&service.pid().to_string()]);
    assert_same(&printed, &fs::read(newest(reports.path())).unwrap(), "log_dir");
    assert_free(service.pid());
}

#[test]
fn a_watched_file_that_is_gone_is_told() {
    let Some((service, directory)) = watching(Kind::File, "") else { return };
    let file = directory.path().join("watched");
    let pid = service.pid().to_string();
    let threads = thread_states(service.pid()).len();
    fs::remove_file(&file).unwrap();
    await_some("the watcher ends", || (thread_states(service.pid()).len() < threads).then_some(()));
    for _ in 0..2 {
        let (status, errors) = no_report(&[&pid]);
        assert_eq!(status, Some(3), "{errors}");
        assert!(errors.contains(file.to_str().unwrap()), "{errors}");
        // That it is there again does not bring the watcher back.
        fs::write(&file, "").unwrap();
    }
    assert_free(service.pid());
}

#[test]
fn a_report_in_json_has_the_sections_of_one_in_text() {
    let sections = |variables: &[(&str, std::path::PathBuf)]| -> Option<Vec<Value>> {
        let service = Service::start_into(Kind::Pipe, "mini-threads", variables, "")?;
        let pid = service.pid().to_string();
        let printed = trigger(&["--format", "json", &pid]);
        let report: Value = serde_json::from_slice(&printed).unwrap();
        Some(report["sections"].as_array().unwrap().clone())
    };
    let Some(text) = sections(&[]) else { return };
    let Some(json) = sections(&[("MINI_TYPE", "json".into())]) else { return };
    let titles = |sections: &[Value]| -> Vec<Value> {
        sections.iter().map(|section| section["title"].clone()).collect()
    };
    assert_eq!(titles(&text), titles(&json));
    assert!(titles(&text).len() >= 5, "{:?}", titles(&text));
}

#[test]
fn a_report_in_a_file_is_the_same() {
    let Some(service) = Service::start_into(Kind::Pipe, "mini", &[], "") else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("report");
    let pid = service.pid().to_string();
    let printed = trigger(&["-o", file.to_str().unwrap(), &pid]);
    assert!(printed.is_empty());
    let saved = fs::read(&file).unwrap();
    assert_same(&saved, &service.sink.arrived_after(0, saved.len()), "-o");
    // It is not overwritten, and nothing is asked of the process before that is known.
    let (status, errors) = no_report(&["-o", file.to_str().unwrap(), &pid]);
    assert_eq!(status, Some(3), "{errors}");
    assert_eq!(service.sink.arrived().len(), saved.len());
}

#[test]
fn several_processes_report_one_after_the_other() {
    let Some(first) = Service::start_into(Kind::File, "mini", &[], "") else { return };
    let Some(second) = Service::start_into(Kind::Pipe, "mini-threads", &[], "") else { return };
    let pids = [first.pid().to_string(), second.pid().to_string()];
    let printed = trigger(&[&pids[0], &pids[1]]);
    let of_first = first.sink.arrived();
    let of_second = second.sink.arrived_after(0, printed.len().saturating_sub(of_first.len()));
    assert_same(&printed, &[of_first, of_second].concat(), "two processes");

    // One that has no report does not keep the others from theirs.
    let mut sleep = Command::new("sleep").arg("1000").spawn().unwrap();
    let before = second.sink.arrived().len();
    let output = guru(&["trigger", &sleep.id().to_string(), &pids[1]]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let written = second.sink.arrived_after(before, output.stdout.len());
    assert_same(&output.stdout, &written, "the second");
    assert!(!output.stdout.is_empty());
    sleep.kill().unwrap();
    sleep.wait().unwrap();
}

/// The kinds of standard error that collect what arrives. A pipe that nobody reads holds one report of
/// a large service.
const KINDS: &[Kind] =
    &[Kind::File, Kind::Pipe, Kind::Renamed, Kind::Undrained, Kind::Terminal, Kind::Socket];

/// Those of them that a large service, which starts in seconds, is tried on: two, or in the long form
/// all.
fn kinds() -> &'static [Kind] {
    if full() { KINDS } else { &KINDS[..2] }
}

#[test]
fn panko_is_printed_as_it_wrote() {
    for kind in KINDS {
        let Some(service) = Service::start_into(*kind, "panko", &[], "") else { return };
        check(&service.sink, service.pid(), AUTO);
        assert_free(service.pid());
    }
    check_null("panko");
}

#[test]
fn the_view_of_json_is_printed_as_it_was_written() {
    for kind in KINDS {
        let json = [("MINI_TYPE", "json".into())];
        let Some(service) = Service::start_into(*kind, "mini", &json, "") else { return };
        check(&service.sink, service.pid(), AUTO);
        check(&service.sink, service.pid(), PTRACE);
        assert_free(service.pid());
    }
}

#[test]
fn nova_conductor_is_printed_as_it_wrote() {
    for kind in kinds() {
        let Some(service) = Service::start_into(*kind, "nova-conductor", &[], "") else { return };
        check_once(&service.sink, service.pid(), AUTO);
        assert_free(service.pid());
    }
}

#[test]
fn nova_conductor_is_printed_as_it_wrote_into_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let conf = format!("[oslo_reports]\nlog_dir = {}\n", directory.path().display());
    let Some(service) = Service::start_into(Kind::Null, "nova-conductor", &[], &conf) else {
        return;
    };
    let printed = trigger(&[&service.pid().to_string()]);
    assert_same(&printed, &fs::read(newest(directory.path())).unwrap(), "log_dir");
}

#[test]
fn nova_conductor_is_printed_as_it_wrote_to_nothing() {
    check_null("nova-conductor");
}

#[test]
fn nova_scheduler_and_its_worker_are_printed_as_they_wrote() {
    for kind in kinds() {
        let Some(service) = Service::start_into(*kind, "nova-scheduler", &[], "") else { return };
        let worker = service.worker();
        check_once(&service.sink, service.pid(), AUTO);
        if *kind == Kind::Undrained {
            continue;
        }
        check_once(&service.sink, worker, AUTO);

        let before = service.sink.arrived().len();
        let printed = trigger(&["--tree", &service.pid().to_string()]);
        assert_same(&printed, &service.sink.arrived_after(before, printed.len()), "--tree");
        let reports = printed.windows(HEADER.len()).filter(|part| *part == HEADER).count();
        assert_eq!(reports, 2, "{kind:?}");
        assert_free(service.pid());
        assert_free(worker);
    }
}

#[test]
fn a_second_guru_is_refused_while_one_asks() {
    let Some(python) = venv("mini") else { return };
    for kind in [Kind::File, Kind::Pipe] {
        let (sink, mut command) = Sink::command(kind, &python);
        let mut target = gmr(&mut command, &["ask"]);
        let pid = target.pid().to_string();
        let mut first = Command::new(GURU);
        first.args(["trigger", &pid, "--timeout", &DEADLINE.as_secs().to_string()]);
        let first = thread::spawn(move || run(first));
        assert_eq!(target.line(), "making");
        for args in [&[][..], &["--force"]] {
            let (status, errors) = no_report(&[args, &[&pid]].concat());
            assert_eq!(status, Some(3), "{errors}");
        }
        target.send("go on");
        let first = first.join().unwrap();
        assert_eq!(first.status.code(), Some(0), "{first:?}");
        assert_same(&first.stdout, &sink.arrived_after(0, first.stdout.len()), "the first");
        assert_eq!(target.ask("alive"), "alive");
        assert!(target.end());
    }
}
