//! `guru trigger` of programs that are kept from giving their report: the right exit status, the right
//! reason, and no harm.

use crate::support::{guru, thread_states};
use crate::trigger_why::Hung;

/// Asks for a report for a moment. Exit status, what was printed, what was said.
fn trigger(pid: i32, args: &[&str]) -> (i32, String, String) {
    let pid = pid.to_string();
    let output = guru(&[&["trigger", "--timeout", "1"], args, &[&pid]].concat());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Whether nobody holds any of its threads.
fn is_free(pid: i32) -> bool {
    let threads = thread_states(pid);
    !threads.is_empty() && threads.values().all(|thread| thread.tracer == 0)
}

#[test]
fn a_main_thread_that_is_blocked_in_c_is_the_reason() {
    for (mode, gil) in [
        ("mutex_released", "it has released the GIL"),
        ("mutex_held", "it holds the GIL"),
        ("green_mutex", "it has released the GIL"),
    ] {
        let Some(hung) = Hung::start(mode) else { return };
        hung.await_call(libc::SYS_futex);
        for via in ["file", "ptrace"] {
            let (status, printed, said) = trigger(hung.pid(), &["--via", via]);
            assert_eq!((status, printed.as_str()), (4, ""), "{mode} {via}: {said}");
            let first = said.lines().next().unwrap();
            let begin =
                format!("guru: {}: no whole report within 1 s: the main thread", hung.pid());
            assert!(first.starts_with(&begin), "{mode} {via}: {said}");
            let has = |part| first.contains(part);
            assert!(has("blocked in C: ") && has("pthread_mutex_lock of libc"), "{mode}: {said}");
            assert!(has(gil) && has("called from "), "{mode} {via}: {said}");
            // The stack, and what can be done.
            assert!(said.contains("hang.py:"), "{mode} {via}: {said}");
            assert!(said.contains("\nguru: to do: `guru report`, or --or-report"), "{said}");
            assert!(is_free(hung.pid()) && hung.stderr().is_empty(), "{mode} {via}");
        }
    }
}

#[test]
fn a_hung_process_is_looked_at_from_outside_if_that_is_wanted() {
    let Some(hung) = Hung::start("mutex_released") else { return };
    hung.await_call(libc::SYS_futex);
    let (_, printed, said) = trigger(hung.pid(), &["--or-report"]);
    let mut lines = printed.lines();
    let first = lines.next().unwrap();
    assert!(first.starts_with("The process gave no report of its own: the main thread"), "{first}");
    assert!(first.contains("pthread_mutex_lock"), "{first}");
    assert!(lines.next().unwrap().starts_with("====="));
    assert!(printed.contains(" Threads ") && printed.contains("mutex_released"), "{printed}");
    assert!(!said.contains("to do"), "{said}");

    let (_, printed, _) = trigger(hung.pid(), &["--or-report", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert!(json["no_own_report"].as_str().unwrap().contains("pthread_mutex_lock"));
    assert_eq!(json["taken"]["hold"], "running");
}

#[test]
fn a_signal_that_is_blocked_is_refused_and_with_force_waited_for() {
    let Some(hung) = Hung::start("masked") else { return };
    let (status, printed, said) = trigger(hung.pid(), &[]);
    assert_eq!((status, printed.as_str()), (3, ""), "{said}");
    assert!(said.contains("blocks SIGUSR2 in every thread"), "{said}");
    let (status, printed, said) = trigger(hung.pid(), &["--force"]);
    assert_eq!((status, printed.as_str()), (4, ""), "{said}");
    assert!(
        said.contains("the signal is blocked by the mask of its only thread (SigBlk)"),
        "{said}"
    );
    // It is pending now, and no second one is sent.
    let (status, _, said) = trigger(hung.pid(), &["--force"]);
    assert_eq!(status, 3);
    assert!(said.contains("has a SIGUSR2 pending"), "{said}");
    assert!(is_free(hung.pid()) && hung.stderr().is_empty());
}

#[test]
fn a_spin_and_a_deadlock_of_python_answer() {
    for mode in ["green_spin", "lock", "idle"] {
        let Some(hung) = Hung::start(mode) else { return };
        let pid = hung.pid().to_string();
        let output = guru(&["trigger", "--timeout", "60", &pid]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{mode}: {said}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), hung.stderr(), "{mode}");
        assert!(is_free(hung.pid()), "{mode}");
    }
}

#[test]
fn a_report_that_takes_for_ever_is_said_to_be_under_way() {
    let Some(hung) = Hung::start("section") else { return };
    let (status, printed, said) = trigger(hung.pid(), &[]);
    assert_eq!((status, printed.as_str()), (4, ""), "{said}");
    assert!(said.contains("the report is still being made"), "{said}");
    // Another signal would only nest.
    let (status, _, said) = trigger(hung.pid(), &[]);
    assert_eq!(status, 3);
    assert!(said.contains("is making a report at this moment"), "{said}");
}
