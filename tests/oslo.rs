//! The configuration objects of oslo.config in living processes: everything that lies in memory, as
//! the process itself tells it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};

use flate2::read::GzDecoder;
use guru::config::oslo::registry::{Check, Group, Kind, Namespace, Opt, Registry, Version};
use guru::evidence::Evidence;
use guru::evidence::store::load;
use serde_json::{Value, json};

use crate::support::pythons::{Interpreter, each, oslo_pythons, skip_those_without_oslo};
use crate::support::sections::{options, section};
use crate::support::{
    Service, Target, await_some, evidence, guru, reads_stdin, root, stdout_of, venv,
};

/// What is in memory, as it was recorded.
pub fn registries(evidence: &Evidence) -> Vec<Registry> {
    guru::analysis::analyse(evidence).registries
}

/// A process with every kind of option.
pub struct Stress {
    pub target: Target,
    directory: tempfile::TempDir,
}

impl Stress {
    /// Started with the Python of a service.
    pub fn start(name: &str) -> Option<Stress> {
        Some(Stress::with(&mut Command::new(venv(name)?)))
    }

    /// Started with a command that runs a Python.
    fn with(python: &mut Command) -> Stress {
        let directory = tempfile::tempdir().unwrap();
        let mut command = std::mem::replace(python, Command::new("true"));
        command.arg(root("fixtures/targets/oslo_stress.py")).arg(directory.path());
        Stress::run(command, directory)
    }

    /// Started with an interpreter that has oslo.config.
    pub fn of(python: &Interpreter) -> Stress {
        let (directory, path) = python.directory();
        let mut command = python.command_with("oslo_stress.py");
        command.arg(path);
        Stress::run(command, directory)
    }

    fn run(mut command: Command, directory: tempfile::TempDir) -> Stress {
        command.env("PYTHONDONTWRITEBYTECODE", "1").stderr(Stdio::null());
        let target = Target::start(command);
        await_some("it waits for stdin", || reads_stdin(target.pid()).then_some(()));
        Stress { target, directory }
    }

    pub fn truth(&mut self) -> Vec<Value> {
        let truth = hide_secrets(self.target.ask("truth"));
        let mut truth: Value = serde_json::from_str(&truth).unwrap();
        await_some("it waits for stdin", || reads_stdin(self.target.pid()).then_some(()));
        serde_json::from_value(truth["objects"].take()).unwrap()
    }

    pub fn registries(&self) -> Vec<Registry> {
        registries(&evidence(self.target.pid()))
    }
}

/// The secrets as they are recorded: they are overwritten, those that are defaults, too.
fn hide_secrets(text: String) -> String {
    let url = "mysql://stress:made-up-1@127.0.0.1/db";
    [url, "made-up-2", "made-up-3", "made-up-4", "made-up-5"]
        .iter()
        .fold(text, |text, secret| text.replace(secret, &"*".repeat(secret.len())))
}

fn kind(kind: &Kind) -> Value {
    match kind {
        Kind::String { quotes } => json!(["string", quotes]),
        Kind::Boolean => json!(["boolean"]),
        Kind::Integer => json!(["integer"]),
        Kind::Float => json!(["float"]),
        Kind::List { item, bounds } => json!(["list", self::kind(item), bounds]),
        Kind::Dict { value, bounds, separator } => {
            json!(["dict", self::kind(value), bounds, separator])
        }
        Kind::Range { inclusive } => json!(["range", inclusive]),
        Kind::Address(version) => json!(["address", number(*version)]),
        Kind::HostName => json!(["host name"]),
        Kind::Host { version, underscores } => json!(["host", number(*version), underscores]),
        Kind::Uri { schemes } => json!(["uri", schemes]),
        Kind::Checked(kind, checks) => {
            let parts = [json!("checked"), self::kind(kind)].into_iter();
            parts.chain(checks.iter().map(check)).collect()
        }
        Kind::Plain => json!(["plain"]),
        Kind::Foreign(shown) => json!(["foreign", shown]),
    }
}

fn number(version: Option<Version>) -> Option<u8> {
    version.map(|version| if version == Version::V4 { 4 } else { 6 })
}

fn check(check: &Check) -> Value {
    match check {
        Check::Least(least) => json!(["least", least]),
        Check::Most(most) => json!(["most", most]),
        Check::Numbers(choices) => json!(["numbers", choices]),
        Check::Words { choices, ignore_case } => json!(["words", choices, ignore_case]),
        Check::Length(most) => json!(["length", most]),
        Check::Items(least) => json!(["items", least]),
        Check::Pattern(pattern) => json!(["pattern", pattern.parts().0, pattern.parts().1]),
        Check::Unknown => json!(["unknown"]),
    }
}

