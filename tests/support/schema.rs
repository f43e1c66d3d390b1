//! As much of JSON Schema as `report.schema.json` uses. The library's own tests use it, too.

use regex::Regex;
use serde_json::Value;
use std::collections::BTreeSet;

/// Holds a schema against values, and panics where a value does not fit.
pub struct Checker {
    /// The schema.
    pub root: Value,
    /// The properties that occurred, as `definition.property`.
    pub seen: BTreeSet<String>,
}

impl Checker {
    /// For the published schema.
    pub fn new() -> Self {
        let root = serde_json::from_str(include_str!("../../report.schema.json")).unwrap();
        Self { root, seen: BTreeSet::new() }
    }

    /// Check a whole report.
    pub fn check_report(&mut self, report: &Value) {
        let schema = self.root.clone();
        self.check(&schema, report, "report");
    }

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
        // A list of types names them all: any value.
        if schema["type"].is_array() {
            return;
        }
        match (schema["type"].as_str().unwrap(), value) {
            ("boolean", Value::Bool(_)) => {}
            ("string", Value::String(text)) => {
                let pattern = schema["pattern"].as_str().map(|p| Regex::new(p).unwrap());
                assert!(pattern.is_none_or(|p| p.is_match(text)), "{place}: {text}");
            }
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
