//! The live settings of Django, Flask, Celery, gunicorn and uWSGI, as PyPI has them, against what
//! each program says of its own (`fixtures/frameworks`).

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Target, guru, root, stdout_of, venv};

/// Starts a program of the venv in the directory of the fixtures; with the truth.
fn start(program: &str, args: &[&str]) -> Option<(Target, Vec<Value>)> {
    let python = venv("frameworks")?;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exec 3>&1; exec \"$0\" \"$@\""]).arg(python.with_file_name(program));
    command
        .env("TRUTH", "3")
        .args(args)
        .current_dir(root("fixtures/frameworks"))
        .stderr(Stdio::null());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let target = Target::start(command);
    let truth = serde_json::from_str(&target.line()).unwrap();
    Some((target, truth))
}

/// The configuration of a report as JSON.
fn configuration(args: &[&str]) -> Vec<Value> {
    let json = stdout_of(&guru(&[&["report", "--format", "json"], args].concat()));
    let report: Value = serde_json::from_str(&json).unwrap();
    let sections = report["sections"].as_array().unwrap();
    let section = sections.iter().find(|section| section["id"] == "configuration").unwrap();
    section["blocks"].as_array().unwrap().clone()
}

/// The options of a block by name.
fn options(block: &Value) -> serde_json::Map<String, Value> {
    let groups = block["groups"].as_array().unwrap().iter();
    let options = groups.flat_map(|group| group["options"].as_array().unwrap());
    let pair =
        |option: &Value| (option["name"].as_str().unwrap().to_owned(), option["value"].clone());
    options.map(pair).collect()
}

/// Whether a value is what the program said; what is no plain value is a text.
fn is(shown: &Value, truth: &Value) -> bool {
    match (shown, truth) {
        (shown, Value::Object(truth)) if truth.contains_key("object") => shown.is_string(),
        (Value::Object(shown), Value::Object(truth)) => {
            let truth = truth["map"].as_object().unwrap();
            let same = |(key, value)| shown.get(key).is_some_and(|shown| is(shown, value));
            shown.len() == truth.len() && truth.iter().all(same)
        }
        (Value::Array(shown), Value::Array(truth)) => {
            shown.len() == truth.len()
                && shown.iter().zip(truth).all(|(shown, truth)| is(shown, truth))
        }
        (Value::Number(shown), Value::Number(truth)) => shown.as_f64() == truth.as_f64(),
        _ => shown == truth,
    }
}

fn assert_as_told(blocks: &[Value], truth: &[Value], count: usize) {
    let objects: Vec<&Value> = blocks.iter().filter(|block| block["object"].is_object()).collect();
    assert_eq!(objects.len(), truth.len(), "{blocks:?}");
    for told in truth {
        let settings = told["settings"].as_object().unwrap();
        assert!(settings.len() >= count, "{told}");
        let names = |block: &Value| -> Vec<String> { options(block).keys().cloned().collect() };
        let holds = |block: &&&Value| match told["held_by"].as_str() {
            Some(holder) => {
                let holders = block["object"]["held_by"].as_array();
                holders.is_some_and(|holders| holders.iter().any(|name| name == holder))
            }
            None => block["object"]["held_by"].is_null(),
        };
        let block = objects.iter().find(holds).unwrap_or_else(|| panic!("no block for {told}"));
        assert_eq!(block["object"]["make"], told["make"]);
        let mut expected: Vec<String> = settings.keys().cloned().collect();
        expected.sort();
        assert_eq!(names(block), expected, "{told}");
        for (name, shown) in options(block) {
            assert!(is(&shown, &settings[&name]), "{name}: {shown}, not {}", settings[&name]);
        }
    }
}

/// Every setting of the program is as it says itself, and without its word no secret is shown.
fn check(program: &str, args: &[&str], count: usize) {
    let Some((target, truth)) = start(program, args) else { return };
    let pid = target.pid().to_string();
    assert_as_told(&configuration(&["--show-secrets", &pid]), &truth, count);

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("recording").to_str().unwrap().to_owned();
    let masked = configuration(&["--record", &path, &pid]);
    assert!(!serde_json::to_string(&masked).unwrap().contains("hunter2"), "{masked:?}");
    assert_eq!(masked.len(), truth.len());
    assert_eq!(configuration(&["--from", &path]), masked);
    let text = stdout_of(&guru(&["report", &pid]));
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn settings_of_django_are_as_it_says_itself() {
    check("python", &["django_app.py", "module"], 150);
    check("python", &["django_app.py", "configure"], 140);
}

#[test]
fn settings_of_django_that_nobody_asked_for_are_told_to_be_that() {
    let Some((target, _)) = start("python", &["django_app.py", "lazy"]) else { return };
    let text = stdout_of(&guru(&["report", &target.pid().to_string()]));
    assert!(text.contains("held by django.conf.settings · not configured yet\n"), "{text}");
}

#[test]
fn settings_of_every_application_of_flask_are_as_it_says_itself() {
    check("python", &["flask_app.py"], 20);
}

#[test]
fn settings_of_every_application_of_celery_are_as_it_says_itself() {
    check("python", &["celery_app.py"], 3);
}

#[test]
fn settings_of_gunicorn_are_as_it_says_itself() {
    check("python", &["-m", "gunicorn", "-c", "gunicorn_conf.py", "wsgi:app"], 80);
}

#[test]
fn options_of_uwsgi_are_as_it_says_itself() {
    let options = ["--http-socket", "127.0.0.1:0", "--need-app", "--master"];
    let program = ["--wsgi-file", "uwsgi_app.py", "--set-placeholder", "db_password=hunter2-uwsgi"];
    check("uwsgi", &[&options[..], &program].concat(), 5);
}
