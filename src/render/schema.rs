//! Tests: `report.schema.json`, the published description of `--format json`, and the model say
//! the same.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use serde_json::Value;

use super::sample;
use crate::report::SCHEMA;

/// As much of JSON Schema as the file uses. `seen` collects the properties that occurred.
struct Checker {
    root: Value,
    seen: BTreeSet<String>,
}

impl Checker {
    fn check(&mut self, schema: &Value, value: &Value, place: &str) {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.strip_prefix("#/$defs/").unwrap();
            let definition = self.root["$defs"][name].clone();
            assert!(definition.is_object(), "{place}: no definition {name}");
            return self.check(&definition, value, name);
        }
        if let Some(variants) = schema["oneOf"].as_array() {
            let kind = &value["type"];
            let is_kind = |variant: &&Value| variant["properties"]["type"]["const"] == *kind;
            let variant = variants.iter().find(is_kind);
            let variant = variant.unwrap_or_else(|| panic!("{place}: no variant {kind}"));
            return self.check(variant, value, &format!("{place}.{kind}"));
        }
        if let Some(words) = schema["enum"].as_array() {
            assert!(words.contains(value), "{place}: {value}");
        } else if !schema["const"].is_null() {
            assert_eq!(schema["const"], *value, "{place}");
        } else {
            self.check_type(schema, value, place);
        }
    }

    fn check_type(&mut self, schema: &Value, value: &Value, place: &str) {
        match (schema["type"].as_str().unwrap(), value) {
            ("string", Value::String(_)) | ("boolean", Value::Bool(_)) => {}
            ("integer", Value::Number(number)) => assert!(!number.is_f64(), "{place}"),
            ("array", Value::Array(items)) => {
                items.iter().for_each(|item| self.check(&schema["items"], item, place));
            }
            ("object", Value::Object(fields)) => {
                for name in schema["required"].as_array().into_iter().flatten() {
                    assert!(fields.contains_key(name.as_str().unwrap()), "{place}: no {name}");
                }
                for (name, field) in fields {
                    let property = &schema["properties"][name];
                    assert!(property.is_object(), "{place}: {name} is not in the schema");
                    self.seen.insert(format!("{place}.{name}"));
                    self.check(property, field, &format!("{place}.{name}"));
                }
            }
            (expected, value) => panic!("{place}: {value} is no {expected}"),
        }
    }
}

fn checker() -> Checker {
    let root: Value = serde_json::from_str(include_str!("../../report.schema.json")).unwrap();
    Checker { root, seen: BTreeSet::new() }
}

#[test]
fn every_property_of_a_report_is_in_the_schema_with_its_type() {
    let mut checker = checker();
    let schema = checker.root.clone();
    let report = serde_json::to_value(sample::report()).unwrap();
    checker.check(&schema, &report, "report");
    assert_eq!(schema["properties"]["schema"]["const"], SCHEMA);

    // And the other way round: nothing is published that the model does not have.
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        for property in definition["properties"].as_object().into_iter().flatten() {
            let property = format!("{name}.{}", property.0);
            assert!(checker.seen.contains(&property), "{property} is in no report");
        }
    }
}

#[test]
fn the_schema_names_what_readers_rely_on() {
    let definitions = &checker().root["$defs"];
    let has = |definition: &str, names: &[&str]| {
        for name in names {
            assert!(definitions[definition]["properties"][name].is_object(), "{name}");
        }
    };
    has("execution", &["tid", "ident", "name", "state", "stack"]);
    has("stack", &["frames", "end"]);
    has("frame", &["function", "file", "line", "source", "module", "address", "language"]);
    has("frame", &["inlined", "trust"]);
}
