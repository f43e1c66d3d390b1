//! What guru asks the kernel for, as strace sees it, and what it leaves to the process: its rights, and all
//! that it does while somebody stands still.

use crate::support::nobody::{self, NOBODY};
use crate::support::{
    GURU, Target, can_make_namespaces, guru, run, skip, skip_impossible, thread_states, threads,
};
use guru::report::{Hold, Report, Seen};
use std::collections::HashSet;
use std::process::Command;
use std::time::{Duration, Instant};

/// What guru calls, line by line, each after the id of its thread; `None`, with a skip, without strace.
fn calls_of_guru(args: &[&str]) -> Option<Vec<(i32, String)>> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("calls");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "signal=none", "-o"]).arg(&file).arg(GURU).args(args);
    if Command::new("strace").arg("-V").output().is_err() {
        skip("strace is not installed");
        return None;
    }
    assert_eq!(run(strace).status.code(), Some(0));
    let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
    let calls = text.lines().filter_map(|line| line.split_once(' '));
    let calls = calls.map(|(tid, call)| (tid.parse().unwrap(), call.trim_start().to_owned()));
    Some(calls.collect())
}

/// The thread that a request of ptrace is about.
fn subject(call: &str) -> Option<i32> {
    call.strip_prefix("ptrace(")?.split(", ").nth(1)?.trim_end_matches(')').parse().ok()
}

#[test]
fn only_who_runs_is_traced_and_nothing_else_happens_meanwhile() {
    let Some(target) = Target::spawn("many", &["20", "5", "clock"]) else { return };
    let pid = target.pid();
    let Some(calls) = calls_of_guru(&["report", &pid.to_string()]) else { return };
    let running = thread_states(pid).into_iter().filter(|(_, thread)| thread.state == 'R');
    let running: HashSet<i32> = running.map(|(tid, _)| tid).collect();
    let traced: HashSet<i32> = calls.iter().filter_map(|(_, call)| subject(call)).collect();
    assert!(!traced.is_empty() && traced.is_subset(&running), "{traced:?} of {running:?}");

    let from = calls.iter().position(|(_, call)| call.contains("PTRACE_INTERRUPT")).unwrap();
    let to = calls.iter().rposition(|(_, call)| call.contains("PTRACE_DETACH")).unwrap();
    let meanwhile = &calls[from..to];
    let unwanted = [
        "write(", "writev(", "clone", "fork", "vfork", "exec", "mmap", "brk", "open", "connect",
        "send",
    ];
    let names = meanwhile.iter().map(|(_, call)| call.strip_prefix("<... ").unwrap_or(call));
    let found: Vec<_> =
        names.filter(|call| unwanted.iter().any(|name| call.starts_with(name))).collect();
    assert!(found.is_empty(), "{found:#?}");
    assert!(target.end());
}

