//! The small oslo app, with green threads and without: line by line what it says of itself.

use crate::support::sections::{frames, section};
use crate::support::{Service, functions, guru, report, stdout_of, threads};
use guru::note::Weight;
use guru::report::Execution;
use guru::stack::{Language, StackEnd};

fn gmr(service: &Service) -> String {
    stdout_of(&guru(&["report", "--format", "gmr", &service.pid().to_string()]))
}

#[test]
fn its_threads_processes_and_configuration_are_those_of_its_own_report() {
    for name in ["mini-threads", "mini"] {
        let Some(service) = Service::start(name) else { continue };
        let ours = gmr(&service);
        let own = service.own_report();
        // The thread that handles the signal, too: its handler is not on the stack that GMR shows.
        assert_eq!(section(&ours, "Threads"), section(&own, "Threads"), "{name}");
        // But for the state: a process that reports on itself runs.
        let running = section(&own, "Processes");
        assert!(running.contains("state: running"), "{running}");
        let expected = running.replace("state: running", "state: sleeping");
        assert_eq!(section(&ours, "Processes").trim_end(), expected.trim_end(), "{name}");

        // But for the password that it prints of a URL.
        let own = own.replace("https://user:pw@db/", "https://user:***@db/");
        let (ours, own) = (section(&ours, "Configuration"), section(&own, "Configuration"));
        assert!(own.contains("leaky_uri = https://user:***@db/\n"), "{own}");
        assert_eq!(ours.trim_end(), own.trim_end(), "{name}");
    }
}

#[test]
fn no_python_frame_is_lost_when_native_ones_are_put_between_them() {
    for name in ["mini-threads", "mini"] {
        let Some(service) = Service::start(name) else { continue };
        let gmr = gmr(&service);
        let expected = frames(section(&gmr, "Threads"));
        let report = report(service.pid());
        let threads = threads(&report);
        assert_eq!(threads.len(), expected.len());
        for thread in threads {
            let shown: Vec<(String, String)> = python_frames(thread);
            let expected = &expected[&thread.ident.unwrap()];
            let expected: Vec<(String, String)> = expected
                .iter()
                .map(|(place, source)| (place.to_string(), source.to_string()))
                .collect();
            assert_eq!(shown, expected, "{name}: {thread:?}");
            assert_eq!(thread.stack.end, StackEnd::Root, "{name}");
        }
        // The call that c_sleep went into lies inwards of it.
        let sleeping =
            threads.iter().find(|thread| functions(thread).contains(&"c_sleep")).unwrap();
        let functions = functions(sleeping);
        let at = functions.iter().position(|name| *name == "c_sleep").unwrap();
        let inwards = &functions[at..];
        assert!(inwards.contains(&"__sleep") || inwards.contains(&"sleep"), "{inwards:?}");
        assert!(inwards.last().unwrap().contains("nanosleep"), "{inwards:?}");
        let last = sleeping.stack.frames.last().unwrap();
        assert!(last.module.as_ref().unwrap().raw().contains("libc"), "{last:?}");
        let notes = &sleeping.notes;
        assert!(notes.is_empty(), "{notes:?}");
    }
}

#[test]
fn an_absolute_sleep_is_told_by_what_is_left_of_it() {
    let Some(service) = Service::start("mini-threads") else { return };
    let report = report(service.pid());
    let main = threads(&report).iter().find(|thread| thread.tid == Some(service.pid())).unwrap();
    let waits = main.waits.as_ref().unwrap();
    let left = waits.argument.as_ref().unwrap().raw();
    let seconds: f64 =
        left.strip_prefix("another ").unwrap().strip_suffix(" s").unwrap().parse().unwrap();
    assert_eq!(waits.call.as_deref(), Some("clock_nanosleep"));
    // It sleeps for an hour, begun a moment ago.
    assert!((3400.0..3600.0).contains(&seconds), "{left}");
}

#[test]
fn the_stack_of_a_greenlet_that_runs_lies_on_what_others_left_there() {
    let Some(service) = Service::start("mini") else { return };
    let output = guru(&["report", &service.pid().to_string()]);
    assert_eq!(output.status.code(), Some(0));
    let report = report(service.pid());
    let hub = threads(&report).iter().find(|thread| thread.tid == Some(service.pid())).unwrap();
    assert_eq!((&hub.native_stack, &hub.stack.end), (&None, &StackEnd::Root));
    let frames = &hub.stack.frames;
    let first_own = frames.iter().position(|frame| frame.language == Language::Python).unwrap();
    // Others' frames are there, and not shown.
    assert!(first_own > 10 && frames[..first_own].iter().all(|frame| frame.internal));
    let last = frames.last().unwrap().function.as_ref().unwrap().raw();
    assert!(last.contains("nanosleep"), "{last}");
    let [note] = hub.notes.as_slice() else { panic!("{:?}", hub.notes) };
    assert_eq!(note.weight, Weight::Remark);
    assert!(note.message.raw().starts_with("it runs a greenlet: "), "{note:?}");
}

/// The Python frames of a thread as a GMR prints them, in two lines each.
fn python_frames(thread: &Execution) -> Vec<(String, String)> {
    let frames = thread.stack.frames.iter().filter(|frame| frame.language == Language::Python);
    let text = |frame: &guru::stack::Frame| {
        let (file, function) = (frame.file.as_ref().unwrap(), frame.function.as_ref().unwrap());
        let place = format!("{}:{} in {}", file.raw(), frame.line.unwrap(), function.raw());
        (place, format!("`{}`", frame.source.as_ref().unwrap().raw()))
    };
    frames.map(text).collect()
}
