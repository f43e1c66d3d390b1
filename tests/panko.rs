//! panko-api 10.0.0 as published: what its report must show, and what it must not.

use crate::support::schema::Checker;
use crate::support::sections::{options, section};
use crate::support::{Service, guru, run, venv};
use flate2::read::GzDecoder;
use guru::data::Data;
use guru::report::{Block, DriftKind, Report};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Command;

/// The password in its configuration file.
const PASSWORD: &str = "pankosecret";

const FORMATS: [&str; 3] = ["text", "gmr", "json"];

/// The whole report of a service. It is complete, and there is nothing to complain about.
fn report(service: &Service, format: &str, more: &[&str]) -> String {
    let pid = service.pid().to_string();
    let output = guru(&[&["report", &pid, "--format", format], more].concat());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn its_stack_is_shown_from_its_script_to_poll() {
    let Some(service) = Service::start("panko") else { return };
    let report = report(&service, "text", &[]);
    let lines: Vec<&str> = section(&report, "Threads").lines().collect();
    let expected = [
        ("/bin/panko-api:", "in <module>", "server.serve_forever()"),
        ("/socketserver.py:", "in serve_forever", "ready = selector.select(poll_interval)"),
        ("/selectors.py:", "in select", "fd_event_list = self._selector.poll(timeout)"),
    ];
    let mut from = 0;
    for (file, function, source) in expected {
        let is = |line: &&str| line.contains(file) && line.ends_with(function);
        let at = from + lines[from..].iter().position(is).unwrap_or_else(|| panic!("{report}"));
        assert_eq!(lines[at + 1], format!("    `{source}`"));
        // The line number is the one where the file has that line.
        let (place, _) = lines[at].rsplit_once(" in ").unwrap();
        let (path, number) = place.rsplit_once(':').unwrap();
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().nth(number.parse::<usize>().unwrap() - 1).unwrap().trim(), source);
        from = at + 2;
    }
    // Inwards of them the C library's poll, which is where the thread stands.
    let is_frame = |line: &&&str| line.contains(" in ") && !line.starts_with('(');
    let native: Vec<&&str> = lines[from..].iter().filter(is_frame).collect();
    assert!(native.last().unwrap().ends_with("poll"), "{native:?}");

    let waits = format!("in poll(fd 3: socket tcp 127.0.0.1:{} (listening))", service.port);
    assert!(lines.iter().any(|line| line.contains(&waits)), "{report}");
}

#[test]
fn its_package_and_its_configuration_are_shown_without_its_password() {
    let Some(service) = Service::start("panko") else { return };
    let directory = tempfile::tempdir().unwrap();
    for format in FORMATS {
        let path = directory.path().join(format);
        let report = report(&service, format, &["--record", path.to_str().unwrap()]);
        assert!(!report.contains(PASSWORD), "{format}: {report}");
        assert!(!contains(&unpacked(&path), PASSWORD.as_bytes()), "the recording has the password");
        if format == "json" {
            continue;
        }
        let package = section(&report, "Package");
        for field in ["product = panko", "vendor = OpenStack", "version = 10.0.0"] {
            assert!(package.lines().any(|line| line == field), "{report}");
        }
        let configuration = section(&report, "Configuration");
        let options = options(configuration);
        assert!(options[&("database", "connection")].starts_with(" = ***"));
        assert!(options[&("default", "debug")].starts_with(" = True"));
        if format == "text" {
            assert!(configuration.starts_with("object "), "{configuration}");
            assert!(configuration.contains("/panko.conf · named by --config-file"));
            assert!(!configuration.contains("changed since"));
        }
    }
}

/// What its code makes of its command line and its file, and how oslo.reports would print it: its
/// own report shows an object of which it knows nothing.
const PRIVATE: &str = "\
import sys
from panko import service
from oslo_reports.models import conf
model = conf.ConfigModel(service.prepare_service(argv=['panko-api', '--config-file', sys.argv[1]]))
model.set_current_view_type('text')
print(str(model))
";

