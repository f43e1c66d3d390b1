//! `guru trigger` kills nobody: what has no report is refused before anything is sent, and what
//! changes meanwhile does not die of it.

use crate::support::sink::{Kind, Sink};
use crate::support::trigger::assert_free;
use crate::support::{
    GURU, Target, await_asleep, await_some, can_make_namespaces, full, guru, python, root, run,
    skip, skip_impossible, thread_states, venv,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::process::{Command, Output, Stdio};

const NONE: &[&str] = &[];

/// How often each target is asked: 500 times all of them together, in the long form many more.
fn tries(times: usize) -> usize {
    if full() { 10 * times } else { times }
}

/// Asks a process so many times. It must be alive after each, and guru must end as expected.
fn ask(times: usize, pid: i32, args: &[&str], statuses: &[i32], says: &str) {
    for nth in 0..tries(times) {
        let output = guru(&[&["trigger"], args, &[&pid.to_string()]].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(is_alive(pid), "try {nth} killed {pid}: {errors}");
        let status = output.status.code();
        assert!(status.is_some_and(|one| statuses.contains(&one)), "{status:?}: {errors}");
        assert!(errors.contains(says), "{errors}");
    }
    assert_free(pid);
}

fn is_alive(pid: i32) -> bool {
    thread_states(pid).get(&pid).is_some_and(|thread| !matches!(thread.state, 'Z' | 'X'))
}

/// A shell that says it is ready and does this.
fn shell(script: &str) -> Target {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("echo ready $$; {script}")]);
    Target::start(command)
}

/// A Python with this set-up that waits for its stdin to end.
fn small_python(kind: Kind, set_up: &str) -> Option<(Sink, Target)> {
    let Some(python) = python() else {
        skip_impossible("no Python 3.11");
        return None;
    };
    let (sink, mut command) = Sink::command(kind, python);
    let wait = "print('ready', os.getpid(), flush=True); sys.stdin.read()";
    command.args(["-c", &format!("import os, signal, sys\n{set_up}\n{wait}")]);
    Some((sink, Target::start(command)))
}

#[test]
fn programs_without_a_handler_live() {
    let would_kill = "would kill it";
    let sleep = shell("exec sleep 100000");
    ask(60, sleep.pid(), NONE, &[3], would_kill);
    ask(20, sleep.pid(), &["--signal", "USR2", "--force"], &[3], would_kill);
    ask(20, sleep.pid(), &["--signal", "USR1"], &[3], would_kill);
    let sh = shell("while read line; do :; done");
    ask(60, sh.pid(), NONE, &[3], would_kill);
    assert!(sh.end());
}

#[test]
fn pythons_without_a_report_live() {
    let handler = "signal.signal(signal.SIGUSR2, lambda *_: os._exit(9))";
    for (set_up, times, says) in [
        ("", 40, "would kill it"),
        ("signal.signal(signal.SIGUSR2, signal.SIG_IGN)", 30, "no Guru Meditation Report"),
        (handler, 40, "no Guru Meditation Report"),
    ] {
        let Some((_sink, target)) = small_python(Kind::File, set_up) else { return };
        ask(times, target.pid(), NONE, &[3], says);
        assert!(target.end(), "{set_up}");
    }
}

#[test]
fn a_plain_handler_is_called_with_force_only() {
    let told = "os.write(2, b'one\\n'); os.write(2, b'handled %d\\n' % number)";
    let set_up = format!("def handle(number, _):\n  {told}\nsignal.signal(signal.SIGUSR1, handle)");
    for kind in [Kind::File, Kind::Pipe] {
        let Some((sink, target)) = small_python(kind, &set_up) else { return };
        ask(10, target.pid(), &["--signal", "USR1"], &[3], "--force");
        assert!(sink.arrived().is_empty());
        let pid = target.pid().to_string();
        let output = guru(&["trigger", "--signal", "USR1", "--force", "--timeout", "2", &pid]);
        let errors = String::from_utf8_lossy(&output.stderr);
        // It is no report; but it is what the process wrote.
        assert_eq!(String::from_utf8_lossy(&output.stdout), "one\nhandled 10\n", "{errors}");
        assert_eq!(sink.arrived(), output.stdout);
        assert!(target.end());
    }
}

#[test]
fn master_and_worker_of_uwsgi_live() {
    let Some(python) = venv("frameworks") else { return };
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exec 3>&1; exec \"$0\" \"$@\""]).arg(python.with_file_name("uwsgi"));
    command.args(["--http-socket", "127.0.0.1:0", "--need-app", "--master"]);
    command.args(["--wsgi-file", "uwsgi_app.py"]).env("TRUTH", "3");
    command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(root("fixtures/frameworks"));
    command.stderr(Stdio::null());
    let target = Target::start(command);
    let master = target.pid();
    let worker = await_some("uWSGI has a worker", || {
        let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    });
    await_some("the worker waits", || {
        thread_states(worker).get(&worker)?.call.is_some_and(|call| call >= 0).then_some(())
    });
    // The master does not catch it; the worker does, in C.
    ask(40, master, NONE, &[3], "Guru Meditation Report");
    ask(20, master, &["--signal", "USR2", "--force"], &[3], "would kill it");
    ask(40, worker, NONE, &[3], "native code");
}

