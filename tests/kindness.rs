//! guru does a process no harm: whatever happens to guru, the process runs on as it did, with every
//! system call and every signal its own.

use crate::support::{
    GURU, Target, ThreadState, await_some, full, functions, guru, report, stdout_of, thread_named,
    thread_states, threads,
};
use guru::report::{Hold, Report, Seen};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const NONE: &[&str] = &[];

/// How often guru is killed in each of the tests that do so.
fn tries() -> u64 {
    if full() { 1000 } else { 60 }
}

#[test]
fn a_killed_guru_leaves_its_target_running() {
    interrupt_guru(Signal::SIGKILL, tries());
}

#[test]
fn an_interrupted_guru_leaves_its_target_running() {
    interrupt_guru(Signal::SIGINT, tries() / 4);
    interrupt_guru(Signal::SIGTERM, tries() / 4);
}

#[test]
fn a_suspended_guru_leaves_its_target_running() {
    let Some(mut target) = Target::spawn("many", &["200", "20", "clock"]) else { return };
    let pid = target.pid();
    let mut caught = 0;
    for _ in 0..tries() / 6 {
        let mut guru = start_guru(pid);
        let taken = await_some("guru takes hold, or ends", || {
            let ended = guru.try_wait().unwrap().is_some();
            (ended || is_traced(pid)).then_some(!ended)
        });
        caught += u64::from(taken);
        // As ^Z does. It is stopped only when the process runs again.
        let _ = kill(Pid::from_raw(guru.id().cast_signed()), Signal::SIGTSTP);
        await_free(pid);
        end_by(&mut guru, Signal::SIGKILL);
    }
    assert!(caught > 0, "guru was never caught while it held a process");
    assert!(target.ask("gap").starts_with("gap "));
    assert!(target.end());
}

/// Send guru a signal while it looks at a process: half the times at a random instant, half the
/// times when it has just taken hold. The process comes to no harm.
fn interrupt_guru(signal: Signal, tries: u64) {
    let mut caught = 0;
    for (program, args) in
        [("many", &["50", "20", "clock"][..]), ("threads.py", NONE), ("stacks-O2", &["spin"])]
    {
        let Some(mut target) = Target::spawn(program, args) else { continue };
        let pid = target.pid();
        let before = thread_states(pid);
        let begun = Instant::now();
        guru(&["report", &pid.to_string()]);
        let usual = begun.elapsed();
        for nth in 0..tries / 3 {
            let mut guru = start_guru(pid);
            if nth % 2 == 0 {
                // The random instant itself, and no wait for something to happen.
                std::thread::sleep(random_below(usual));
            } else {
                let taken = await_some("guru takes hold, or ends", || {
                    let ended = guru.try_wait().unwrap().is_some();
                    (ended || is_traced(pid)).then_some(!ended)
                });
                caught += u64::from(taken);
                std::thread::sleep(random_below(Duration::from_micros(500)));
            }
            let end = end_by(&mut guru, signal);
            // Either the signal ended it or it was done; it never reports another end.
            let fine = end.signal() == Some(signal as i32) || matches!(end.code(), Some(0 | 1));
            assert!(fine, "{program}: {end:?} after {signal}");
            await_free(pid);
            if program == "many" {
                assert!(target.ask("gap").starts_with("gap "));
            }
        }
        await_some("every thread is where it was", || {
            let after = thread_states(pid);
            let same = before.iter().all(|(tid, thread)| is_as_before(thread, &after[tid]));
            same.then_some(())
        });
        assert!(target.end(), "{program}");
    }
    assert!(caught > 0, "guru was never caught while it held a process");
}

/// Whether a thread does what it did before.
fn is_as_before(before: &ThreadState, now: &ThreadState) -> bool {
    // A sleep that was stopped goes on in a call of that name, for the time that is left.
    let goes_on = now.call == before.call || now.call == Some(libc::SYS_restart_syscall);
    now.state == before.state && goes_on
}

