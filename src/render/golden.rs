//! Tests: the model of a real report, printed by `gmr`, is that report, byte for byte.
//!
//! The model is read out of the report itself, but for the process tree, which is written down.
//! What its text does not tell is written down, too: dictionaries, and whether an option with one
//! value is a list.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::gmr::Gmr;
use super::layout;
use super::sample::{self, rendered};
use crate::data::Data;
use crate::report::{Block, Execution, Field, OptionGroup, OptionValue, Report, SectionReport};

const REAL: &str = include_str!("../../fixtures/gmr/mini-threading.txt");

/// Options whose text does not tell their type: as they are printed, and what they are.
fn typed() -> [(&'static str, &'static str, OptionValue); 3] {
    let map = |items: [(&str, Data); 2]| Data::Map(items.map(|(k, v)| (k.into(), v)).into());
    let of = |name, value| OptionValue { value, ..sample::option(name, &[]) };
    let tags = map([("k2", Data::text("v2")), ("k1", Data::text("v1"))]);
    let pci = map([("y", Data::text("2")), ("x", Data::text("1"))]);
    let file = Data::text("/srv/mini/mini.conf");
    [
        ("database", "  pci = \n    [dict]\n      x = 1\n      y = 2\n", of("pci", list(pci))),
        ("database", "\n  tags: \n    k1 = v1\n    k2 = v2\n", of("tags", tags)),
        ("default", "  config-file = \n    /srv/mini/mini.conf\n", of("config-file", list(file))),
    ]
}

fn list(item: Data) -> Data {
    Data::List(vec![item])
}

/// The report as `gmr` has to print it: without the service's own section, and with the green
/// threads not looked for.
fn expected() -> String {
    let (standard, _own_section) =
        REAL.split_once(&format!("{}\n", layout::heading("Mini Extra"))).unwrap();
    let green = format!("{}\n", layout::heading("Green Threads"));
    assert!(standard.contains(&format!("{green}\n")));
    standard.replace(&green, &format!("{green}(not looked for)"))
}

/// What stands between the heading of a section and the next heading.
fn body<'a>(report: &'a str, title: &str) -> &'a str {
    let heading = format!("{}\n", layout::heading(title));
    let (_, rest) = report.split_once(&heading).unwrap();
    rest.split(&"=".repeat(72)).next().unwrap()
}

fn fields(body: &str) -> Vec<Field> {
    let fields = body.lines().map(|line| line.split_once(" = ").unwrap());
    fields
        .map(|(name, value)| Field { name: name.into(), value: Some(value.into()), in_gmr: true })
        .collect()
}

fn threads(body: &str) -> Vec<Execution> {
    body.split("------                  Thread #").skip(1).map(thread).collect()
}

fn thread(text: &str) -> Execution {
    let (ident, rest) = text.split_once(' ').unwrap();
    let (_, frames) = rest.split_once("------\n").unwrap();
    let frames = frames.split("\n\n").map(str::trim).filter(|frame| !frame.is_empty());
    let frames = frames.map(|frame| {
        let (location, source) = frame.split_once("\n    ").unwrap();
        let (place, function) = location.split_once(" in ").unwrap();
        let (file, line) = place.rsplit_once(':').unwrap();
        sample::python(file, line.parse().unwrap(), function, Some(source.trim_matches('`')))
    });
    sample::thread(ident.parse().unwrap(), frames.collect())
}

/// The groups, last one first: the renderer has to sort them.
fn groups(body: &str) -> Vec<OptionGroup> {
    let mut body = body.to_owned();
    for (_, printed, _) in typed() {
        assert!(body.contains(printed));
        body = body.replace(printed, "");
    }
    let groups = body.split("\n\n").map(|group| {
        let (name, options) = group.trim_start().split_once(": \n").unwrap();
        OptionGroup { name: name.into(), options: options_of(options) }
    });
    let mut groups: Vec<OptionGroup> = groups.collect();
    for (name, _, option) in typed() {
        let group = groups.iter_mut().find(|group| group.name.raw() == name).unwrap();
        group.options.push(option);
    }
    groups.reverse();
    groups
}

fn options_of(text: &str) -> Vec<OptionValue> {
    let mut options = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let below: Vec<&str> =
            std::iter::from_fn(|| lines.next_if(|line| line.starts_with("    ")))
                .map(|line| &line[4..])
                .collect();
        let line = line.trim_start();
        options.push(match (line.split_once(" = "), below.as_slice()) {
            (Some((name, value)), []) => sample::option(name, &[value]),
            (Some((name, _)), list) => sample::option(name, list),
            (None, lines) => sample::option(line.trim_end_matches(": "), &[&lines.join("\n")]),
        });
    }
    options.reverse();
    options
}

fn model(text: &str) -> Report {
    let mut report = sample::report();
    let mut threads = threads(body(text, "Threads"));
    threads.reverse();
    let mut root = sample::process(17261, 17260, "running");
    root.user = Some("root".into());
    root.uid = 0;
    let section = |title: &str, block: Block| -> SectionReport {
        sample::section(&title.to_lowercase(), title, block)
    };
    report.sections = vec![
        section("Package", Block::Fields { fields: fields(body(text, "Package")) }),
        section("Threads", Block::Executions { executions: threads }),
        section("Green Threads", Block::NotLookedFor { why: "a later version does".into() }),
        section("Processes", Block::Processes { root }),
        section(
            "Configuration",
            Block::Options {
                object: None,
                files: Vec::new(),
                groups: groups(body(text, "Configuration")),
                drift: Vec::new(),
            },
        ),
    ];
    report
}

#[test]
fn the_model_of_a_real_report_prints_as_that_report() {
    let expected = expected();
    let model = model(&expected);
    let printed = rendered(&Gmr, &model);
    for (line, (printed, expected)) in printed.lines().zip(expected.lines()).enumerate() {
        assert_eq!(printed, expected, "line {}", line + 1);
    }
    assert_eq!(printed, expected);
}

#[test]
fn the_model_read_from_the_report_is_not_empty() {
    let mut model = model(&expected());
    let threads = sample::threads(&mut model);
    assert_eq!(threads.iter().map(|thread| thread.stack.frames.len()).sum::<usize>(), 12);
}
