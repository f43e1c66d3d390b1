//! A thread is watched, and its process sees nothing of it: its calls, its signals, its stops and its
//! end are what they are without us.

use crate::support::tap::{GUARD, USR2, assert_free, identity, next, seize, send, writes};
use crate::support::{DEADLINE, Target, await_some, full, thread_states};
use guru::error::Error;
use guru::target::live::LiveProcess;
use guru::target::live::handle::Handle;
use guru::target::live::seize::Refused;
use guru::target::live::tap::{Seen, Watch};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Start a call of `interrupts` and wait until its first thread is blocked in it.
fn begin(target: &mut Target, call: &str, flag: &str) {
    assert_eq!(target.ask(&format!("call {call} {flag}")), "begins");
    let pid = target.pid();
    await_some(call, || {
        let thread = thread_states(pid).remove(&pid)?;
        // The loop between calls writes to /dev/null, which blocks nobody.
        (thread.state == 'S' && thread.call.is_some()).then_some(())
    });
}

fn handled(target: &mut Target) -> u64 {
    target.ask("handled")["handled ".len()..].parse().unwrap()
}

fn interrupts() -> Option<Target> {
    let mut command = Command::new(Target::program("interrupts")?);
    command.stderr(Stdio::null());
    Some(Target::start(command))
}

const CALLS: &[&str] = &[
    "read",
    "write",
    "poll",
    "select",
    "epoll_wait",
    "recv",
    "recv-timeout",
    "futex",
    "sem_wait",
    "semop",
    "msgrcv",
    "sigtimedwait",
    "nanosleep",
    "clock_nanosleep",
];

#[test]
fn calls_that_a_handler_interrupts_return_what_they_return_without_us() {
    let Some(mut target) = interrupts() else { return };
    let pid = target.pid();
    let mut results: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for flag in ["restart", "plain"] {
        for call in CALLS {
            for way in ["alone", "guard", "writes"] {
                begin(&mut target, call, flag);
                let before = handled(&mut target);
                let tap = match way {
                    "guard" => Some(seize(pid, GUARD).unwrap()),
                    "writes" => Some(seize(pid, writes(pid)).unwrap()),
                    _ => None,
                };
                send(pid, Signal::SIGUSR2);
                if let Some(tap) = &tap {
                    assert_eq!(next(tap), Seen::Delivered);
                }
                await_some("the handler", || (handled(&mut target) > before).then_some(()));
                let result = target.ask("wake");
                results.entry(format!("{call} {flag}")).or_default().push(result);
                drop(tap);
                assert_free(pid);
            }
        }
    }
    let differ: Vec<_> =
        results.iter().filter(|(_, all)| all.iter().any(|one| *one != all[0])).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    // Both kinds of result are among them, or this would show nothing.
    let interrupted = results.values().filter(|all| all[0].ends_with(" -1 4")).count();
    assert!(interrupted > 5 && interrupted < results.len() - 3, "{results:#?}");
    assert!(target.end());
}