#[test]
fn its_configuration_is_that_of_the_object_that_it_was_started_with() {
    let Some(service) = Service::start("panko") else { return };
    let Some(python) = venv("panko") else { return };
    let shown = report(&service, "json", &[]);
    let shown: Report = serde_json::from_str(&shown).unwrap();
    let section_of = shown.sections.iter().find(|section| section.id == "configuration").unwrap();
    let blocks = section_of.blocks.iter().map(|block| match block {
        Block::Options { object: Some(object), files, groups, drift } => {
            (object, files, groups, drift)
        }
        other => panic!("{other:?}"),
    });
    let blocks: Vec<_> = blocks.collect();
    let (started, files, _, drift) = blocks[0];
    let file = files[0].path.raw();
    assert!(started.started);
    assert_eq!(started.arguments, ["--config-file".into(), file.into()]);

    let mut command = Command::new(python);
    command.args(["-c", PRIVATE, file]).env("PYTHONWARNINGS", "ignore");
    let output = run(command);
    assert!(output.status.success(), "{output:?}");
    let expected = String::from_utf8(output.stdout).unwrap();
    let gmr = report(&service, "gmr", &[]);
    assert_eq!(section(&gmr, "Configuration").trim_end(), expected.trim_end());

    // The file has a section for the middleware, which never reads the file.
    let [drift] = drift.as_slice() else { panic!("{drift:?}") };
    assert_eq!(drift.kind, DriftKind::NotRead);
    assert_eq!((drift.group.as_ref().unwrap().raw(), &drift.option), ("keystone_authtoken", &None));
    assert_eq!(drift.place.as_ref().unwrap().file.raw(), file);
    let what = drift.what.as_ref().unwrap().raw();
    let end = "has such options, but has not read this file: its auth_type is None";
    assert!(what.ends_with(end), "{what}");
    let middleware = blocks[1..].iter().find_map(|(object, files, groups, _)| {
        let group = groups.iter().find(|group| group.name.raw() == "keystone_authtoken")?;
        let option = group.options.iter().find(|option| option.name.raw() == "auth_type")?;
        Some((object.started, files.len(), option))
    });
    let (_, files, option) = middleware.unwrap();
    assert_eq!((files, &option.value), (0, &Data::None));
}

#[test]
fn its_json_is_as_published() {
    let Some(service) = Service::start("panko") else { return };
    let report: Value = serde_json::from_str(&report(&service, "json", &[])).unwrap();
    Checker::new().check_report(&report);
    assert_eq!(report["schema"], 1);
    let [thread] = report["sections"][1]["blocks"][0]["executions"].as_array().unwrap().as_slice()
    else {
        panic!("panko has one thread: {report}")
    };
    assert_eq!(thread["tid"], service.pid());
    assert!(thread["ident"].as_u64().unwrap() > 1 << 32);
    assert_eq!((&thread["name"], &thread["state"]), (&"panko-api".into(), &"sleeping".into()));
    assert_eq!(thread["stack"]["end"]["reason"], "root");

    let frames = thread["stack"]["frames"].as_array().unwrap();
    let python: Vec<&Value> = frames.iter().filter(|frame| frame["language"] == "python").collect();
    let names: Vec<&Value> = python.iter().map(|frame| &frame["function"]).collect();
    assert_eq!(names, ["<module>", "serve_forever", "select"]);
    for frame in python {
        assert!(frame["file"].is_string() && frame["line"].is_u64() && frame["source"].is_string());
        assert_eq!((&frame["inlined"], &frame["trust"]), (&false.into(), &"runtime".into()));
        assert!(frame["address"].is_null() && frame["module"].is_null());
    }
    // All around them native frames, from the first one of the process to the C library's poll.
    assert_eq!(frames[0]["function"], "_start");
    let last = frames.last().unwrap();
    assert!(last["function"].as_str().unwrap().ends_with("poll"), "{last}");
    assert!(last["module"].as_str().unwrap().contains("libc"), "{last}");
    for frame in frames.iter().filter(|frame| frame["language"] == "native") {
        let trust = if frame == last { "registers" } else { "cfi" };
        assert_eq!(frame["trust"], trust, "{frame}");
        assert!(frame["module"].is_string() && frame["address"].is_string(), "{frame}");
    }
}

#[test]
fn its_threads_are_those_of_its_own_report() {
    let Some(service) = Service::start("panko") else { return };
    let ours = report(&service, "gmr", &[]);
    let own = service.own_report();
    assert_eq!(section(&ours, "Threads"), section(&own, "Threads"));
    assert_eq!(section(&ours, "Green Threads"), section(&own, "Green Threads"));
    assert!(ours.ends_with('\n') && !ours.ends_with("\n\n"));
}

#[test]
fn its_recording_shows_the_same_when_it_is_gone() {
    let Some(service) = Service::start("panko") else { return };
    let directory = tempfile::tempdir().unwrap();
    let live = FORMATS.map(|format| {
        let path = directory.path().join(format).to_str().unwrap().to_owned();
        let printed = report(&service, format, &["--record", &path]);
        (format, path, printed)
    });
    drop(service);
    for (format, path, printed) in live {
        let replayed = guru(&["report", "--from", &path, "--format", format]);
        assert_eq!(replayed.status.code(), Some(0));
        assert_eq!(String::from_utf8(replayed.stdout).unwrap(), printed, "{format}");
    }
}

/// What a recording holds, without its first line and its compression.
fn unpacked(path: &Path) -> Vec<u8> {
    let mut file = BufReader::new(File::open(path).unwrap());
    file.read_until(b'\n', &mut Vec::new()).unwrap();
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
