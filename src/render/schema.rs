//! Tests: `report.schema.json`, the published description of `--format json`, and the model say
//! the same.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::sample;
use crate::report::SCHEMA;
use checker::Checker;

#[path = "../../tests/support/schema.rs"]
mod checker;

#[test]
fn every_property_of_a_report_is_in_the_schema_with_its_type() {
    let mut checker = Checker::new();
    checker.check_report(&serde_json::to_value(sample::report()).unwrap());
    assert_eq!(checker.root["properties"]["schema"]["const"], SCHEMA);

    // And the other way round: nothing is published that the model does not have.
    for (name, definition) in checker.root["$defs"].as_object().unwrap() {
        for property in definition["properties"].as_object().into_iter().flatten() {
            let property = format!("{name}.{}", property.0);
            assert!(checker.seen.contains(&property), "{property} is in no report");
        }
    }
}

#[test]
fn the_schema_names_what_readers_rely_on() {
    let definitions = &Checker::new().root["$defs"];
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
