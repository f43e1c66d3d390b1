//! CPythons that a machine may not have, replayed from the recordings of `fixtures/evidence`,
//! against what each process told of itself when it was recorded.

use std::fs;
use std::path::PathBuf;

use guru::analysis::analyse;
use guru::evidence::store;
use guru::report::Report;
use serde::de::DeserializeOwned;

use crate::support::truth::{GreenTruth, ThreadTruth, assert_whole};
use crate::support::{guru, root, stdout_of};
use crate::{asyncio, green, pythons};

fn file(name: &str) -> PathBuf {
    root("fixtures/evidence/x86_64").join(name)
}

/// The report of a recording, which must be whole and say this version and layout; and the truth.
fn replayed<T: DeserializeOwned>(name: &str, version: &str, layout: &str) -> (Report, Vec<T>) {
    let recording = file(&format!("{name}.guru"));
    let args = ["report", "--format", "json", "--from", recording.to_str().unwrap()];
    let report: Report = serde_json::from_str(&stdout_of(&guru(&args))).unwrap();
    let [python] = report.process.runtimes.as_slice() else { panic!("{:?}", report.process) };
    let said = (python.name.as_str(), python.version.as_str(), python.layout.as_str());
    assert_eq!(said, ("python", version, layout), "{name}");
    assert_whole(&report);
    let truth = fs::read_to_string(file(&format!("{name}.json"))).unwrap();
    (report, serde_json::from_str(&truth).unwrap())
}

#[test]
fn recorded_threads_are_as_the_interpreter_told_them() {
    for (name, version, layout) in [
        ("threads-3.8", "3.8.18", "table 3.8.18"),
        ("threads-3.10", "3.10.13", "table 3.10.13"),
        ("threads-3.12", "3.12.1", "table 3.12.1"),
        ("threads-3.13t", "3.13.5", "debug offsets, table 3.13.5t-debian"),
    ] {
        let (report, truth) = replayed::<ThreadTruth>(name, version, layout);
        assert!(truth.len() >= 20, "{name}: {truth:?}");
        pythons::assert_as_told(&report, &truth);
    }
}

#[test]
fn recorded_tasks_are_as_the_interpreter_told_them() {
    let (report, truth) = replayed::<GreenTruth>("tasks-3.10", "3.10.13", "table 3.10.13");
    asyncio::assert_as_told(&report, &truth);
}

#[test]
fn recorded_greenlets_are_as_the_interpreter_told_them() {
    let (report, truth) = replayed::<GreenTruth>("greenlets-3.12", "3.12.1", "table 3.12.1");
    green::assert_as_told(&report, &truth);
}

#[test]
fn a_recording_in_which_no_handlers_were_searched_for_tells_of_none() {
    for name in ["threads-3.8", "threads-3.12"] {
        let evidence = store::load(&file(&format!("{name}.guru"))).unwrap();
        let analysis = analyse(&evidence);
        assert_eq!((analysis.handlers, analysis.watchers), (None, Vec::new()), "{name}");
    }
}
