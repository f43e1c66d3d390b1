//! The resolver of oslo.config's options against oslo.config itself: random objects, each with the
//! value that oslo.config gives every option and the place where it says that it is set.

use crate::support::{full, root, venv};
use guru::config::oslo::registry::{
    Check, Group, Kind, Namespace, Opt, ParsedFile, ParsedSection, Pattern, Registry,
};
use guru::config::oslo::resolve::{Given, Resolved, resolve};
use guru::data::Data;
use guru::report::SetBy;
use guru::repr;
use guru::text::Text;
use serde_json::Value;
use std::collections::HashMap;
use std::process::Command;

/// Where the random numbers begin.
const SEEDS: &[u64] = &[1, 1_000_000];

#[test]
fn every_value_is_what_oslo_config_10_makes_of_it() {
    check("mini");
}

#[test]
fn every_value_is_what_oslo_config_8_makes_of_it() {
    check("panko");
}

fn check(name: &str) {
    let Some(python) = venv(name) else { return };
    let count = if full() { 5000 } else { 200 };
    let mut wrong = Vec::new();
    let mut compared = 0;
    for seed in SEEDS {
        let script = root("fixtures/oslo/rules.py");
        let output = Command::new(&python)
            .arg(script)
            .args([seed.to_string(), count.to_string()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            compared += differences(&case, &mut wrong);
        }
    }
    assert!(compared > 2 * count * 5, "only {compared} options were compared");
    let shown: Vec<&str> = wrong.iter().take(20).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), shown.join("\n"));
}

/// Compares the options of one object, and tells how many.
fn differences(case: &Value, wrong: &mut Vec<String>) -> usize {
    let registry = registry(&case["registry"]);
    let environment: HashMap<String, String> =
        serde_json::from_value(case["environment"].clone()).unwrap();
    let look_up = |name: &str| environment.get(name).cloned();
    let given = Given::of_process(&registry, &look_up);
    let resolved = resolve(&registry, &given);
    let truths = case["truth"].as_array().unwrap();
    let mut of: HashMap<(Option<&str>, &str), &Resolved> = HashMap::new();
    for group in &resolved {
        for option in &group.options {
            of.insert((group.key.as_ref().map(Text::raw), option.dest.raw()), option);
        }
    }
    assert_eq!(of.len(), truths.len());
    for truth in truths {
        let key = (truth["group"].as_str(), truth["dest"].as_str().unwrap());
        let option = of[&key];
        if let Some(what) = difference(option, truth) {
            wrong.push(format!("seed {} {key:?}: {what}\n   {option:?}\n   {truth}", case["seed"]));
        }
    }
    truths.len()
}

fn difference(option: &Resolved, truth: &Value) -> Option<&'static str> {
    match (truth["value"].as_str(), &option.problem) {
        (None, None) if !option.unconverted => return Some("it has no value"),
        (Some(_), Some(_)) => return Some("it has a value"),
        (Some(value), None) if !option.unconverted && repr::repr(&option.value) != value => {
            return Some("it has another value");
        }
        _ => {}
    }
    // It was told before by what was known then: what sets it now gives something else.
    if option.remembered {
        return None;
    }
    let place = truth.get("where")?;
    let same = match place.as_str() {
        // The one or the other, where a file sets what the command line sets, too.
        Some("user") => {
            matches!(option.set_by, Some(SetBy::File | SetBy::CommandLine | SetBy::Driver))
        }
        Some("command_line") => option.set_by == Some(SetBy::CommandLine),
        Some("environment") => option.set_by == Some(SetBy::Environment),
        // It remembers the last call of the program, also if that is not what counts.
        Some("set_override" | "set_default") => {
            matches!(option.set_by, Some(SetBy::Override | SetBy::SetDefault))
        }
        Some("opt_default") => option.set_by == Some(SetBy::Default),
        Some(_) => false,
        // Of a group, and of a command.
        None => option.set_by.is_none() || option.unconverted,
    };
    (!same).then_some("it is set by something else")
}

