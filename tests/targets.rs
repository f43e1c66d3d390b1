//! The inspected programs keep what they promise: otherwise a test of guru would prove nothing.

use crate::support::gdb::{self, Frame, FrameKind};
use crate::support::sink::{Kind, Sink};
use crate::support::{
    PAUSE, POLL, Target, ThreadState, await_some, can_make_namespaces, full, run, thread_states,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::process::Command;

const NONE: &[&str] = &[];

fn named<'a>(
    threads: impl IntoIterator<Item = (&'a i32, &'a ThreadState)>,
    name: &str,
) -> Vec<(i32, &'a ThreadState)> {
    let all = threads.into_iter().map(|(&tid, thread)| (tid, thread));
    all.filter(|(_, thread)| thread.name == name).collect()
}

#[test]
fn every_thread_of_the_stacks_is_blocked_where_its_name_says() {
    let futex = libc::SYS_futex;
    let expected = [
        ("holder", futex),
        ("mutex", futex),
        ("cond", futex),
        ("pipe", libc::SYS_read),
        ("accept", libc::SYS_accept),
        ("sleep", libc::SYS_clock_nanosleep),
        ("join", futex),
        ("waitpid", libc::SYS_wait4),
        ("poll", POLL),
        ("signal", PAUSE),
        ("inline", PAUSE),
        ("noreturn", PAUSE),
    ];
    for variant in ["O0", "O2", "O2-nodebug", "O2-stripped", "O2-nofp", "O2-debuglink"]
        .into_iter()
        .chain(["static", "static-pie"])
    {
        let Some(target) = Target::spawn(&format!("stacks-{variant}"), NONE) else { return };
        let threads = thread_states(target.pid());
        assert_eq!(threads.len(), expected.len() + 1, "{variant}");
        for (name, call) in expected {
            let found = named(&threads, name);
            assert_eq!(found.len(), 1, "{variant}: {name}: {threads:?}");
            assert_eq!((found[0].1.state, found[0].1.call), ('S', Some(call)), "{variant}: {name}");
        }
        assert!(target.end(), "{variant}");
    }
}

#[test]
fn the_spinning_thread_runs() {
    let Some(target) = Target::spawn("stacks-O2", &["spin"]) else { return };
    await_some("a running thread", || {
        named(&thread_states(target.pid()), "spin").iter().find(|(_, t)| t.state == 'R').map(drop)
    });
}

#[test]
fn threads_of_cpp_and_rust_are_blocked() {
    let cpp = ["templates", "lambdas", "operators", "conditions"];
    let rust = ["object", "mutex", "channel"];
    for (variant, names) in [
        ("cpp-O0", &cpp[..]),
        ("cpp-O2", &cpp[..]),
        ("rs-O0", &rust[..]),
        ("rs-O2", &rust[..]),
        ("rs-stripped", &rust[..]),
    ] {
        let Some(target) = Target::spawn(&format!("stacks-{variant}"), NONE) else { return };
        let threads = thread_states(target.pid());
        assert_eq!(threads.len(), names.len() + 1, "{variant}");
        for name in names {
            let found = named(&threads, name);
            assert!(found.len() == 1 && found[0].1.state == 'S', "{variant}: {name}: {threads:?}");
        }
        assert!(target.end(), "{variant}");
    }
}

#[test]
fn python_threads_wait_and_not_for_the_gil() {
    let Some(target) = Target::spawn("threads.py", NONE) else { return };
    let threads = thread_states(target.pid());
    assert_eq!(threads.len(), 8);
    assert!(threads.values().all(|thread| thread.state == 'S'), "{threads:?}");
    let calls: BTreeSet<_> = threads.values().filter_map(|thread| thread.call).collect();
    let expected =
        [libc::SYS_futex, libc::SYS_clock_nanosleep, libc::SYS_accept4, PAUSE, libc::SYS_read];
    assert_eq!(calls, BTreeSet::from(expected));
    assert!(target.end());
}

#[test]
fn clock_watching_targets_tell_their_longest_gap() {
    let count = if full() { 1000 } else { 100 };
    let args = [&count.to_string(), "20", "clock"];
    for program in ["many", "many.py"] {
        let args = if program == "many" { &args[..] } else { &args[..2] };
        let Some(mut target) = Target::spawn_running(program, args) else { return };
        assert!(thread_states(target.pid()).len() > count);
        for _ in 0..2 {
            let answer = target.ask("gap");
            let nanoseconds: u64 = answer.strip_prefix("gap ").unwrap().parse().unwrap();
            assert!(nanoseconds < 10_000_000_000, "{program}: {answer}");
        }
        assert!(target.end(), "{program}");
    }
}

#[test]
fn interruptible_calls_are_not_interrupted_when_left_alone() {
    let Some(mut target) = Target::spawn("eintr", NONE) else { return };
    target.send("tell");
    let mut lines = std::iter::from_fn(|| Some(target.line()).filter(|line| line != "end"));
    assert!(lines.all(|line| line.ends_with(" 0") || line.ends_with(" unavailable")));
    assert!(target.end());
}

#[test]
fn every_signal_sent_is_handled() {
    let Some(mut target) = Target::spawn("signals", NONE) else { return };
    let answer = await_some("a hundred signals", || {
        let answer = target.ask("tell");
        let sent: u64 = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (sent > 100).then_some(answer)
    });
    let words: Vec<_> = answer.split(' ').collect();
    assert_eq!((words[1], words[5]), (words[3], "0"), "{answer}");
}

#[test]
fn churn_never_stops() {
    let Some(mut target) = Target::spawn("churn", NONE) else { return };
    let started = |answer: String| -> u64 { answer["started ".len()..].parse().unwrap() };
    let first = started(target.ask("tell"));
    await_some("more threads", || (started(target.ask("tell")) > first + 100).then_some(()));
}