#[test]
fn a_program_that_executes_itself_lives() {
    let Some(target) = Target::spawn_running("execloop", NONE) else { return };
    ask(30, target.pid(), NONE, &[3, 5], "");
    ask(10, target.pid(), &["--force", "--timeout", "1"], &[3, 5], "");
    assert!(target.end());
}

#[test]
fn a_handler_that_comes_and_goes_kills_nobody() {
    for args in [NONE, &["exec"]] {
        let Some(program) = Target::program("flicker") else { return };
        let (sink, mut command) = Sink::command(Kind::File, program);
        command.args(args);
        let target = Target::start(command);
        let pid = target.pid();
        // With force, for nobody knows what its handler does: it is the signal that counts here.
        ask(40, pid, &["--force", "--signal", "USR2", "--timeout", "1"], &[0, 3, 4, 5], "");
        assert!(!sink.arrived().is_empty(), "{args:?}: no signal was handled in any try");
        assert!(target.end(), "{args:?}");
    }
}

#[test]
fn a_process_that_took_over_the_id_of_another_lives() {
    let Some(reuse) = Target::program("reuse") else { return };
    if !can_make_namespaces() {
        return;
    }
    let mut command = Command::new("unshare");
    command.args(["-mpf", "--mount-proc"]).arg(reuse).arg(tries(60).to_string());
    command.args([GURU, "trigger", "--force", "--signal", "USR2", "--timeout", "1"]);
    let output = run(command);
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let words: Vec<&str> = said.split_whitespace().collect();
    let ["tries", _, "reused", reused, "deaths", deaths] = words[..] else {
        panic!("{said}{errors}");
    };
    assert_eq!(deaths, "0", "{said}{errors}");
    assert!(reused.parse::<u32>().unwrap() > 0, "{said}");
}

/// What guru says of what it does not ask, whether it sent any signal, and its exit status.
fn refused(typed: &str) -> Option<(Option<i32>, String)> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "signal=none", "-e"]);
    strace.arg("trace=kill,tkill,tgkill,pidfd_send_signal,rt_sigqueueinfo,rt_tgsigqueueinfo");
    strace.arg("-o").arg(&file).args([GURU, "trigger", "--force", "--timeout", "1", "--", typed]);
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        skip("strace is not installed");
        return None;
    }
    let Output { status, stdout, stderr } = run(strace);
    let calls = fs::read_to_string(file).unwrap();
    assert!(!calls.contains("kill(") && !calls.contains("sig"), "{typed}: {calls}");
    assert!(stdout.is_empty(), "{typed}");
    Some((status.code(), String::from_utf8(stderr).unwrap()))
}

#[test]
fn what_is_no_process_gets_no_signal() {
    for typed in ["abc", "", "0", "-1", "-1000", "4194305", "1e30", "1 2"] {
        let Some((status, errors)) = refused(typed) else { return };
        assert_eq!(status, Some(2), "{typed}: {errors}");
        assert!(errors.contains("PID must be a number 1…4194304, got `"), "{typed}: {errors}");
    }
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let pid = ended.id();
    assert_eq!(refused(&pid.to_string()).unwrap(), (Some(3), format!("guru: no process {pid}\n")));
}

#[test]
fn who_cannot_answer_gets_no_signal() {
    let told = |pid: i32, expected: i32, says: &str| {
        let Some((status, errors)) = refused(&pid.to_string()) else { return };
        assert_eq!(status, Some(expected), "{errors}");
        assert!(errors.contains(says), "{errors}");
    };
    let Some(target) = Target::spawn("zombie", NONE) else { return };
    told(target.ready[1], 3, "has exited; its parent");
    if fs::read("/proc/2/comm").is_ok_and(|name| name == b"kthreadd\n") {
        told(2, 3, "is a kernel thread");
    } else {
        skip_impossible("no kernel thread is visible: a container");
    }

    let Some(target) = Target::spawn("many", &["3"]) else { return };
    let tid = thread_states(target.pid()).into_keys().find(|tid| *tid != target.pid()).unwrap();
    told(tid, 2, &target.pid().to_string());
    await_asleep(&target);
    told(target.pid(), 3, "would kill it");
    assert!(target.end());

    let Some(target) = Target::spawn("leader_exit", NONE) else { return };
    told(target.pid(), 3, "first thread");
    assert!(target.end());
}

#[test]
fn a_stopped_process_gets_no_signal_and_stays_stopped() {
    let Some(python) = venv("mini") else { return };
    let mut target = Target::python(&python, "gmr.py", NONE);
    let pid = target.pid();
    kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    let stopped = || thread_states(pid).values().all(|thread| thread.state == 'T').then_some(());
    await_some("it is stopped", stopped);
    if let Some((status, errors)) = refused(&pid.to_string()) {
        assert_eq!(status, Some(3), "{errors}");
        assert!(errors.contains("stopped") && errors.contains("CONT"), "{errors}");
    }
    await_some("it is stopped still", stopped);
    kill(Pid::from_raw(pid), Signal::SIGCONT).unwrap();
    assert_eq!(target.ask("alive"), "alive");
    assert!(target.end());
}

#[test]
fn guru_does_not_ask_itself() {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"exec "$0" trigger --force $$"#, GURU]);
    let output = run(shell);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    // And the shell that runs it lives.
    let mut shell = Command::new("sh");
    shell.args(["-c", r#""$0" trigger $$; echo "status $?""#, GURU]);
    assert_eq!(String::from_utf8_lossy(&run(shell).stdout), "status 3\n");
}