/// An option, by the names of the truth.
fn option(option: &Opt) -> Value {
    let mut told = json!({
        "dest": option.dest, "name": option.name, "class": option.class, "kind": kind(&option.kind),
        "multi": option.multi, "secret": option.secret, "mutable": option.mutable,
        "positional": option.positional, "removal": option.removal,
        "deprecated": option.deprecated, "default": option.default,
    });
    for (name, value) in [
        ("override", &option.override_value),
        ("set_default", &option.set_default),
        ("cached", &option.cached),
        ("driver", &option.driver),
    ] {
        if let Some(value) = value {
            told[name] = serde_json::to_value(value).unwrap();
        }
    }
    told
}

fn namespace(namespace: &Namespace) -> Value {
    let sections = |file: &guru::config::oslo::registry::ParsedFile| {
        let sections = file.sections.iter();
        let told = sections.map(|known| json!({"name": known.name, "options": known.options}));
        json!({"sections": told.collect::<Vec<_>>()})
    };
    let files: Vec<Value> = namespace.files.iter().map(sections).collect();
    json!({"files": files, "arguments": namespace.arguments})
}

/// An object, by the names of the truth.
fn object(registry: &Registry) -> Value {
    let group = |group: &Group| {
        let options: Vec<Value> = group.options.iter().map(option).collect();
        json!({"key": group.key, "name": group.name, "options": options})
    };
    let told = |known: &Option<Namespace>| known.as_ref().map(namespace);
    json!({
        "address": registry.address, "type": registry.type_name, "args": registry.args,
        "project": registry.project, "prog": registry.prog,
        "default_config_files": registry.default_config_files,
        "default_config_dirs": registry.default_config_dirs,
        "use_environment": registry.use_environment,
        "namespace": told(&registry.namespace),
        "mutable_namespace": told(&registry.mutable_namespace),
        "sources": registry.sources.iter().map(namespace).collect::<Vec<_>>(),
        "groups": registry.groups.iter().map(group).collect::<Vec<_>>(),
    })
}

/// The first place where two values differ: there may be much around it.
fn difference(path: &str, ours: &Value, theirs: &Value) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => a.keys().chain(b.keys()).find_map(|key| {
            let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned();
            match (of(a), of(b)) {
                (Some(a), Some(b)) => difference(&format!("{path}.{key}"), &a, &b),
                (a, b) => Some(format!("{path}.{key}: {a:?} should be {b:?}")),
            }
        }),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(nth, (a, b))| difference(&format!("{path}[{nth}]"), a, b))
        }
        (a, b) => (a != b).then(|| format!("{path}: {a} should be {b}")),
    }
}

/// Fails unless all that was read of an object is what the process tells of it.
fn assert_same(registry: &Registry, truth: &Value) {
    assert_eq!(registry.troubles, []);
    let mut truth = truth.clone();
    let name = truth["name"].as_str().unwrap().to_owned();
    truth.as_object_mut().unwrap().remove("name");
    let options = truth["groups"].as_array_mut().unwrap().iter_mut();
    for option in options.flat_map(|group| group["options"].as_array_mut().unwrap()) {
        // What it would answer is for who resolves it.
        for name in ["value", "shown", "error", "location"] {
            option.as_object_mut().unwrap().remove(name);
        }
    }
    assert_eq!(difference(&name, &object(registry), &truth), None);
}

/// Fails unless these are all objects of the process, and whole.
fn assert_all(registries: &[Registry], truth: &[Value]) {
    let addresses = |all: Vec<String>| BTreeSet::from_iter(all);
    let ours = registries.iter().map(|registry| registry.address.to_string()).collect();
    let theirs = truth.iter().map(|object| object["address"].as_str().unwrap().into()).collect();
    assert_eq!(addresses(ours), addresses(theirs));
    for registry in registries {
        let same = |object: &&Value| object["address"] == registry.address.to_string();
        assert_same(registry, truth.iter().find(same).unwrap());
    }
}

/// Fails unless something is known to hold each, the first of which begins like this.
fn assert_held(registries: &[Registry], truth: &[Value], expected: &[(&str, &str)]) {
    for (name, holder) in expected {
        let object = truth.iter().find(|object| object["name"] == *name).unwrap();
        let known = registries.iter().find(|known| object["address"] == json!(known.address));
        let held_by = &known.unwrap().held_by;
        let is_so = held_by.first().is_some_and(|first| first.raw().starts_with(holder));
        assert!(is_so, "{name}: {held_by:?} should begin with {holder}");
        assert!(held_by.len() <= 5, "{held_by:?}");
    }
}