#[test]
fn odd_processes_are_as_odd_as_they_say() {
    let Some(zombie) = Target::spawn("zombie", NONE) else { return };
    assert_eq!(thread_states(zombie.ready[1])[&zombie.ready[1]].state, 'Z');

    let Some(headless) = Target::spawn("leader_exit", NONE) else { return };
    let threads = thread_states(headless.pid());
    assert_eq!(threads[&headless.pid()].state, 'Z');
    assert_eq!(threads.values().filter(|thread| thread.state == 'S').count(), 2, "{threads:?}");

    let Some(undumpable) = Target::spawn("undumpable", NONE) else { return };
    let maps = std::fs::metadata(format!("/proc/{}/maps", undumpable.pid())).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&maps), 0);

    let directory = tempfile::tempdir().unwrap();
    let Some(hostile) = Target::spawn("hostile_name", &[directory.path()]) else { return };
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", hostile.pid()));
    // The kernel escapes a new line in a name, and nothing else.
    assert!(maps.is_err() || maps.unwrap().contains("\u{1b}[31m\\012new line.so"));
    let arguments = std::fs::read(format!("/proc/{}/cmdline", hostile.pid())).unwrap();
    assert!(arguments.starts_with(b"\x1b]0;hostile\x07\0"));
}

#[test]
fn the_deep_thread_is_as_deep_as_asked_for() {
    // gdb takes long for the default of 100,000.
    let frames = if full() { 100_000 } else { 2_000 };
    let Some(target) = Target::spawn("deep", &[frames.to_string()]) else { return };
    let Some(stacks) = gdb::backtraces(target.pid()) else { return };
    let calls = |stack: &Vec<Frame>| functions(stack).iter().filter(|f| **f == "descend").count();
    assert_eq!(stacks.values().map(calls).max(), Some(frames));
}

/// The functions of a stack, innermost first.
fn functions(stack: &[Frame]) -> Vec<&str> {
    stack.iter().filter_map(|frame| frame.function.as_deref()).collect()
}

#[test]
fn gdb_sees_the_known_stacks() {
    for variant in ["O0", "O2"] {
        let Some(target) = Target::spawn(&format!("stacks-{variant}"), NONE) else { return };
        let threads = thread_states(target.pid());
        let Some(stacks) = gdb::backtraces(target.pid()) else { return };
        assert_eq!(stacks.len(), threads.len());
        let stack = |name| &stacks[&named(&threads, name)[0].0];

        let all = functions(stack("mutex"));
        assert!(all.windows(2).any(|pair| pair == ["want_the_mutex", "enter"]), "{all:?}");
        let all = functions(stack("noreturn"));
        let expected = ["never_return", "end_in_noreturn", "enter"];
        assert!(all.windows(3).any(|three| three == expected), "{variant}: {all:?}");

        let inlined: Vec<_> =
            stack("inline").iter().filter(|frame| frame.kind == FrameKind::Inlined).collect();
        let names: Vec<_> = inlined.iter().filter_map(|frame| frame.function.as_deref()).collect();
        assert_eq!(names, ["inlined_leaf", "inlined_middle", "inlined_outer"]);
        assert!(inlined.iter().all(|frame| {
            frame.line.is_some() && frame.file.as_deref().is_some_and(|f| f.ends_with("/stacks.c"))
        }));
        assert!(stack("signal").iter().any(|frame| frame.kind == FrameKind::Signal));
        assert!(stack("signal").iter().enumerate().all(|(level, frame)| frame.level == level));
    }
}

#[test]
fn every_standard_error_collects_what_is_written_to_it() {
    use Kind::{Deleted, Emptied, File, Pipe, Renamed, Socket, Terminal, Undrained};
    for kind in [File, Renamed, Deleted, Emptied, Pipe, Undrained, Terminal, Socket] {
        let (mut sink, mut command) = Sink::command(kind, "/bin/sh");
        let script = r"echo ready $$; while read line; do printf 'one\ntwo\r\n' >&2; echo; done";
        command.args(["-c", script]);
        let mut target = Target::start(command);
        sink.settle();
        for times in 1..=2 {
            target.ask("write");
            let expected = b"one\ntwo\r\n".repeat(times);
            assert_eq!(sink.arrived_after(0, expected.len()), expected, "{kind:?}");
        }
        assert!(target.end());
    }
}

#[test]
fn a_signal_by_hand_kills_where_a_handler_comes_and_goes() {
    for args in [NONE, &["exec"]] {
        let Some(program) = Target::program("flicker") else { return };
        let (_sink, mut command) = Sink::command(Kind::Null, program);
        command.args(args);
        let target = Target::start(command);
        await_some("it dies", || {
            kill(Pid::from_raw(target.pid()), Signal::SIGUSR2).unwrap();
            let state = thread_states(target.pid()).get(&target.pid()).map(|main| main.state);
            (state == Some('Z')).then_some(())
        });
    }
}

#[test]
fn a_signal_by_hand_kills_who_took_over_an_id() {
    let Some(reuse) = Target::program("reuse") else { return };
    if !can_make_namespaces() {
        return;
    }
    let mut command = Command::new("unshare");
    // As slow as somebody who looks first, and types then.
    let by_hand = ["/bin/sh", "-c", r#"sleep 0.02; kill -USR2 "$0""#];
    command.args(["-mpf", "--mount-proc"]).arg(reuse).arg("20").args(by_hand);
    let output = run(command);
    let said = String::from_utf8_lossy(&output.stdout);
    let deaths = said.trim().rsplit(' ').next().and_then(|number| number.parse::<u32>().ok());
    assert!(deaths.is_some_and(|deaths| deaths > 0), "{output:?}");
}