/// What a guru that may not make this system call reports of a process.
fn report_without(call: &str, pid: i32) -> Option<Report> {
    let mut command = Command::new(Target::program("forbid")?);
    command.args([call, GURU, "report", "--format", "json", &pid.to_string()]);
    let output = run(command);
    assert_eq!(output.status.code(), Some(1), "{call}: {output:?}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn tells(report: &Report, note: &str) {
    let told = report.all_notes().any(|found| found.message.raw() == note);
    assert!(told, "{note}: {:?}", report.notes);
}

#[test]
fn who_may_not_stop_threads_gets_what_there_is_without_a_stop() {
    let Some(target) = Target::spawn("many", &["3", "5", "clock"]) else { return };
    for call in ["ptrace", "waitid"] {
        let Some(report) = report_without(call, target.pid()) else { return };
        assert_eq!(report.taken.hold, Hold::None, "{call}");
        tells(
            &report,
            "none could be stopped (a seccomp filter around guru forbids it): those that run have no stacks",
        );
        let threads = threads(&report).iter().filter(|thread| thread.seen == Some(Seen::Asleep));
        assert!(threads.filter(|thread| thread.stack.frames.len() > 5).count() >= 3, "{report:?}");
    }
    assert!(target.end());
}

#[test]
fn who_may_not_read_memory_at_once_reads_it_in_turn() {
    let Some(program) = Target::program("forbid") else { return };
    let Some(target) = Target::spawn("many", &["3", "5", "clock"]) else { return };
    let mut command = Command::new(program);
    command.args(["process_vm_readv", GURU, "report", "--format", "json"]);
    command.arg(target.pid().to_string());
    let output = run(command);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    assert!(threads(&report).iter().all(|thread| thread.stack.frames.len() > 3), "{report:?}");
    assert!(target.end());
}

/// The kernel denies a set-user-ID program its rights while one traces it that has not got them. Root has.
#[test]
fn a_program_gets_its_rights_while_root_looks() {
    let directory = tempfile::tempdir().unwrap();
    nobody::chmod(directory.path(), 0o755);
    let Some(program) = nobody::program("rights", directory.path()) else { return };
    nobody::chmod(&program, 0o4755);
    let Some(command) = nobody::command(&program) else { return };
    let mut target = Target::start(command);
    let rights = |target: &mut Target| -> Vec<u64> {
        target.ask("tell").split(' ').skip(1).map(|word| word.parse().unwrap()).collect()
    };
    while rights(&mut target).iter().sum::<u64>() < 3 {}
    if rights(&mut target)[0] == 0 {
        return skip_impossible("set-user-ID programs get no rights here");
    }
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        guru(&["report", "--stop", "all", &target.pid().to_string()]);
    }
    let counts = rights(&mut target);
    assert!(counts[0] > 100 && counts[1] == 0, "{counts:?} of user {NOBODY}");
    assert!(target.end());
}

#[test]
fn the_host_goes_before_the_analysis_of_who_asks_for_it() {
    let Some(target) = Target::spawn("many", &["3", "5", "clock"]) else { return };
    let pid = target.pid().to_string();
    let Some(calls) = calls_of_guru(&["report", "--nice", "15", &pid]) else { return };
    let nice =
        calls.iter().position(|(_, call)| call.starts_with("setpriority(PRIO_PROCESS, 0, 15)"));
    let held = calls.iter().rposition(|(_, call)| call.contains("PTRACE_DETACH"));
    assert!(held.is_some() && nice > held, "{nice:?}, {held:?}");
    let Some(calls) = calls_of_guru(&["report", &pid]) else { return };
    assert!(!calls.iter().any(|(_, call)| call.starts_with("setpriority")));
    assert!(target.end());
}

/// Where `/proc` shows another pid namespace than the one that guru calls the kernel from, an id is that of
/// two processes: the wrong one was stopped.
#[test]
fn a_process_of_another_pid_namespace_is_not_looked_at() {
    if !can_make_namespaces() {
        return;
    }
    let Some(target) = Target::spawn("many", &["3", "5", "clock"]) else { return };
    let pid = target.pid().to_string();
    for args in [&["report", &pid][..], &["trigger", &pid], &["doctor", &pid]] {
        let mut command = Command::new("unshare");
        command.args(["-p", "-f", GURU]).args(args);
        let output = run(command);
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert!(told.contains("/proc is that of another pid namespace"), "{args:?}: {told}");
        assert_eq!(output.status.code(), Some(3), "{args:?}: {told}");
    }
    assert!(target.end());
}

#[test]
fn what_guru_lacks_itself_is_told_or_done_without() {
    let Some(target) = Target::spawn("many", &["3", "5", "clock"]) else { return };
    let pid = target.pid().to_string();
    let limited = |limit: &str| {
        let mut command = Command::new("prlimit");
        command.arg(format!("--nofile={limit}")).args([GURU, "report", &pid]);
        run(command)
    };
    let output = limited("9:1024");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = limited("16:16");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("only 16 files may be open (RLIMIT_NOFILE)"), "{told}");
    assert_eq!(output.status.code(), Some(3), "{told}");

    if can_make_namespaces() {
        let mut command = Command::new("unshare");
        let script = r#"mount -t tmpfs none /dev && exec "$0" report "$1""#;
        command.args(["-m", "sh", "-c", script, GURU, &pid]);
        let output = run(command);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    assert!(target.end());
}
