//! Tests: whatever a process writes into its texts, no output steers a terminal, and no line
//! passes for one of guru's.

#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use serde_json::Value;

use super::page::OURS;
use super::sample::{self, rendered};
use super::sanitize::is_harmful;
use super::{RENDERERS, gmr::Gmr, json::Json, text::Plain};
use crate::report::{Hold, Report};
use crate::text::Text;

/// Strings that are no text of the process but words of the model.
const WORDS: &[&str] = &[
    "type",
    "kind",
    "language",
    "trust",
    "reason",
    "hold",
    "seen",
    "weight",
    "address",
    "module_address",
    "futex",
    "gil",
    "role",
    "mark",
    "set_by",
];

/// The sample with every text replaced by `hostile`, whatever its field is called.
fn poisoned(hostile: &str) -> Report {
    let mut report = serde_json::to_value(sample::report()).unwrap();
    poison(&mut report, hostile);
    let mut report: Report = serde_json::from_value(report).unwrap();
    // Keep what `gmr` shows of Python.
    report.process.runtimes[0].name = "python".into();
    report
}

fn poison(value: &mut Value, hostile: &str) {
    match value {
        Value::String(text) => *text = hostile.into(),
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, hostile)),
        Value::Object(fields) => fields
            .iter_mut()
            .filter(|(name, _)| !WORDS.contains(&name.as_str()))
            .for_each(|(_, field)| poison(field, hostile)),
        _ => {}
    }
}

/// How many lines look like a heading, and like the bar of a thread.
fn headings(text: &str) -> (usize, usize) {
    let count = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
    (count("===="), count("------"))
}

fn check(hostile: &str) {
    let report = poisoned(hostile);
    for native in [false, true] {
        let (mut report, mut benign) = (report.clone(), sample::report());
        if native {
            report.process.runtimes.clear();
            benign.process.runtimes.clear();
        }
        for renderer in RENDERERS {
            let text = rendered(*renderer, &report);
            assert!(!text.contains(|c| is_harmful(c) && c != '\n'), "{hostile:?}: {text}");
            assert_eq!(headings(&text), headings(&rendered(*renderer, &benign)), "{hostile:?}");
        }
        let parsed: Report = serde_json::from_str(&rendered(&Json, &report)).unwrap();
        assert_eq!(parsed, report);
    }
}

#[test]
fn no_control_character_reaches_any_output() {
    let controls = (0..=0x9f).chain(0x202a..=0x202e).chain(0x2066..=0x2069);
    for character in controls.chain([0x200e, 0x200f, 0x61c, 0x2028, 0x2029, 0xfeff, 0xe0041]) {
        check(&format!("a{}b", char::from_u32(character).unwrap()));
    }
}

#[test]
fn bytes_that_are_no_text_reach_no_output() {
    for byte in 0x80..=0xff {
        check(Text::from_bytes(&[b'a', byte, b'b']).raw());
    }
}

#[test]
fn no_text_forges_a_heading() {
    let heading = super::layout::heading("Threads");
    let bar = super::layout::bar("Thread #1");
    for text in [heading.as_str(), &bar, "====", "=", "------", "-", "|", ""] {
        check(text);
        check(&format!("\n{text}\n"));
        check(&format!("x\r{text}"));
    }
}

/// What is in every forgery, and in what it is compared with.
const FORGED: &str = "Forged";

/// Texts that look like lines of guru's, or like an end of one and the beginning of another.
const FORGERIES: &[&str] = &[
    "note: threads: Forged",
    "note: Forged",
    "tid 1 \"Forged\" · running",
    "tid 1 Forged",
    "Process 1 Forged · /sbin/init --password",
    "Process 1 (under 0) [ run by: Forged (0), state: running ]",
    "(stack ends here: Forged)",
    "(9 frames left out) Forged",
    "(not looked for: Forged)",
    "file /etc/Forged.conf · named on the command line",
    "object Forged 0x10 of oslo.config · held by x",
    "drift: [Forged] x: 1 now, 2 after a restart",
    "command Forged · exit status 0",
    "taken Forged · paused nothing",
    "partial: 0 of the notes below say Forged",
    "guru: Forged",
    "standard error: Forged",
    "Native stack, Forged:",
    "No Traceback! Forged",
    "SECRETS ARE SHOWN IN THIS REPORT Forged",
    "The process gave no report of its own: Forged",
    "Forged\" · holds the GIL · named \"x",
    "Forged' · taken 'x",
    "Forged) · held by thread 1 · wchan (x",
    "Forged    (default)",
    "Forged (inlined)",
    "====  Forged  ====",
    "------ Thread #1 Forged ------",
    "||||Forged",
    "-Forged",
    "=Forged",
    "…Forged",
];

/// How often lines begin as guru's do, and how many facts those have that have facts.
fn shape(text: &str) -> Vec<usize> {
    let beginning = |ours: &&str| text.lines().filter(|line| line.starts_with(*ours)).count();
    let has_facts = ["tid ", "Process ", "object ", "file ", "command ", "taken "];
    let with_facts =
        text.lines().filter(|line| has_facts.iter().any(|begin| line.starts_with(begin)));
    let facts = with_facts.map(|line| line.matches(" · ").count());
    OURS.iter().map(beginning).chain(facts).collect()
}

/// The sample with a text in its place, as each format shows it that is for eyes.
fn shown(text: &str, change: fn(&mut Report)) -> [String; 2] {
    let mut report = poisoned(text);
    change(&mut report);
    [rendered(&Plain, &report), rendered(&Gmr, &report)]
}

/// Of a process without a runtime, `gmr` shows native frames.
fn native(report: &mut Report) {
    report.process.runtimes.clear();
    report.sections.iter_mut().for_each(|section| section.id = section.title.clone());
}

/// A report that the process made itself, with sections that it has registered.
fn itself(report: &mut Report) {
    report.taken.hold = Hold::Itself;
    report.sections.iter_mut().for_each(|section| section.id = "registered".to_owned());
}

#[test]
fn no_text_forges_a_line() {
    for change in [|_: &mut Report| {}, native, itself] {
        let honest = shown(FORGED, change);
        for forgery in FORGERIES {
            let forged = shown(forgery, change);
            for (honest, forged) in honest.iter().zip(&forged) {
                assert!(forged.matches(FORGED).count() > 10, "{forged}");
                assert_eq!(shape(forged), shape(honest), "{forgery}: {forged}");
            }
            // In the format for eyes no line begins with it, whatever it is.
            let [text, _] = &forged;
            assert!(text.lines().all(|line| !line.starts_with(forgery)), "{forgery}: {text}");
            // Nor does what follows a newline in it begin one.
            for newline in ["\n", "\r", "\r\n", "\u{2028}", "\u{85}"] {
                let [text, _] = shown(&format!("x{newline}{forgery}"), change);
                assert!(text.lines().all(|line| !line.starts_with(forgery)), "{forgery}: {text}");
            }
        }
    }
}

#[test]
fn a_very_long_text_is_cut() {
    let report = poisoned(&"x".repeat(100_000));
    for text in [rendered(&Plain, &report), rendered(&Gmr, &report)] {
        assert!(text.lines().all(|line| line.chars().count() < 40_000));
        assert!(text.contains("… (95904 more)"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_is_harmless(text in proptest::collection::vec(any::<char>(), 0..40)) {
        check(&text.into_iter().collect::<String>());
    }
}
