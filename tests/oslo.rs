//! The configuration objects of oslo.config in living processes: everything that lies in memory, as
//! the process itself tells it.

use std::path::Path;

use guru::config::oslo::registry::{Group, Kind, Namespace, Opt, Registry};
use guru::evidence::Evidence;
use serde_json::{Value, json};

use crate::support::{Target, await_some, evidence, reads_stdin, venv};

/// What is in memory, as it was recorded.
pub fn registries(evidence: &Evidence) -> Vec<Registry> {
    guru::analysis::analyse(evidence).registries
}

/// A process with every kind of option, with the Python of a service.
pub struct Stress {
    pub target: Target,
    _directory: tempfile::TempDir,
}

impl Stress {
    pub fn start(name: &str) -> Option<Stress> {
        let python = venv(name)?;
        Some(Stress::with(&python))
    }

    fn with(python: &Path) -> Stress {
        let directory = tempfile::tempdir().unwrap();
        let target = Target::python(python, "oslo_stress.py", &[directory.path()]);
        await_some("it waits for stdin", || reads_stdin(target.pid()).then_some(()));
        Stress { target, _directory: directory }
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

/// The secrets as they are recorded: they are overwritten, but for those that are in the source.
fn hide_secrets(text: String) -> String {
    ["mysql://stress:made-up-1@127.0.0.1/db", "made-up-2"]
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
        Kind::Plain => json!(["plain"]),
        Kind::Foreign(shown) => json!(["foreign", shown]),
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
    let addresses = |all: Vec<String>| std::collections::BTreeSet::from_iter(all);
    let ours = registries.iter().map(|registry| registry.address.to_string()).collect();
    let theirs = truth.iter().map(|object| object["address"].as_str().unwrap().into()).collect();
    assert_eq!(addresses(ours), addresses(theirs));
    for registry in registries {
        let same = |object: &&Value| object["address"] == registry.address.to_string();
        assert_same(registry, truth.iter().find(same).unwrap());
    }
}

#[test]
fn all_that_old_and_new_oslo_config_keep_in_memory_is_read() {
    for name in ["mini", "panko"] {
        let Some(mut stress) = Stress::start(name) else { continue };
        let before = stress.registries();
        let truth = stress.truth();
        let held: Vec<_> = before
            .iter()
            .map(|known| {
                (
                    &known.held_by,
                    &known.args,
                    known.address,
                    known.groups.iter().map(|g| g.options.len()).sum::<usize>(),
                    &known.type_name,
                )
            })
            .collect();
        eprintln!("{held:?}");
        // Nothing was asked for yet, so the caches of answers are empty.
        assert_all(&before, &truth);
        assert_eq!(stress.target.ask("fill"), "filled");
        let truth = stress.truth();
        assert_all(&stress.registries(), &truth);
    }
}
