//! Threads of every CPython that can be run here, against what the interpreter tells of them.

use std::collections::{BTreeMap, BTreeSet};

use guru::report::{Execution, GilUse, Report};

use crate::support::pythons::{Interpreter, each, pythons, skip_the_missing};
use crate::support::truth::{ThreadTruth, assert_same, assert_whole, places};
use crate::support::{
    Target, await_asleep, await_some, full, functions, guru, report, stdout_of, thread_states,
    threads,
};
use serde::Deserialize;

/// Those that guru reads.
fn each_read(test: impl Fn(&Interpreter)) {
    each(pythons(), |python| {
        if python.is_read() {
            test(python);
        }
    });
}

fn by_tid(threads: &[Execution]) -> BTreeMap<i32, &Execution> {
    threads.iter().map(|thread| (thread.tid.unwrap(), thread)).collect()
}

#[test]
fn every_cpython_that_the_tests_want_is_here() {
    skip_the_missing();
}

#[test]
fn blocked_threads_of_every_version_are_as_the_interpreter_tells_them() {
    each_read(|python| {
        let target = python.start("python_threads.py", &[]);
        let truth: Vec<ThreadTruth> = serde_json::from_str(&target.line()).unwrap();
        await_asleep(&target);
        assert_as_told(&report(target.pid()), &truth);
    });
}

/// Fails unless the threads of `python_threads.py` are these.
pub fn assert_as_told(report: &Report, truth: &[ThreadTruth]) {
    assert!(truth.len() >= 20, "{truth:?}");
    let threads = by_tid(threads(report));
    for expected in truth {
        let thread = threads[&expected.tid];
        assert_same(&thread.stack, &expected.frames, &expected.name);
        let name = thread.runtime_name.as_ref().map(|name| name.raw());
        assert_eq!(name, Some(expected.name.as_str()));
    }
    assert_whole(report);
}

#[test]
fn native_frames_are_put_between_those_of_every_version() {
    each_read(|python| {
        let target = python.start("python_threads.py", &[]);
        let truth: Vec<ThreadTruth> = serde_json::from_str(&target.line()).unwrap();
        await_asleep(&target);
        let report = report(target.pid());
        let threads = by_tid(threads(&report));
        for expected in truth {
            let thread = threads[&expected.tid];
            assert!(thread.native_stack.is_none(), "{}: {:?}", expected.name, thread.notes);
            // What a blocked thread does last is a system call of the C library's.
            let last = thread.stack.frames.last().unwrap();
            let module = last.module.as_ref().unwrap().raw();
            assert!(module.contains("libc") || module.contains("libpthread"), "{last:?}");
        }
    });
}

/// What `python_gil.py` tells: thread ids.
#[derive(Debug, Deserialize, PartialEq, Eq)]
struct GilTruth {
    holds: BTreeSet<i32>,
    waits: BTreeSet<i32>,
    collects: BTreeSet<i32>,
}

fn shown_gil(threads: &[Execution]) -> GilTruth {
    let those = |is: &dyn Fn(&Execution) -> bool| {
        threads.iter().filter(|thread| is(thread)).map(|thread| thread.tid.unwrap()).collect()
    };
    GilTruth {
        holds: those(&|thread| thread.gil == Some(GilUse::Holds)),
        waits: those(&|thread| thread.gil == Some(GilUse::Waits)),
        collects: those(&|thread| thread.collecting),
    }
}

/// Compares what is seen of the GIL, this many times.
fn compare_gil(python: &Interpreter, mode: &str, samples: usize) {
    if python.is_free_threaded() {
        return; // it has no GIL
    }
    let target = python.start("python_gil.py", &[mode]);
    let truth: GilTruth = serde_json::from_str(&target.line()).unwrap();
    await_some("all but one wait", || {
        let threads = thread_states(target.pid());
        let waits = |tid| threads[tid].call == Some(libc::SYS_futex);
        truth.waits.iter().all(waits).then_some(())
    });
    for _ in 0..samples {
        assert_eq!(shown_gil(threads(&report(target.pid()))), truth);
    }
}

#[test]
fn the_holder_of_the_gil_and_those_who_wait_for_it_are_named_in_every_sample() {
    each_read(|python| compare_gil(python, "spin", if full() { 200 } else { 10 }));
}

#[test]
fn a_thread_that_collects_garbage_says_so() {
    each_read(|python| compare_gil(python, "collect", 1));
}

#[test]
fn nobody_holds_the_gil_of_an_idle_process() {
    let nobody = GilTruth { holds: [].into(), waits: [].into(), collects: [].into() };
    each_read(|python| {
        let target = python.start("python_threads.py", &[]);
        target.line();
        await_asleep(&target);
        assert_eq!(shown_gil(threads(&report(target.pid()))), nobody);
    });
}

#[test]
fn no_stack_is_wrong_while_two_thousand_threads_a_second_come_and_go() {
    const BLOCKED: usize = 100;
    let reports = if full() { 300 } else { 5 };
    each_read(|python| {
        let mut target = python.start("python_churn.py", &[&BLOCKED.to_string(), "2000"]);
        for _ in 0..reports {
            let report = report(target.pid());
            let mut staying = 0;
            for thread in threads(&report) {
                let shown = places(&thread.stack);
                let names: Vec<&str> = shown.iter().map(|place| place.name.as_str()).collect();
                let name = thread.runtime_name.as_ref().map_or("", |name| name.raw());
                if let Some(number) = name.strip_prefix("stays-") {
                    staying += 1;
                    let depth = number.parse::<usize>().unwrap() % 30;
                    let outer = ["_bootstrap", "_bootstrap_inner", "run", "run"];
                    let expected = [&outer[..], &vec!["descend"; depth + 1]].concat();
                    assert_eq!(names, expected, "{name}");
                } else if let Some(first) = names.first() {
                    assert!(matches!(*first, "_bootstrap" | "<module>"), "{name}: {names:?}");
                }
            }
            assert_eq!(staying, BLOCKED);
        }
        assert!(target.ask("tell").starts_with("started "));
        assert!(target.end());
    });
}

#[test]
fn an_interpreter_too_old_to_be_read_gives_native_stacks_and_a_note() {
    each(pythons(), |python| {
        if python.is_read() {
            return;
        }
        let mut command = python.command();
        let ready = "import os, sys; sys.stdout.write('ready %d\\n' % os.getpid()); \
                     sys.stdout.flush(); sys.stdin.read()";
        command.args(["-c", ready]);
        let target = Target::start(command);
        let output = guru(&["report", "--format", "json", &target.pid().to_string()]);
        assert_eq!(output.status.code(), Some(1));
        let report: Report = serde_json::from_str(&stdout_of(&output)).unwrap();
        assert!(
            report.all_notes().any(|note| note.message.raw().contains("native stacks only")),
            "{:?}",
            report.all_notes().collect::<Vec<_>>()
        );
        let [thread] = threads(&report) else { panic!("{report:?}") };
        assert!(places(&thread.stack).is_empty());
        assert!(functions(thread).contains(&"_start"), "{thread:?}");
    });
}