/// As many threads as can be are held, for as long as that takes.
fn start_guru(pid: i32) -> Child {
    let mut command = Command::new(GURU);
    command.args(["report", "--stop", "all", &pid.to_string()]).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn end_by(guru: &mut Child, signal: Signal) -> ExitStatus {
    // It is not reaped yet, so the number is still its own.
    let _ = kill(Pid::from_raw(guru.id().cast_signed()), signal);
    await_some("guru ends", || guru.try_wait().unwrap())
}

fn is_traced(pid: i32) -> bool {
    thread_states(pid).values().any(|thread| thread.tracer != 0)
}

/// Wait until no thread is stopped or traced; a test fails for one that stays so.
fn await_free(pid: i32) {
    await_some("the target runs on", || {
        let threads = thread_states(pid);
        let free = |state, tracer| !matches!(state, 'T' | 't') && tracer == 0;
        threads.values().all(|thread| free(thread.state, thread.tracer)).then_some(())
    });
}

fn random_below(limit: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 1_000_000;
    limit.mul_f64(random as f64 / 1e6)
}

/// Of these 79 calls gdb and eu-stack change 49.
#[test]
fn no_system_call_returns_early() {
    check_calls(NONE);
}

/// Whoever has just woken is stopped as it sleeps again, in whatever call: eu-stack makes 38 of these
/// calls return EINTR.
#[test]
fn no_system_call_returns_early_where_it_has_just_begun() {
    check_calls(&["short"]);
}

/// No call of the target returns what it should not, however guru looks.
fn check_calls(args: &[&str]) {
    for stop in ["running", "all", "none"] {
        let Some(mut target) = Target::spawn("eintr", args) else { return };
        for _ in 0..20 {
            let pid = target.pid().to_string();
            let report = stdout_of(&guru(&["report", "--stop", stop, "--format", "json", &pid]));
            let report: Report = serde_json::from_str(&report).unwrap();
            assert!(threads(&report).len() > 75);
        }
        target.send("tell");
        let lines: Vec<_> =
            std::iter::from_fn(|| Some(target.line()).filter(|line| line != "end")).collect();
        let available = lines.iter().filter(|line| !line.ends_with(" unavailable"));
        assert!(available.clone().count() > 70, "{lines:#?}");
        let returned: Vec<_> = available.filter(|line| !line.ends_with(" 0")).collect();
        assert!(returned.is_empty(), "--stop {stop}: {returned:#?}");
        assert!(target.end());
    }
}

/// A wait with a timeout ends when it should, however often guru looks meanwhile: where each look made it
/// begin anew, it never ended.
#[test]
fn a_wait_with_a_timeout_is_not_prolonged() {
    let Some(mut target) = Target::spawn("ticks", NONE) else { return };
    let until = Instant::now() + Duration::from_secs(4);
    let mut looks = 0;
    while Instant::now() < until {
        report(target.pid());
        looks += 1;
    }
    let answer = target.ask("tell");
    let ticks: u64 = answer.strip_prefix("ticks ").unwrap().parse().unwrap();
    // One each 300 ms; a busy machine may look seldom, and tick late.
    assert!(ticks >= 6, "{answer} in {looks} looks");
    assert!(target.end());
}

/// A writer whose reader is slow is woken for each piece, and so seems to run: it sleeps in one call all
/// the time, which a stop would cut short.
#[test]
fn a_long_write_is_not_cut_short() {
    for stop in ["running", "all"] {
        let Some(mut target) = Target::spawn("stream", NONE) else { return };
        let pid = target.pid().to_string();
        for _ in 0..20 {
            guru(&["report", "--stop", stop, &pid]);
        }
        let answer = target.ask("tell");
        // Nearly each look cut one short. Left are those that found it running, in the kernel, for a piece:
        // 4 of 114.
        let cut: u64 = answer.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(cut <= 8, "--stop {stop}: {answer} writes");
        assert!(target.end());
    }
}

/// The kernel tells who traces a thread: nobody traces one that sleeps.
#[test]
fn threads_that_sleep_are_not_traced() {
    let Some(target) = Target::spawn("stacks-O2", NONE) else { return };
    let (pid, done) = (target.pid(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let (mut looks, mut traced) = (0u64, 0u64);
            while !done.load(Ordering::Relaxed) {
                traced += u64::from(is_traced(pid));
                looks += 1;
            }
            (looks, traced)
        });
        for _ in 0..20 {
            let report = report(pid);
            assert_eq!(report.taken.hold, Hold::Running);
            for thread in threads(&report) {
                assert_eq!(thread.seen, Some(Seen::Asleep), "{thread:?}");
            }
        }
        done.store(true, Ordering::Relaxed);
        let (looks, traced) = watcher.join().unwrap();
        assert!(looks > 20 && traced == 0, "traced in {traced} of {looks} looks");
    });
    assert!(target.end());
}