const HOLDERS: [(&str, &str); 5] = [
    ("started", "local `conf` of main (oslo_stress.py)"),
    ("global", "oslo_config.cfg.CONF"),
    ("middleware", "attribute `_conf` of __main__.Middleware at 0x"),
    ("derived", "local `derived` of main (oslo_stress.py)"),
    ("hidden", "variable `conf` of hide.<locals>.<lambda>"),
];

/// All that is in memory is what the process tells, before and after it was asked.
fn all_is_read(mut stress: Stress) {
    let before = stress.registries();
    let truth = stress.truth();
    assert_all(&before, &truth);
    assert_held(&before, &truth, &HOLDERS);
    // What was called with the command line comes first, then what was called without.
    let order: Vec<String> = before.iter().map(|known| known.address.to_string()).collect();
    let expected = ["started", "middleware", "global"].map(|name| {
        let object = truth.iter().find(|object| object["name"] == name).unwrap();
        object["address"].as_str().unwrap().to_owned()
    });
    assert_eq!(order[..3], expected);

    let files = &before[0].namespace.as_ref().unwrap().files;
    let paths: Vec<Option<&str>> =
        files.iter().map(|file| file.path.as_ref().map(|path| path.raw())).collect();
    let [Some(second), None, Some(first)] = paths.as_slice() else { panic!("{paths:?}") };
    assert!(second.ends_with("/stress.d/20-second.conf") && first.ends_with("/stress.conf"));

    assert_eq!(stress.target.ask("fill"), "filled");
    let truth = stress.truth();
    assert_all(&stress.registries(), &truth);
    assert_eq!(stress.target.ask("mutate"), "mutated");
    let truth = stress.truth();
    let mutated = stress.registries();
    assert!(mutated[0].mutable_namespace.is_some());
    assert_all(&mutated, &truth);
}

#[test]
fn all_that_oslo_config_keeps_in_memory_is_read() {
    let Some(python) = venv("mini") else { return };
    all_is_read(Stress::with(&mut Command::new(python)));
}

#[test]
fn all_that_oslo_config_keeps_in_memory_is_read_in_every_python() {
    skip_those_without_oslo();
    each(oslo_pythons(), |python| all_is_read(Stress::of(python)));
}

#[test]
fn all_that_an_old_oslo_config_keeps_in_memory_is_read() {
    let Some(python) = venv("panko") else { return };
    all_is_read(Stress::with(&mut Command::new(python)));
}

#[test]
fn a_recording_has_the_same_and_no_secret() {
    let Some(python) = venv("mini") else { return };
    let stress = Stress::with(&mut Command::new(python));
    let path = stress.directory.path().join("recording");
    let pid = stress.target.pid().to_string();
    stdout_of(&guru(&["report", "--record", path.to_str().unwrap(), &pid]));
    let expected = stress.registries();
    assert_eq!(registries(&load(&path).unwrap()), expected);
    let file = fs::read(&path).unwrap();
    let head = file.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut held = Vec::new();
    GzDecoder::new(&file[head..]).read_to_end(&mut held).unwrap();
    let contains = |text: &str| held.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(contains("by the old name"));
    for secret in ["made-up-1", "made-up-2"] {
        assert!(!contains(secret), "{secret} is recorded");
    }
}

/// Options that say to be secret under names that do not.
const INNOCENT: &str = r#"
import os, sys
from oslo_config import cfg

conf = cfg.CONF
conf.register_cli_opts([cfg.StrOpt('place', secret=True)])
conf.register_opts([cfg.StrOpt(name, secret=True) for name in ('marker', 'quiet', 'asked')])
conf(sys.argv[1:], project='innocent')
conf.asked
print('ready', os.getpid(), flush=True)
sys.stdin.read()
"#;

const INNOCENT_SECRETS: [&str; 4] = ["hidden-argv", "hidden-file", "hidden-quiet", "hidden-asked"];