#[test]
fn ignored_signals_and_our_own_stop_interrupt_no_call() {
    let Some(mut target) = interrupts() else { return };
    let pid = target.pid();
    let mut wrong = Vec::new();
    for call in CALLS {
        for watch in [GUARD, Watch::Writes { signal: None, stderr: None }] {
            begin(&mut target, call, "restart");
            let tap = seize(pid, watch).unwrap();
            for signal in [Signal::SIGWINCH, Signal::SIGCHLD, Signal::SIGCONT] {
                send(pid, signal);
            }
            drop(tap);
            let result = target.ask("wake");
            if !result.ends_with(" 0") {
                wrong.push((watch, result));
            }
            assert_free(pid);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(target.end());
}

#[test]
fn signals_that_come_while_it_is_watched_all_arrive_in_order() {
    let Some(mut target) = interrupts() else { return };
    let pid = target.pid();
    let amount = if full() { 100_000 } else { 10_000 };
    for watch in [GUARD, Watch::Writes { signal: None, stderr: identity(pid, 2) }] {
        let tap = seize(pid, watch).unwrap();
        target.send(&format!("storm {amount}"));
        let mut seen = 0;
        let writes = watch != GUARD;
        while writes && seen < 1000 {
            assert!(!matches!(next(&tap), Seen::Ended | Seen::TooMuch));
            seen += 1;
        }
        let line = target.line();
        let standard = amount / 16;
        assert_eq!(line, format!("storm {amount} {amount} 0 {standard} {standard}"));
    }
    // And while taps come and go.
    target.send(&format!("storm {amount}"));
    let sending = std::cell::Cell::new(0);
    let line = await_some("a storm", || {
        for watch in [GUARD, Watch::Writes { signal: None, stderr: identity(pid, 2) }] {
            drop(seize(pid, watch).unwrap());
            sending.set(sending.get() + 1);
        }
        target.try_line()
    });
    let standard = amount / 16;
    assert_eq!(line, format!("storm {amount} {amount} 0 {standard} {standard}"));
    // How many is a matter of speed.
    assert!(sending.get() > 2, "{} taps", sending.get());
    assert!(target.end());
}

#[test]
fn a_process_that_is_stopped_and_continued_while_it_is_watched_is_both() {
    let Some(mut target) = interrupts() else { return };
    let pid = target.pid();
    for watch in [GUARD, Watch::Writes { signal: None, stderr: None }] {
        begin(&mut target, "epoll_wait", "restart");
        let tap = seize(pid, watch).unwrap();
        for _ in 0..50 {
            send(pid, Signal::SIGSTOP);
            // All threads: not only the one on its way to the signal.
            let stopped = || {
                let threads = thread_states(pid);
                threads.values().all(|thread| matches!(thread.state, 't' | 'T')).then_some(())
            };
            await_some("it is stopped", stopped);
            // It stays so: nothing makes it run on.
            std::thread::sleep(Duration::from_millis(1));
            assert!(stopped().is_some());
            send(pid, Signal::SIGCONT);
            await_some("it waits", || (thread_states(pid)[&pid].state == 'S').then_some(()));
        }
        send(pid, Signal::SIGSTOP);
        await_some("it is stopped", || {
            let threads = thread_states(pid);
            threads.values().all(|thread| matches!(thread.state, 't' | 'T')).then_some(())
        });
        drop(tap);
        // Let go, it is still stopped.
        await_some("all are stopped", || {
            let threads = thread_states(pid);
            threads.values().all(|thread| thread.state == 'T').then_some(())
        });
        // As is one that is seized when it is.
        drop(seize(pid, watch).unwrap());
        await_some("all are stopped", || {
            let threads = thread_states(pid);
            threads.values().all(|thread| thread.state == 'T').then_some(())
        });
        send(pid, Signal::SIGCONT);
        let result = target.ask("wake");
        assert!(result.ends_with(" 0") || result.ends_with(" -1 4"), "{result}");
    }
    assert!(target.end());
}

#[test]
fn a_guarded_signal_kills_no_process_that_executes_another_program() {
    let Some(target) = Target::spawn_running("execloop", &["handler"]) else { return };
    let pid = target.pid();
    let (mut delivered, mut held_back) = (0, 0);
    let begun = Instant::now();
    // How often it is met without its handler is a matter of speed.
    while delivered + held_back < 500 || delivered.min(held_back) == 0 {
        assert!(begun.elapsed() < DEADLINE, "{delivered} {held_back}");
        let tap = seize(pid, GUARD).unwrap();
        send(pid, Signal::SIGUSR2);
        tap.sent();
        match next(&tap) {
            Seen::Delivered => delivered += 1,
            Seen::HeldBack => held_back += 1,
            other => panic!("{other:?} after {delivered} and {held_back}"),
        }
    }
    assert!(target.end(), "{delivered} {held_back}");
}

#[test]
fn the_end_of_a_watched_process_is_told() {
    for watch in [GUARD, Watch::Writes { signal: None, stderr: None }] {
        let Some(target) = interrupts() else { return };
        let pid = target.pid();
        let tap = seize(pid, watch).unwrap();
        send(pid, Signal::SIGKILL);
        assert_eq!(next(&tap), Seen::Ended);
        assert_eq!(tap.next(Instant::now() + Duration::from_secs(1)), None);
    }
    let Some(mut target) = interrupts() else { return };
    let pid = target.pid();
    let (process, _) = LiveProcess::open(pid).unwrap();
    let handle = Handle::open(&process).unwrap();
    let tap = seize(pid, GUARD).unwrap();
    assert_eq!(seize(pid, GUARD).unwrap_err(), Refused::NotPermitted);
    assert!(!handle.has_ended());
    // The guard is for one signal: USR2 is not caught yet, so it is held back.
    handle.send(USR2).unwrap();
    assert_eq!(next(&tap), Seen::HeldBack);
    drop(tap);
    begin(&mut target, "read", "restart");
    let before = handled(&mut target);
    handle.send(USR2).unwrap();
    await_some("the handler", || (handled(&mut target) > before).then_some(()));
    target.ask("wake");
    assert!(target.end());
    await_some("it has ended", || handle.has_ended().then_some(()));
    assert!(matches!(handle.send(USR2), Err(Error::Changed { .. })));
    assert_eq!(seize(pid, GUARD).unwrap_err(), Refused::Gone);
}

/// Not a test of its own: the process that the next one kills. It taps what its environment says.
#[test]
fn as_another_process() {
    let Ok(pid) = std::env::var("GURU_TEST_TAP") else { return };
    let pid: i32 = pid.parse().unwrap();
    let watch = Watch::Writes { signal: None, stderr: identity(pid, 2) };
    let tap = seize(pid, watch).unwrap();
    let mut out = std::io::stdout();
    let mut seen = 0;
    while tap.next(Instant::now() + DEADLINE).is_some() {
        seen += 1;
        if seen == 1 {
            out.write_all(b"\nseen\n").unwrap();
        }
    }
}

#[test]
fn who_watches_may_be_killed_at_any_time() {
    let Some(mut target) = interrupts() else { return };
    let pid = target.pid();
    let amount = 640;
    for nth in 0..if full() { 1000 } else { 60 } {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "tap_harmless::as_another_process", "--nocapture"]);
        command.env("GURU_TEST_TAP", pid.to_string()).stdin(Stdio::null()).stderr(Stdio::null());
        let mut watcher = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = Vec::new();
        let mut stdout = watcher.stdout.take().unwrap();
        let mut some = [0; 256];
        while !said.windows(5).any(|word| word == b"seen\n") {
            match stdout.read(&mut some).unwrap() {
                0 => panic!("it saw nothing: {}", String::from_utf8_lossy(&said)),
                count => said.extend_from_slice(&some[..count]),
            }
        }
        // It is in the middle of thousands of system calls and signals now.
        target.send(&format!("storm {amount}"));
        std::thread::sleep(Duration::from_micros(nth * 137 % 3000));
        watcher.kill().unwrap();
        watcher.wait().unwrap();
        let standard = amount / 16;
        let line = target.line();
        assert_eq!(line, format!("storm {amount} {amount} 0 {standard} {standard}"));
        assert_free(pid);
    }
    assert!(target.end());
}
