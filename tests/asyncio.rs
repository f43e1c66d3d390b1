//! Tasks of asyncio on every CPython that can be run here, against what the interpreter tells of
//! them.

use std::collections::BTreeSet;

use guru::addr::Addr;
use guru::report::{Execution, ExecutionKind, Report};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::pythons::{Interpreter, each, pythons};
use crate::support::truth::{
    GreenTruth, assert_same, assert_same_set, assert_whole, at, green_threads,
};
use crate::support::{await_asleep, report};

#[test]
fn tasks_of_every_version_are_as_the_interpreter_tells_them() {
    each(pythons(), |python| {
        if python.is_read() {
            compare(python);
        }
    });
}

fn compare(python: &Interpreter) {
    let target = python.start("python_tasks.py", &[]);
    await_asleep(&target);
    let report = report(target.pid());
    kill(Pid::from_raw(target.pid()), Signal::SIGUSR2).unwrap();
    let truth: Vec<GreenTruth> = serde_json::from_str(&target.line()).unwrap();
    assert_as_told(&report, &truth);
}

/// Fails unless the tasks of `python_tasks.py` are these.
pub fn assert_as_told(report: &Report, truth: &[GreenTruth]) {
    assert!(truth.len() > 60, "{truth:?}");
    let tasks = green_threads(report, ExecutionKind::Task);
    let pending: Vec<&Execution> =
        tasks.iter().copied().filter(|task| task.state.as_deref() == Some("pending")).collect();
    assert_same_set(&pending, truth.iter().filter(|task| task.state == "pending"));
    for expected in truth {
        // Of those that have ended the process itself keeps no list.
        match at(&tasks, expected.address) {
            Some(task) => assert_is(task, expected),
            None => assert_ne!(expected.state, "pending", "{expected:?}"),
        }
    }
    assert_whole(report);
}

fn assert_is(task: &Execution, truth: &GreenTruth) {
    let what = format!("{truth:?}");
    let text = |text: &Option<guru::text::Text>| text.as_ref().map(|text| text.raw().to_owned());
    assert_eq!(task.state.as_ref(), Some(&truth.state), "{what}");
    assert_eq!(text(&task.name), truth.name, "{what}");
    assert_eq!(text(&task.type_name).as_ref(), Some(&truth.type_name), "{what}");
    assert_same(&task.stack, &truth.stack, &what);
    if truth.state == "pending" {
        assert_eq!(task.tid, truth.tid, "{what}");
    }
    let awaited: BTreeSet<Addr> = task.awaits.iter().filter_map(|each| each.address).collect();
    if let Some(expected) = &truth.awaits {
        let all = !expected.children.is_empty()
            && expected.children.iter().all(|child| awaited.contains(child));
        assert!(all || awaited.contains(&expected.address), "{what}: {:?}", task.awaits);
    }
}
