//! Greenlets of every kind, on every CPython and every build of greenlet that can be had here,
//! against what the interpreter tells of them.

use std::collections::BTreeSet;

use guru::addr::Addr;
use guru::report::{Execution, ExecutionKind, Report};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::pythons::{Interpreter, each, green_pythons};
use crate::support::truth::{
    GreenTruth, assert_same, assert_same_set, assert_whole, at, green_threads, object,
};
use crate::support::{Target, await_asleep, full, guru, report, skip_impossible, stdout_of};

/// Runs the target with this library, and compares what guru sees with what it tells then.
fn compare(python: &Interpreter, library: &str) {
    let target = python.start("python_greenlets.py", &[library]);
    await_asleep(&target);
    let report = report(target.pid());
    kill(Pid::from_raw(target.pid()), Signal::SIGUSR2).unwrap();
    let truth: Vec<GreenTruth> = serde_json::from_str(&target.line()).unwrap();
    assert_as_told(&report, &truth);
}

/// Fails unless the greenlets of `python_greenlets.py` are these.
pub fn assert_as_told(report: &Report, truth: &[GreenTruth]) {
    assert!(truth.len() > 80, "{truth:?}");
    let shown = green_threads(report, ExecutionKind::Greenlet);
    assert_same_set(&shown, truth);
    for expected in truth {
        assert_is(at(&shown, expected.address).unwrap(), expected);
    }
    assert_whole(report);
}

fn assert_is(shown: &Execution, truth: &GreenTruth) {
    let what = format!("{truth:?}");
    assert_eq!(shown.state.as_deref(), Some(truth.state.as_str()), "{what}");
    assert_eq!(shown.type_name.as_ref().unwrap().raw(), truth.type_name, "{what}");
    if !(truth.state == "running" && shown.stack.frames.is_empty()) {
        assert_same(&shown.stack, &truth.stack, &what);
    }
    let awaits: Vec<&str> = shown.awaits.iter().map(|awaited| awaited.what.raw()).collect();
    if let Some(waits) = &truth.waits {
        assert_eq!(awaits, [waits.as_str()], "{what}");
    } else if truth.state != "suspended" || truth.role.as_deref() == Some("hub") {
        assert!(awaits.is_empty(), "{what}: {awaits:?}");
    }
    if matches!(truth.state.as_str(), "running" | "suspended") {
        // Made by the library for itself, where the target does not know of it.
        if let Some(role) = &truth.role {
            assert_eq!(&role_of(shown), role, "{what}");
            assert_eq!(shown.tid, truth.tid, "{what}");
        }
    } else if let (Some(tid), Some(expected)) = (shown.tid, truth.tid) {
        assert_eq!(tid, expected, "{what}");
    }
}

fn role_of(greenlet: &Execution) -> String {
    serde_json::to_value(greenlet.role).unwrap().as_str().unwrap_or("none").to_owned()
}

fn compare_all(library: &str, module: &str) {
    each(green_pythons(), |python| {
        if python.has(module) {
            compare(python, library);
        } else if !python.name.contains("+greenlet-") {
            skip_impossible(&format!("{} has no {library}", python.name));
        }
    });
}

#[test]
fn plain_greenlets_are_as_the_interpreter_tells_them() {
    compare_all("plain", "greenlet");
}

#[test]
fn greenlets_of_eventlet_are_as_the_interpreter_tells_them() {
    compare_all("eventlet", "eventlet");
}

#[test]
fn greenlets_of_gevent_are_as_the_interpreter_tells_them() {
    compare_all("gevent", "gevent");
}

/// What `python_heap.py` is told to make.
fn heap(mode: &str, rate: u32) -> Option<Target> {
    let size = if full() { ["10000", "350"] } else { ["1000", "20"] };
    let python = green_pythons().iter().find(|python| python.has("eventlet"));
    let Some(python) = python else {
        skip_impossible("no Python with eventlet");
        return None;
    };
    Some(python.start("python_heap.py", &[size[0], size[1], &rate.to_string(), mode]))
}

#[test]
fn no_greenlet_is_missed_while_a_thousand_a_second_are_made() {
    for mode in ["running", "blocked"] {
        let Some(mut target) = heap(mode, 1000) else { return };
        let mut whole = 0;
        for _ in 0..if full() { 6 } else { 3 } {
            let pid = target.pid().to_string();
            let output =
                guru(&["report", "--format", "json", "--object", "__main__.created", &pid]);
            let report: Report = serde_json::from_str(&stdout_of(&output)).unwrap();
            let all: Vec<Addr> = serde_json::from_str(&target.ask("list")).unwrap();
            // How many there were when the process stood still.
            let created = object(&report, "__main__.created").value.as_ref().unwrap();
            let shown = created.shown.as_ref().unwrap();
            let created: usize = shown.raw().parse().unwrap();
            let shown = green_threads(&report, ExecutionKind::Greenlet);
            let shown: BTreeSet<_> = shown.iter().filter_map(|each| each.address).collect();
            let missed = all[..created].iter().filter(|address| !shown.contains(address)).count();
            // On a busy machine time can run out; then the report says so.
            if !report.is_partial() {
                assert_eq!(missed, 0, "of {created}, {mode}");
                whole += 1;
            }
        }
        assert!(whole > 0, "{mode}: time ran out in every report");
    }
}

#[test]
fn a_process_of_many_greenlets_stands_still_for_a_short_time() {
    // In microseconds; for what is measured on the builds that are made for speed.
    for (mode, limit) in [("running", 30_000), ("blocked", 1_000)] {
        if !full() || cfg!(debug_assertions) {
            return;
        }
        let Some(target) = heap(mode, 0) else { return };
        let mut paused: Vec<u64> =
            (0..9).map(|_| report(target.pid()).taken.paused_us.unwrap()).collect();
        paused.sort_unstable();
        assert!(paused[4] <= limit, "{mode}: {paused:?}");
    }
}