#[test]
fn what_only_an_option_says_to_be_secret_is_in_no_recording() {
    let Some(python) = venv("mini") else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("innocent.py"), INNOCENT).unwrap();
    fs::write(path("innocent.conf"), "[DEFAULT]\nmarker = hidden-file\n").unwrap();
    let mut command = Command::new(python);
    command.args([&path("innocent.py"), "--config-file", &path("innocent.conf")]);
    command.args(["--place", "hidden-argv"]);
    command.env("OS_DEFAULT__QUIET", "hidden-quiet").env("OS_DEFAULT__ASKED", "hidden-asked");
    let target = Target::start(command);
    await_some("it waits for stdin", || reads_stdin(target.pid()).then_some(()));
    let pid = target.pid().to_string();
    let section = format!("File={}", path("innocent.conf"));
    let options = ["--section", &section, "--record", &path("recording"), &pid];
    let live = stdout_of(&guru(&[&["report"], &options[..]].concat()));
    assert_eq!(stdout_of(&guru(&["report", "--from", &path("recording")])), live);
    let recording = fs::read(path("recording")).unwrap();
    let head = recording.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut held = Vec::new();
    GzDecoder::new(&recording[head..]).read_to_end(&mut held).unwrap();
    let shown = stdout_of(&guru(&["report", "--show-secrets", &pid]));
    for secret in INNOCENT_SECRETS {
        let is_held = held.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
        assert!(!is_held, "{secret} is recorded");
        assert!(!live.contains(secret), "{secret}: {live}");
        assert!(shown.contains(secret), "{secret}: {shown}");
    }
}

fn options_of<'a>(registry: &'a Registry, group: &str) -> Vec<&'a str> {
    let groups = registry.groups.iter().filter(|known| known.name.raw() == group);
    groups.flat_map(|group| &group.options).map(|option| option.name.raw()).collect()
}

#[test]
fn the_configuration_that_panko_runs_with_comes_first() {
    let Some(service) = Service::start("panko") else { return };
    let all = registries(&evidence(service.pid()));
    assert!(all.len() >= 3, "{}", all.len());
    let (started, others) = all.split_first().unwrap();
    let args: Vec<&str> = started.args.iter().flatten().map(|word| word.raw()).collect();
    assert!(matches!(args.as_slice(), ["--config-file", path] if path.ends_with("/panko.conf")));
    assert_eq!(started.project.as_ref().unwrap().raw(), "panko");
    assert!(options_of(started, "keystone_authtoken").is_empty());
    assert!(options_of(started, "database").contains(&"connection"));
    let files = &started.namespace.as_ref().unwrap().files;
    let names: Vec<&str> =
        files.iter().flat_map(|file| &file.sections).map(|section| section.name.raw()).collect();
    assert!(names.contains(&"keystone_authtoken"), "{names:?}");

    // The middleware has one of its own, for which nothing was parsed.
    let has_own = |known: &&Registry| {
        let holder = known.held_by.first().map_or("", |holder| holder.raw());
        options_of(known, "keystone_authtoken").contains(&"auth_type")
            && known.args.as_ref().is_some_and(Vec::is_empty)
            && holder.contains("keystonemiddleware")
    };
    let middleware = others.iter().find(has_own);
    let holders: Vec<_> = all.iter().map(|known| &known.held_by).collect();
    let middleware = middleware.unwrap_or_else(|| panic!("{holders:?}"));
    assert!(middleware.namespace.as_ref().unwrap().files.is_empty());
    let global = |known: &&Registry| known.held_by.iter().any(|one| one.raw() == GLOBAL);
    assert!(!others.iter().find(global).unwrap().is_parsed());
    assert!(
        all.iter().all(|known| known.troubles.is_empty() && !known.held_by.is_empty()),
        "{holders:?}"
    );
}

const GLOBAL: &str = "oslo_config.cfg.CONF";

#[test]
fn the_options_of_services_are_those_of_their_own_reports() {
    for name in ["mini", "mini-threads", "nova-conductor"] {
        let Some(service) = Service::start(name) else { continue };
        let all = registries(&evidence(service.pid()));
        let first = &all[0];
        assert_eq!(first.held_by[0].raw(), GLOBAL, "{name}");
        assert!(first.is_parsed() && first.troubles.is_empty(), "{:?}", first.troubles);
        let own = service.own_report();
        let expected: BTreeSet<(&str, &str)> =
            options(section(&own, "Configuration")).into_keys().collect();
        let group = |group: &'_ Group| match &group.key {
            None => "default".to_owned(),
            Some(_) => group.name.raw().to_owned(),
        };
        let mut ours = BTreeSet::new();
        let named: Vec<(String, &Group)> =
            first.groups.iter().map(|known| (group(known), known)).collect();
        for (group, known) in &named {
            ours.extend(known.options.iter().map(|option| (group.as_str(), option.name.raw())));
        }
        assert!(ours.len() > 50, "{name}");
        // What the report itself registers in between, if it does.
        let missing: Vec<_> = expected.difference(&ours).collect();
        assert!(missing.is_empty(), "{name}: {missing:?}");
        let more: Vec<_> = ours.difference(&expected).collect();
        assert!(more.is_empty(), "{name}: {more:?}");
    }
}
