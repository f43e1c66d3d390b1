//! `guru trigger` prints exactly the bytes that the process wrote, wherever it writes them.

use crate::support::sink::{Kind, Sink};
use crate::support::{
    DEADLINE, GURU, Service, Target, await_some, guru, run, skip, thread_states, venv,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const HEADER: &[u8] = b"====                        Guru Meditation";

/// What guru prints of a process, which must be whole.
fn trigger(args: &[&str]) -> Vec<u8> {
    let output = guru(&[&["trigger"], args].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {errors}");
    assert!(errors.lines().all(|line| line.starts_with("guru: ")), "{args:?}: {errors}");
    output.stdout
}

/// What guru says of a process that it gets no report of, and its exit status.
fn no_report(args: &[&str]) -> (Option<i32>, String) {
    let output = guru(&[&["trigger"], args].concat());
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Where two reports differ, so that a failure can be read.
fn assert_same(printed: &[u8], written: &[u8], what: &str) {
    if printed != written {
        let at = printed.iter().zip(written).take_while(|(a, b)| a == b).count();
        let near = |bytes: &[u8]| {
            let part = bytes.get(at.saturating_sub(60)..).unwrap_or_default();
            String::from_utf8_lossy(&part[..part.len().min(200)]).into_owned()
        };
        panic!(
            "{what}: {} bytes printed, {} written, they differ at {at}: {:?}, not {:?}",
            printed.len(),
            written.len(),
            near(printed),
            near(written)
        );
    }
}

/// A report arrives at the sink and is printed, twice; nothing else arrives.
fn check(sink: &Sink, pid: i32, args: &[&str]) {
    let pid = pid.to_string();
    for _ in 0..2 {
        let before = sink.arrived().len();
        let printed = trigger(&[args, &[&pid]].concat());
        assert!(printed.windows(HEADER.len()).any(|part| part == HEADER));
        assert_eq!(printed.last(), Some(&b'\n'));
        assert_same(&printed, &sink.arrived_after(before, printed.len()), &format!("{args:?}"));
    }
}

/// The small app with a standard error of this kind.
fn check_mini(kind: Kind, ways: &[&[&str]]) {
    let Some(service) = Service::start_into(kind, "mini", &[], "") else { return };
    for way in ways {
        check(&service.sink, service.pid(), way);
    }
    assert_free(service.pid());
}

fn assert_free(pid: i32) {
    let threads = thread_states(pid);
    assert!(!threads.is_empty());
    assert!(threads.values().all(|thread| thread.tracer == 0 && thread.state != 't'));
}

const AUTO: &[&str] = &[];
const FILE: &[&str] = &["--via", "file"];
const PTRACE: &[&str] = &["--via", "ptrace"];

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

/// What a process writes to `/dev/null` is known by strace, which sees it in a report of its own.
fn check_null(name: &str) {
    let Some(service) = Service::start_into(Kind::Null, name, &[], "") else { return };
    let pid = service.pid();
    // The first report may register options of its own, which the next ones show.
    trigger(&[&pid.to_string()]);
    for way in [AUTO, PTRACE] {
        // Green threads may have moved on between two reports: it is asked again then.
        for attempt in 1.. {
            let Some(written) = traced_report(pid) else { return };
            let printed = trigger(&[way, &[&pid.to_string()]].concat());
            if printed == written {
                break;
            }
            if attempt == 5 {
                assert_same(&printed, &written, name);
            }
        }
    }
    assert_free(pid);
}

/// The report that a process makes when it gets SIGUSR2, by what strace sees it write.
fn traced_report(pid: i32) -> Option<Vec<u8>> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-xx", "-s", "100000000", "-e", "trace=write", "-e", "signal=none"]);
    strace.arg("-o").arg(&file).args(["-p", &pid.to_string()]);
    let Ok(mut strace) = strace.stdin(Stdio::null()).spawn() else {
        skip("strace is not installed");
        return None;
    };
    await_some("strace takes hold", || {
        thread_states(pid).values().all(|thread| thread.tracer != 0).then_some(())
    });
    kill(Pid::from_raw(pid), Signal::SIGUSR2).unwrap();
    let written = await_some("the report is written", || {
        let text = fs::read_to_string(&file).ok()?;
        let writes = text.lines().filter_map(|line| {
            let (bytes, rest) = line.split_once("write(2, \"")?.1.split_once('"')?;
            rest.contains(" = ").then(|| unescaped(bytes))
        });
        let written: Vec<Vec<u8>> = writes.collect();
        (written.last()? == b"\n").then(|| written.concat())
    });
    kill(Pid::from_raw(strace.id().cast_signed()), Signal::SIGINT).unwrap();
    await_some("strace ends", || strace.try_wait().unwrap());
    Some(written)
}

/// The bytes of `\x3d\x0a`.
fn unescaped(text: &str) -> Vec<u8> {
    let codes = text.split("\\x").skip(1);
    codes.map(|code| u8::from_str_radix(code, 16).unwrap()).collect()
}

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

/// The target with a report, with more arguments.
fn gmr(command: &mut Command, args: &[&str]) -> Target {
    command.arg(crate::support::root("fixtures/targets/gmr.py")).args(args);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Target::start(std::mem::replace(command, Command::new("true")))
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
    let written = [first.sink.arrived(), second.sink.arrived()].concat();
    assert_same(&printed, &written, "two processes");

    // One that has no report does not keep the others from theirs.
    let mut sleep = Command::new("sleep").arg("1000").spawn().unwrap();
    let output = guru(&["trigger", &sleep.id().to_string(), &pids[1]]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let written = second.sink.arrived();
    assert_same(&output.stdout, &written[written.len() - output.stdout.len()..], "the second");
    assert!(!output.stdout.is_empty());
    sleep.kill().unwrap();
    sleep.wait().unwrap();
}

#[test]
fn panko_is_printed_as_it_wrote() {
    for kind in [Kind::File, Kind::Pipe] {
        let Some(service) = Service::start_into(kind, "panko", &[], "") else { return };
        check(&service.sink, service.pid(), AUTO);
        assert_free(service.pid());
    }
    check_null("panko");
}

#[test]
fn nova_conductor_is_printed_as_it_wrote() {
    for kind in [Kind::File, Kind::Pipe] {
        let Some(service) = Service::start_into(kind, "nova-conductor", &[], "") else { return };
        check(&service.sink, service.pid(), AUTO);
        assert_free(service.pid());
    }
}

#[test]
fn nova_conductor_is_printed_as_it_wrote_to_nothing() {
    check_null("nova-conductor");
}

#[test]
fn nova_scheduler_and_its_worker_are_printed_as_they_wrote() {
    for kind in [Kind::File, Kind::Pipe] {
        let Some(service) = Service::start_into(kind, "nova-scheduler", &[], "") else { return };
        let worker = service.worker();
        check(&service.sink, service.pid(), AUTO);
        check(&service.sink, worker, AUTO);

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
