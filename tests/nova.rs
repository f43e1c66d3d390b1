//! nova as published, and the small oslo app: their green threads, real threads and configuration,
//! line by line what they say of themselves.

use crate::support::sections::{green_threads, section};
use crate::support::{Service, await_some, guru, stdout_of, thread_states};

/// How many threads the worker of nova-scheduler has once it works.
const WORKER_THREADS: usize = 6;

/// How often a service may be between two of its steps when it is looked at.
const TRIES: usize = 20;

/// The sections of guru's report and of the process's own, when the process did the same before
/// and after guru looked: these services wake up many times a second.
fn reports(service: &Service, pid: i32) -> [String; 2] {
    let mut before = service.own_report_of(pid);
    for _ in 0..TRIES {
        let ours = stdout_of(&guru(&["report", "--format", "gmr", &pid.to_string()]));
        let after = service.own_report_of(pid);
        let same = |title| section(&before, title) == section(&after, title);
        if same("Threads") && same("Green Threads") {
            return [ours, after];
        }
        before = after;
    }
    panic!("it never did the same for a moment: {before}")
}

/// How often a service may do something else at the very moment of guru's look.
const LOOKS: usize = 3;

fn assert_same(service: &Service, pid: i32) -> usize {
    for look in 1.. {
        let [ours, own] = reports(service, pid);
        let greens = [&ours, &own].map(|report| sorted(report));
        if greens[0] != greens[1] && look < LOOKS {
            continue;
        }
        assert_eq!(greens[0], greens[1]);
        assert_eq!(section(&ours, "Threads"), section(&own, "Threads"));
        assert_same_configuration(&ours, &own);
        return greens[1].len();
    }
    panic!("the last look was asserted")
}

/// The green threads of a report. The process lists them in the order of its garbage collector.
fn sorted(report: &str) -> Vec<&str> {
    let mut all = green_threads(section(report, "Green Threads"));
    all.sort_unstable();
    all
}

/// Every option of every group, line by line; but for the password that one prints of a URL.
fn assert_same_configuration(ours: &str, own: &str) {
    let own = own.replace("https://user:pw@db/", "https://user:***@db/");
    let (ours, own) = (section(ours, "Configuration"), section(&own, "Configuration"));
    for (line, (ours, own)) in ours.lines().zip(own.lines()).enumerate() {
        assert_eq!(ours, own, "line {}", line + 1);
    }
    assert_eq!(ours.trim_end(), own.trim_end());
}

#[test]
fn the_green_threads_of_nova_conductor_are_those_of_its_own_report() {
    let Some(service) = Service::start("nova-conductor") else { return };
    assert!(assert_same(&service, service.pid()) > 5);
}

#[test]
fn the_threads_of_nova_scheduler_are_those_of_its_own_report() {
    let Some(service) = Service::start("nova-scheduler") else { return };
    assert_eq!(assert_same(&service, service.pid()), 0);
}

#[test]
fn the_threads_of_the_worker_that_nova_scheduler_forked_are_those_of_its_own_report() {
    let Some(service) = Service::start("nova-scheduler") else { return };
    // Forked by a thread that was not the main one, and is now.
    let worker = service.worker();
    await_some("the worker's threads run", || {
        (thread_states(worker).len() == WORKER_THREADS).then_some(())
    });
    assert_eq!(assert_same(&service, worker), 0);
}

#[test]
fn the_green_threads_of_the_small_app_are_those_of_its_own_report() {
    for (name, expected) in [("mini", 5), ("mini-threads", 0)] {
        let Some(service) = Service::start(name) else { continue };
        assert!(assert_same(&service, service.pid()) >= expected, "{name}");
    }
}