fn registry(value: &Value) -> Registry {
    Registry {
        use_environment: value["use_environment"].as_bool().unwrap(),
        groups: list(&value["groups"], group),
        namespace: given(&value["namespace"]).map(namespace),
        mutable_namespace: given(&value["mutable_namespace"]).map(namespace),
        sources: list(&value["sources"], namespace),
        ..Registry::default()
    }
}

fn group(value: &Value) -> Group {
    Group {
        key: optional_text(&value["key"]),
        name: text(&value["name"]),
        options: list(&value["options"], option),
    }
}

fn option(value: &Value) -> Opt {
    let flag = |name: &str| value[name].as_bool().unwrap();
    Opt {
        dest: text(&value["dest"]),
        name: text(&value["name"]),
        class: text(&value["class"]),
        kind: kind(&value["kind"]),
        multi: flag("multi"),
        secret: flag("secret"),
        mutable: flag("mutable"),
        positional: flag("positional"),
        deprecated: list(&value["deprecated"], |old| {
            (optional_text(&old[0]), optional_text(&old[1]))
        }),
        default: data(&value["default"]),
        default_changed: flag("default_changed"),
        override_value: value.get("override").map(data),
        set_default: value.get("set_default").map(data),
        cached: value.get("cached").map(data),
        ..Opt::default()
    }
}

fn kind(value: &Value) -> Kind {
    let bounds = value["bounds"].as_bool() == Some(true);
    match value["kind"].as_str().unwrap() {
        "String" => Kind::String { quotes: value["quotes"].as_bool().unwrap() },
        "Boolean" => Kind::Boolean,
        "Integer" => Kind::Integer,
        "Float" => Kind::Float,
        "List" => Kind::List { item: Box::new(kind(&value["item"])), bounds },
        "Dict" => Kind::Dict {
            value: Box::new(kind(&value["value"])),
            bounds,
            separator: text(&value["separator"]),
        },
        "Range" => Kind::Range { inclusive: value["inclusive"].as_bool().unwrap() },
        "Checked" => Kind::Checked(Box::new(kind(&value["of"])), list(&value["checks"], one_check)),
        "Foreign" => Kind::Foreign("<function>".into()),
        other => panic!("{other}"),
    }
}

fn one_check(value: &Value) -> Check {
    match value[0].as_str().unwrap() {
        "least" => Check::Least(data(&value[1])),
        "most" => Check::Most(data(&value[1])),
        "numbers" => Check::Numbers(list(&value[1], data)),
        "words" => Check::Words {
            choices: list(&value[1], text),
            ignore_case: value[2].as_bool().unwrap(),
        },
        "length" => Check::Length(value[1].as_u64().unwrap()),
        "pattern" => {
            let flags = u32::try_from(value[2].as_u64().unwrap()).unwrap();
            Check::Pattern(Pattern::new(text(&value[1]), flags))
        }
        other => panic!("{other}"),
    }
}

fn namespace(value: &Value) -> Namespace {
    let file = |file: &Value| ParsedFile {
        path: optional_text(&file["path"]),
        sections: list(&file["sections"], |section| ParsedSection {
            name: text(&section[0]),
            options: list(&section[1], |key| (text(&key[0]), list(&key[1], text))),
        }),
    };
    Namespace {
        files: list(&value["files"], file),
        arguments: list(&value["arguments"], |word| (text(&word[0]), data(&word[1]))),
    }
}

fn data(value: &Value) -> Data {
    match value {
        Value::Array(_) => Data::List(list(value, data)),
        Value::Object(of) => match of.get("map") {
            Some(items) => Data::Map(list(items, |item| (text(&item[0]), data(&item[1])))),
            None => Data::Object(text(&of["object"])),
        },
        plain => serde_json::from_value(plain.clone()).unwrap(),
    }
}

fn list<T>(value: &Value, of: impl FnMut(&Value) -> T) -> Vec<T> {
    value.as_array().unwrap().iter().map(of).collect()
}

fn text(value: &Value) -> Text {
    value.as_str().unwrap().into()
}

fn optional_text(value: &Value) -> Option<Text> {
    value.as_str().map(Text::from)
}

fn given(value: &Value) -> Option<&Value> {
    (!value.is_null()).then_some(value)
}
