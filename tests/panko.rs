//! panko-api 10.0.0 as published: what its report must show, and what it must not.

use crate::support::schema::Checker;
use crate::support::sections::{options, section};
use crate::support::{Service, guru};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

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
        let is = |group, name, value: &str| {
            let shown = &options[&(group, name)];
            assert!(shown.starts_with(&format!(" = {value}")), "{name}: {shown}");
        };
        is("keystone_authtoken", "auth_type", "password");
        is("keystone_authtoken", "password", "***");
        is("database", "connection", "sqlite:////");
        assert!(options[&("database", "connection")].contains("/panko.sqlite"));
        if format == "text" {
            assert!(configuration.starts_with("file /"), "{configuration}");
            assert!(configuration.contains("/panko.conf · named by --config-file"));
            assert!(!configuration.contains("changed since"));
        }
    }
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
