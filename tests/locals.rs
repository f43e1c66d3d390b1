//! Local variables and objects from the command line on: how they are printed, recorded and asked
//! for, and the options of a service. (`values.rs` has what they are.)

use guru::report::Report;
use guru::value::{Mark, Value};

use crate::support::sections::{options, section};
use crate::support::truth::object;
use crate::support::{Service, Target, await_some, guru, reads_stdin, stdout_of};

/// The target whose main thread is blocked in a function with many variables.
fn start() -> Option<Target> {
    let target = Target::spawn("python_values.py", &[] as &[&str])?;
    await_some("it waits for stdin", || reads_stdin(target.pid()).then_some(()));
    Some(target)
}

fn text(args: &[&str]) -> String {
    stdout_of(&guru(&[&["report"], args].concat()))
}

#[test]
fn variables_stand_below_their_frame_and_objects_behind_the_configuration() {
    let Some(target) = start() else { return };
    let pid = target.pid().to_string();
    let asked = ["--locals", "--object", "__main__.settings.ports", "--object", "__main__.nothing"];
    let shown = text(&[&[pid.as_str()], &asked[..]].concat());
    let (_, frame) = shown.split_once(" in holder\n").unwrap();
    assert!(frame.starts_with("    `sys.stdin.read()`\n    argument = 'first'\n"), "{frame}");
    assert!(frame.contains("\n    keyword = [4]\n    rest = (2, 'third')\n"), "{frame}");
    assert_eq!(
        section(&shown, "Objects").trim_end(),
        "__main__.settings.ports = [8774, 8775, {'admin': 35357}]\n\n\
         __main__.nothing: (not found: `__main__` has no attribute `nothing`)"
    );
    assert!(!text(&[&pid]).contains("  Objects  "));
    let gmr = text(&[&["--format", "gmr", &pid], &asked[..]].concat());
    assert_eq!(gmr, text(&["--format", "gmr", &pid]));
}

#[test]
fn a_recording_shows_what_was_asked_for_and_says_what_it_does_not_hold() {
    let Some(target) = start() else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (full, bare) = (path("full"), path("bare"));
    let pid = target.pid().to_string();
    let asked = ["--locals", "--object", "__main__.settings.host", "--object", "sys.maxsize"];
    let live = text(&[&[pid.as_str(), "--record", &full], &asked[..]].concat());
    text(&[&pid, "--record", &bare]);
    drop(target);

    assert_eq!(text(&["--from", &full]), live);
    let one = text(&["--from", &full, "--object", "sys.maxsize"]);
    assert_eq!(section(&one, "Objects").trim_end(), "sys.maxsize = 9223372036854775807");
    for wanted in [&["--locals"][..], &["--object", "sys.maxsize"]] {
        let output = guru(&[&["report", "--from", &bare], wanted].concat());
        assert_eq!(output.status.code(), Some(1));
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(shown.contains(&format!("record with {}", wanted[0])), "{shown}");
    }
}

#[test]
fn what_is_no_path_is_refused_before_anything_is_done() {
    let output = guru(&["report", "1", "--object", "a..b"]);
    assert_eq!(output.status.code(), Some(2));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("a name was expected"), "{complaint}");
}

/// A value with its parts, without its address and what the program calls its classes.
fn words(value: &Value) -> String {
    let own = value.shown.as_ref().map(|shown| shown.raw()).unwrap_or_default();
    let parts = value.items.iter().map(|item| {
        let key = item.key.as_ref().map(words).unwrap_or_default();
        format!("{key}: {}", words(&item.value))
    });
    format!("{own} {:?} [{}]", value.mark, parts.collect::<Vec<_>>().join(", "))
}

#[test]
fn options_of_a_service_are_as_it_was_answered_or_as_it_would_be() {
    let Some(service) = Service::start("mini-threads") else { return };
    let names = [
        "host",
        "listen_port",
        "database.connection",
        "database.port",
        "transport",
        "workers",
        "multiline",
        "plug",
        "database.hosts",
        "database.ssl",
        "database.tags",
    ];
    let paths: Vec<String> =
        names.iter().map(|name| format!("oslo_config.cfg.CONF.{name}")).collect();
    let report = || -> Report {
        let pid = service.pid().to_string();
        let mut args = vec!["report", &pid, "--format", "json"];
        args.extend(paths.iter().flat_map(|path| ["--object", path]));
        serde_json::from_str(&stdout_of(&guru(&args))).unwrap()
    };
    let shown = |report: &Report, name: &str| {
        let object = object(report, &format!("oslo_config.cfg.CONF.{name}"));
        let value = object.value.clone().unwrap_or_else(|| panic!("{object:?}"));
        (value.shown.unwrap().raw().to_owned(), value.mark)
    };
    let before = report();
    for name in ["database.connection", "transport"] {
        assert_eq!(shown(&before, name), ("***".to_owned(), Some(Mark::Masked)), "{name}");
    }
    // Its own report asks for every option.
    let own = service.own_report();
    let own = options(section(&own, "Configuration"));
    let after = report();
    // What guru makes of an option before the program has asked for it is what the program makes of
    // it: numbers, truth values, lists and dicts of what was written in a file.
    let words = |report: &Report, name: &str| {
        let object = object(report, &format!("oslo_config.cfg.CONF.{name}"));
        words(object.value.as_ref().unwrap_or_else(|| panic!("{object:?}")))
    };
    for name in names {
        assert_eq!(words(&before, name), words(&after, name), "{name}");
    }
    let of = |group: &str, name: &str| own[&(group, name)].trim_start_matches(" = ").to_owned();
    assert_eq!(shown(&after, "host").0, format!("'{}'", of("default", "host")));
    // It forgot its answers when it registered one more option: what was typed is a text.
    assert_eq!(shown(&after, "listen_port").0, of("default", "listen-port"));
    assert_eq!(shown(&after, "database.port").0, of("database", "port"));
    assert_eq!(shown(&after, "transport").1, Some(Mark::Masked));
    for (name, origin) in [
        ("host", "set by the program (set_override)"),
        ("listen_port", "from the command line"),
        ("database.port", "as the process was answered"),
    ] {
        let mut notes = after.notes.iter();
        let note = notes.find(|note| note.about.raw().ends_with(&format!("CONF.{name}"))).unwrap();
        assert!(note.message.raw().starts_with(origin), "{note:?}");
    }
}

#[test]
fn a_secret_option_is_masked_wherever_oslo_config_keeps_it() {
    let Some(service) = Service::start("mini-threads") else { return };
    service.own_report();
    let pid = service.pid().to_string();
    for path in ["", "._opts", "._ConfigOpts__cache", "._namespace", "._namespace._parsed[0]"] {
        let path = format!("oslo_config.cfg.CONF{path}");
        let shown = text(&["--format", "json", &pid, "--object", &path]);
        assert!(!shown.contains("hunter2"), "{path}");
    }
}
