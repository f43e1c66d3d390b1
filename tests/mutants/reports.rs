//! Reports that processes make of themselves: found in what they write, and read.

use guru::gmr;
use guru::mask::Secrets;
use guru::trigger::capture::Capture;

use crate::{campaign, parsers};

const REPORTS: [&[u8]; 4] = [
    include_bytes!("../../fixtures/gmr/mini-threading.txt"),
    include_bytes!("../../fixtures/gmr/mini-eventlet.json.txt"),
    include_bytes!("../../fixtures/gmr/panko-api.txt"),
    include_bytes!("../../fixtures/gmr/mini-badvalue-FAILS.txt"),
];

const WORDS: [&str; 12] = [
    "\n",
    ": \n",
    " = ",
    "    ",
    "[dict]\n",
    "{\"a\": [",
    "Configuration\n",
    "------",
    "====",
    "Process 1 (under 2) [ run by: a (0), state: b ]\n",
    "No Traceback!\n",
    "Traceback (most recent call last):\n",
];

#[test]
fn reports_of_processes_of_themselves() {
    campaign::texts("gmr", &REPORTS, &WORDS, parsers::report);
}

#[test]
fn reports_in_what_a_process_writes() {
    let parse = |bytes: &[u8]| {
        let (mut appended, mut written) = (Capture::default(), Capture::default());
        for piece in bytes.chunks(1 + bytes.len() / 7) {
            appended.append(piece);
            written.write_partly(piece, piece.len() + piece.len() % 3);
            assert!(!appended.looks_whole() || appended.report_len() <= bytes.len());
        }
        for capture in [appended, written] {
            assert!(capture.finish().bytes.len() <= bytes.len());
        }
    };
    campaign::texts("capture", &REPORTS, &WORDS, parse);
}

#[test]
fn a_giant_report_takes_little_memory() {
    let [threads, json, ..] = REPORTS.map(|report| std::str::from_utf8(report).unwrap());
    let at = threads.find("Threads ").unwrap();
    let start = &threads[..at + threads[at..].find("------").unwrap()];
    let package = json.lines().next().unwrap();
    for (kind, start, unit) in [
        (
            "threads",
            start,
            "------                  Thread #140   ------\n\n/x.py:1 in f\n    `x`\n\n",
        ),
        ("bars", start, "------ Thread #1 ------\n"),
        ("names", start, "k = v\n"),
        ("text", start, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"),
        ("bytes", start, "\u{fffd}\n"),
        ("options", &threads[..threads.find("  config-dir").unwrap_or(at)], "  k = \n    x\n"),
        ("JSON", &format!("{package}\n{{\"a\": ["), "[],"),
    ] {
        // With the 32 MiB of the report itself.
        let peak = campaign::peak_of(|| {
            let bytes = start.bytes().chain(unit.bytes().cycle()).take(32 << 20);
            let bytes: Vec<u8> = bytes.collect();
            drop(gmr::parse(&bytes, Secrets::Masked));
        });
        println!("{kind}: {} MiB", peak >> 20);
        assert!(peak < 208 << 20, "{kind}: {} MiB", peak >> 20);
    }
}
