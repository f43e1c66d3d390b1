//! `guru trigger`, and what a process wrote that it asked, as others see it.

use super::sink::{Kind, Sink};
use super::{Service, Target, ThreadState, await_some, guru, root, skip, thread_states};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs;
use std::process::{Command, Stdio};

/// How the first heading of a report begins.
pub const HEADER: &[u8] = b"====                        Guru Meditation";

/// What guru prints of a process, which must be whole.
pub fn trigger(args: &[&str]) -> Vec<u8> {
    let output = guru(&[&["trigger"], args].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {errors}");
    assert!(errors.lines().all(|line| line.starts_with("guru: ")), "{args:?}: {errors}");
    output.stdout
}

/// What guru says of a process that it gets no report of, and its exit status.
pub fn no_report(args: &[&str]) -> (Option<i32>, String) {
    let output = guru(&[&["trigger"], args].concat());
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Where two reports differ, so that a failure can be read.
pub fn assert_same(printed: &[u8], written: &[u8], what: &str) {
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
pub fn check(sink: &Sink, pid: i32, args: &[&str]) {
    check_once(sink, pid, args);
    check_once(sink, pid, args);
}

/// A report arrives at the sink and is printed; nothing else arrives.
pub fn check_once(sink: &Sink, pid: i32, args: &[&str]) {
    let before = sink.arrived().len();
    let printed = trigger(&[args, &[&pid.to_string()]].concat());
    // The view of JSON has no heading.
    let begins = printed.starts_with(b"Package\n{");
    assert!(begins || printed.windows(HEADER.len()).any(|part| part == HEADER));
    assert_eq!(printed.last(), Some(&b'\n'));
    assert_same(&printed, &sink.arrived_after(before, printed.len()), &format!("{args:?}"));
}

/// Nobody traces the process, and none of its threads was left stopped.
pub fn assert_free(pid: i32) {
    let threads = thread_states(pid);
    assert!(!threads.is_empty());
    assert!(threads.values().all(|thread| thread.tracer == 0 && thread.state != 't'));
}

/// The target with a report, with more arguments.
pub fn gmr(command: &mut Command, args: &[&str]) -> Target {
    command.arg(root("fixtures/targets/gmr.py")).args(args);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Target::start(std::mem::replace(command, Command::new("true")))
}

/// What a process writes to `/dev/null` is known by strace, which sees it in a report of its own.
pub fn check_null(name: &str) {
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
    let before = turns(pid);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-xx", "-s", "100000000", "-e", "trace=write", "-e", "signal=none"]);
    strace.arg("-o").arg(&file).args(["-p", &pid.to_string()]);
    let Ok(mut strace) = strace.stdin(Stdio::null()).spawn() else {
        skip("strace is not installed");
        return None;
    };
    // It stops each thread once. A signal to the process that comes while the main thread is about to stop
    // goes to another one; Python's handler runs in the main thread all the same, which sleeps on (4 of 30
    // tries). Two turns at a processor later it is over.
    await_some("strace takes hold", || {
        let now = turns(pid);
        let was_stopped =
            |tid: &i32| now.get(tid).zip(before.get(tid)).is_none_or(|(n, b)| n >= &(b + 2));
        let sleeps = |(tid, thread): (&i32, &ThreadState)| {
            thread.tracer != 0 && thread.state == 'S' && was_stopped(tid)
        };
        thread_states(pid).iter().all(sleeps).then_some(())
    });
    kill(Pid::from_raw(pid), Signal::SIGUSR2).unwrap();
    let written = await_some("the report is written", || {
        let text = fs::read_to_string(&file).ok()?;
        let writes = text.lines().filter_map(|line| {
            let (bytes, rest) = line.split_once("write(2, \"")?.1.split_once('"')?;
            // A thread that does something else meanwhile splits the line.
            let is_whole = rest.contains(" = ") || rest.contains("<unfinished");
            is_whole.then(|| unescaped(bytes))
        });
        let written: Vec<Vec<u8>> = writes.collect();
        (written.last()? == b"\n").then(|| written.concat())
    });
    kill(Pid::from_raw(strace.id().cast_signed()), Signal::SIGINT).unwrap();
    await_some("strace ends", || strace.try_wait().unwrap());
    Some(written)
}

/// How often each thread was given a processor.
fn turns(pid: i32) -> HashMap<i32, u64> {
    let turns = |tid: i32| {
        let text = fs::read_to_string(format!("/proc/{pid}/task/{tid}/schedstat")).ok()?;
        text.split_whitespace().nth(2)?.parse().ok()
    };
    thread_states(pid).into_keys().filter_map(|tid| Some((tid, turns(tid)?))).collect()
}

/// The bytes of `\x3d\x0a`.
fn unescaped(text: &str) -> Vec<u8> {
    let codes = text.split("\\x").skip(1);
    codes.map(|code| u8::from_str_radix(code, 16).unwrap()).collect()
}

/// guru chooses how the report is read.
pub const AUTO: &[&str] = &[];

/// The report is read from its file.
pub const FILE: &[&str] = &["--via", "file"];

/// The report is read as it is written.
pub const PTRACE: &[&str] = &["--via", "ptrace"];
