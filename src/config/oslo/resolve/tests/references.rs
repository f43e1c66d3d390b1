//! What an option is by what it refers to.

use super::rules::Rule;
use super::texts;
use crate::config::oslo::registry::Kind;
use crate::data::Data;

/// What the first option is by its references. oslo.config 10.7.0 says the same; where it is a
/// problem, it raises an exception.
pub const REFERENCES: &[Rule] = &[
    (
        "a reference to itself",
        |case| {
            case.o().default = Data::text("$o");
        },
        "'$o' Default ? !its references lead back to themselves",
    ),
    (
        "a reference that leads back",
        |case| {
            case.o().default = Data::text("$p");
            case.p().default = Data::text("${o}");
        },
        "'$p' Default ? !its references lead back to themselves",
    ),
    (
        "a reference to nothing",
        |case| {
            case.o().default = Data::text("pa$word");
        },
        "'pa$word' Default ? !a reference ($) leads to no option",
    ),
    (
        "a reference to no group",
        |case| {
            case.o().default = Data::text("$a.b");
        },
        "'$a.b' Default ? !a reference ($) leads to no group",
    ),
    (
        "a reference to a group",
        |case| {
            case.o().default = Data::text("$grp");
        },
        "'$grp' Default ? !a reference ($) leads to a group",
    ),
    (
        "a reference to an option of a group",
        |case| {
            case.o().default = Data::text("<$grp.o>");
            case.of_group().default = Data::text("g");
        },
        "'<g>' Default",
    ),
    (
        "a reference to None is empty, one to a list is as Python writes it",
        |case| {
            case.o().default = Data::text("<$grp.o$p>");
            case.p().kind = Kind::List { item: Box::new(Kind::Integer), bounds: false };
            case.p().default = Data::text("1, 2");
        },
        "'<[1, 2]>' Default",
    ),
    (
        "a reference to a range",
        |case| {
            case.o().default = Data::text("$p");
            case.p().kind = Kind::Range { inclusive: true };
            case.p().default = Data::text("5-3");
        },
        "'range(5, 2, -1)' Default",
    ),
    (
        "a reference by a deprecated name",
        |case| {
            case.o().default = Data::text("$was");
            case.p().deprecated = vec![(None, Some("was".into()))];
            case.p().default = Data::text("x");
        },
        "'x' Default",
    ),
    (
        "a reference in a list and in a mapping",
        |case| {
            case.o().kind =
                Kind::List { item: Box::new(Kind::String { quotes: false }), bounds: false };
            case.o().default = texts(&["$p", "z"]);
            case.p().kind = Kind::Dict {
                value: Box::new(Kind::String { quotes: false }),
                bounds: false,
                separator: ":".into(),
            };
            case.p().default = Data::Map(vec![("${grp.o}k".into(), Data::text("$grp.o"))]);
        },
        "[\"{'k': ''}\", 'z'] Default",
    ),
];
