//! Local variables and objects of every CPython that can be run here, against what the interpreter
//! tells of them; and no secret among them.

use std::collections::BTreeMap;

use guru::report::Report;
use guru::value::{Item, Local, Mark, Value};
use serde::Deserialize;

use crate::support::await_some;
use crate::support::pythons::{Interpreter, each, pythons};
use crate::support::truth::{assert_whole, object};
use crate::support::{Target, guru, reads_stdin, stdout_of, threads};

const SECRETS: [&str; 2] = ["hunter2-secret", "eyJhbGciOiJIUzI1NiJ9"];

/// A value as the interpreter tells it.
#[derive(Debug, Deserialize)]
struct Truth {
    #[serde(rename = "type")]
    type_name: String,
    shown: Option<String>,
    size: Option<u64>,
    #[serde(default)]
    items: Vec<(Option<Truth>, Truth)>,
}

/// The locals that the target tells of: none for what it leaves to the tests.
type Truths = BTreeMap<String, Option<Truth>>;

fn each_read(test: impl Fn(&Interpreter)) {
    each(pythons(), |python| {
        if python.is_read() {
            test(python);
        }
    });
}

/// The target in its last call, and its truth.
fn start(python: &Interpreter) -> (Target, Truths) {
    let target = python.start("python_values.py", &[]);
    let truth = serde_json::from_str(&target.line()).unwrap();
    await_some("it waits for stdin", || reads_stdin(target.pid()).then_some(()));
    (target, truth)
}

/// A report with these options; none of the secrets is in it.
fn report(target: &Target, options: &[&str]) -> Report {
    let pid = target.pid().to_string();
    let output = guru(&[&["report", &pid, "--format", "json"], options].concat());
    let text = stdout_of(&output);
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} is shown");
    }
    let report = serde_json::from_str(&text).unwrap();
    assert_whole(&report);
    report
}

/// The locals of `holder`.
fn locals(report: &Report) -> BTreeMap<&str, &Value> {
    let mut frames = threads(report).iter().flat_map(|thread| &thread.stack.frames);
    let is = |frame: &&guru::stack::Frame| {
        frame.function.as_ref().is_some_and(|function| function.raw() == "holder")
    };
    let holder = frames.find(is).unwrap();
    holder.locals.iter().map(|Local { name, value }| (name.raw(), value)).collect()
}

fn assert_is(value: &Value, truth: &Truth, what: &str) {
    let type_name = value.type_name.raw().rsplit('.').next().unwrap();
    assert_eq!(type_name, truth.type_name, "{what}: {value:?}");
    if let Some(shown) = &truth.shown {
        let ours = value.shown.as_ref().unwrap_or_else(|| panic!("{what}: {value:?}"));
        assert_eq!(ours.raw(), shown, "{what}");
        return;
    }
    assert_eq!(value.mark, None, "{what}: {value:?}");
    assert_eq!(value.items.len(), truth.items.len(), "{what}: {value:?}");
    assert!(value.size.is_none() || value.size == truth.size, "{what}: {value:?}");
    for (Item { key, value }, (true_key, true_value)) in value.items.iter().zip(&truth.items) {
        match (key, true_key) {
            (Some(key), Some(true_key)) => assert_is(key, true_key, what),
            (None, None) => {}
            (key, true_key) => panic!("{what}: {key:?} for {true_key:?}"),
        }
        assert_is(value, true_value, what);
    }
}

#[test]
fn local_variables_of_every_version_are_as_the_interpreter_tells_them() {
    each_read(|python| {
        let (target, truth) = start(python);
        let report = report(&target, &["--locals"]);
        let locals = locals(&report);
        let names: Vec<&str> = truth.keys().map(String::as_str).collect();
        assert_eq!(locals.keys().copied().collect::<Vec<_>>(), names);
        for (name, truth) in &truth {
            if let Some(truth) = truth {
                assert_is(locals[name.as_str()], truth, name);
            }
        }
    });
}

#[test]
fn what_is_endless_is_cut_and_marked() {
    each_read(|python| {
        let (target, _) = start(python);
        let report = report(&target, &["--locals"]);
        let locals = locals(&report);
        assert_eq!(locals["cycle"].items[1].value.mark, Some(Mark::Cycle));
        let mut value = locals["bottomless"];
        while let [item] = value.items.as_slice() {
            value = &item.value;
        }
        assert_eq!(value.mark, Some(Mark::Cut));
        let huge = locals["huge_list"];
        assert_eq!((huge.size, huge.mark), (Some(1_000_000), Some(Mark::Cut)));
        assert!(huge.items.len() < 10_000);
        let huge = locals["huge_text"];
        assert_eq!((huge.size, huge.mark), (Some(10_000_000), Some(Mark::Cut)));
        assert!(huge.shown.as_ref().unwrap().raw().len() < 100_000);
    });
}

#[test]
fn secrets_are_masked_by_name_and_by_pattern() {
    each_read(|python| {
        let (target, _) = start(python);
        let report = report(&target, &["--locals"]);
        let locals = locals(&report);
        assert_eq!(locals["password"].mark, Some(Mark::Masked));
        assert!(locals["header"].mark == Some(Mark::Masked), "{:?}", locals["header"]);
        let [password, url] = locals["options"].items.as_slice() else { panic!() };
        assert_eq!(password.value.mark, Some(Mark::Masked));
        let shown = url.value.shown.as_ref().unwrap().raw();
        assert!(shown.contains("root") && shown.contains("***@db/nova"), "{shown}");
    });
}

#[test]
fn objects_are_reached_through_attributes_keys_and_indexes() {
    let expected = [
        ("__main__.settings.host", "'node-1'"),
        ("__main__.settings.ports[1]", "8775"),
        ("__main__.settings.ports[-1]['admin']", "35357"),
        ("__main__.settings.groups['database'].y", "5"),
        ("__main__.nothing_such", ""),
        ("__main__.settings.nothing", ""),
        ("no.such.module", ""),
        ("sys.maxsize", "9223372036854775807"),
        ("support.tell_line.__name__", "'tell_line'"),
    ];
    each_read(|python| {
        let (target, _) = start(python);
        let paths = expected.iter().flat_map(|(path, _)| ["--object", path]);
        let report = report(&target, &paths.collect::<Vec<_>>());
        for (path, shown) in expected {
            let object = object(&report, path);
            match &object.value {
                Some(value) => assert_eq!(value.shown.as_ref().unwrap().raw(), shown, "{path}"),
                None => assert!(shown.is_empty() && object.missing.is_some(), "{path}"),
            }
        }
    });
}

#[test]
fn a_secret_object_is_masked_however_it_is_asked_for() {
    each_read(|python| {
        let (target, _) = start(python);
        let paths = ["__main__.settings.password", "__main__.settings.groups['database'].x"];
        let report = report(&target, &["--object", paths[0], "--object", paths[1]]);
        assert_eq!(object(&report, paths[0]).value.as_ref().unwrap().mark, Some(Mark::Masked));
        assert!(object(&report, paths[1]).value.is_some());
    });
}