#[test]
fn no_signal_is_lost() {
    let Some(mut target) = Target::spawn("signals", NONE) else { return };
    let mut reports = 0;
    let answer = await_some("thousands of signals", || {
        report(target.pid());
        reports += 1;
        let answer = target.ask("tell");
        let sent: u64 = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (sent > 3000 && reports >= 10).then_some(answer)
    });
    let words: Vec<_> = answer.split(' ').collect();
    assert_eq!((words[1], words[5]), (words[3], "0"), "{answer}");
}

#[test]
fn a_stopped_process_is_reported_and_stays_stopped() {
    let Some(target) = Target::spawn("stacks-O2", NONE) else { return };
    let pid = target.pid();
    kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    let all_in = |wanted: char| {
        thread_states(pid).values().all(|thread| thread.state == wanted).then_some(())
    };
    await_some("all threads are stopped", || all_in('T'));
    let report = report(pid);
    let mutex = thread_named(&report, "mutex");
    assert!(functions(mutex).contains(&"want_the_mutex"), "{mutex:?}");
    assert_eq!(mutex.state.as_deref(), Some("stopped"));
    await_some("all threads are stopped again", || all_in('T'));
    kill(Pid::from_raw(pid), Signal::SIGCONT).unwrap();
    await_some("all threads wait again", || all_in('S'));
    assert!(target.end());
}

#[test]
fn a_parent_in_vfork_is_left_alone() {
    let Some(target) = Target::spawn_running("vfork", NONE) else { return };
    let begun = Instant::now();
    for stop in ["running", "all"] {
        let output = guru(&["report", "--stop", stop, &target.pid().to_string()]);
        assert!(begun.elapsed() < Duration::from_secs(20));
        let text = stdout_of(&output);
        assert!(text.contains("disk sleep") && text.contains("vfork"), "{text}");
        assert!(!text.contains("did not stop in time"), "{text}");
        await_free(target.pid());
    }
    assert!(target.end());
}

#[test]
fn threads_that_come_and_go_are_no_trouble() {
    let Some(mut target) = Target::spawn("churn", NONE) else { return };
    let started = |answer: String| -> u64 { answer["started ".len()..].parse().unwrap() };
    let first = started(target.ask("tell"));
    for _ in 0..10 {
        let report = report(target.pid());
        let is_staying = |thread: &&guru::report::Execution| {
            thread.name.as_ref().is_some_and(|name| name.raw() == "stays")
        };
        let staying: Vec<_> = threads(&report).iter().filter(is_staying).collect();
        assert_eq!(staying.len(), 3);
        assert!(staying.iter().all(|thread| functions(thread).contains(&"stay")));
        await_free(target.pid());
    }
    assert!(started(target.ask("tell")) > first);
}

#[test]
fn a_process_that_executes_itself_without_end_survives() {
    let Some(target) = Target::spawn_running("execloop", NONE) else { return };
    let mut codes = Vec::new();
    for _ in 0..if full() { 300 } else { 20 } {
        let output = guru(&["report", &target.pid().to_string()]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0 | 1) => assert!(errors.is_empty(), "{errors}"),
            Some(5) => assert!(errors.contains("while it was looked at"), "{errors}"),
            other => panic!("{other:?}: {errors}"),
        }
        codes.push(output.status.code());
    }
    assert!(target.end(), "{codes:?}");
}

#[test]
fn a_guru_without_a_reader_leaves_its_target_running() {
    let Some(target) = Target::spawn("stacks-O2", NONE) else { return };
    let mut guru = Command::new(GURU);
    guru.args(["report", &target.pid().to_string()]).stdin(Stdio::null());
    let mut guru = guru.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(guru.stdout.take());
    assert_eq!(await_some("guru ends", || guru.try_wait().unwrap()).code(), Some(3));
    await_free(target.pid());
    assert!(target.end());
}
