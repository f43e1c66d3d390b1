//! Tests: real reports, both views, and the way back through the renderer.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;
use crate::data::Data;
use crate::render::{Frames, Renderer as _, gmr::Gmr};
use crate::report::{Execution, Hold, OptionValue, ProcessNode};

const THREADING: &str = include_str!("../../fixtures/gmr/mini-threading.txt");
const EVENTLET: &str = include_str!("../../fixtures/gmr/mini-eventlet.txt");
const EVENTLET_JSON: &str = include_str!("../../fixtures/gmr/mini-eventlet.json.txt");
const PANKO: &str = include_str!("../../fixtures/gmr/panko-api.txt");

fn parsed(text: &str) -> Parsed {
    parse(text.as_bytes(), Secrets::Shown).unwrap()
}

fn process() -> ProcessSummary {
    ProcessSummary {
        pid: 7,
        name: "mini".into(),
        executable: None,
        command: vec!["mini".into(), "--verbose".into()],
        started: None,
        runtimes: Vec::new(),
    }
}

/// The report as `--format gmr` shows it, without the line that tells of secrets.
fn rendered(parsed: Parsed) -> String {
    let at = "2026-11-22T16:25:19Z".to_owned();
    let taken = Taken { at, hold: Hold::Itself, paused_us: None, held_us: None };
    let mut report = report(parsed, process(), taken);
    report.secrets_shown = false;
    let mut out = Vec::new();
    Gmr.render(&report, Frames::Merged, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn section<'a>(parsed: &'a Parsed, id: &str) -> &'a SectionReport {
    parsed.sections.iter().find(|section| section.id == id).unwrap()
}

fn executions<'a>(parsed: &'a Parsed, id: &str) -> &'a [Execution] {
    match section(parsed, id).blocks.as_slice() {
        [Block::Executions { executions }, ..] => executions,
        other => panic!("{other:?}"),
    }
}

fn option(parsed: &Parsed, group: &str, name: &str) -> OptionValue {
    let [Block::Options { groups, .. }] = section(parsed, "configuration").blocks.as_slice() else {
        panic!("no options");
    };
    let group = groups.iter().find(|one| one.name.raw() == group).unwrap();
    group.options.iter().find(|one| one.name.raw() == name).unwrap().clone()
}

fn root(parsed: &Parsed) -> ProcessNode {
    match section(parsed, "processes").blocks.as_slice() {
        [Block::Processes { root }] => root.clone(),
        other => panic!("{other:?}"),
    }
}

fn assert_same(printed: &str, expected: &str) {
    for (nth, (printed, expected)) in printed.lines().zip(expected.lines()).enumerate() {
        assert_eq!(printed, expected, "line {}", nth + 1);
    }
    assert_eq!(printed, expected);
}

#[test]
fn real_reports_come_back_byte_for_byte() {
    for text in [THREADING, EVENTLET, PANKO] {
        let parsed = parsed(text);
        let notes = parsed.sections.iter().flat_map(|section| &section.notes);
        assert_eq!(notes.chain(&parsed.notes).next(), None, "{}", text.len());
        assert_same(&rendered(parsed), text);
    }
}

#[test]
fn a_file_without_the_last_newline_is_the_same_report() {
    assert!(parsed(THREADING.trim_end_matches('\n')) == parsed(THREADING));
}

#[test]
fn what_was_read_once_is_read_again_from_what_is_shown_of_it() {
    for text in [THREADING, EVENTLET, EVENTLET_JSON, PANKO] {
        let shown = rendered(parsed(text));
        assert_same(&rendered(parsed(&shown)), &shown);
    }
    assert!(parsed(&rendered(parsed(EVENTLET))) == parsed(EVENTLET));
}

#[test]
fn threads_have_their_numbers_and_stacks() {
    let parsed = parsed(EVENTLET);
    let threads = executions(&parsed, "threads");
    let idents: Vec<_> = threads.iter().map(|thread| thread.ident.unwrap()).collect();
    assert_eq!(idents, [140_582_239_286_976, 140_582_247_679_680, 140_582_290_885_504]);
    let frame = &threads[1].stack.frames[3];
    assert_eq!(frame.file.as_ref().unwrap().raw(), "/srv/mini/miniapp.py");
    assert_eq!((frame.line, frame.function.as_ref().unwrap().raw()), (Some(35), "c_sleep"));
    assert_eq!(frame.source.as_ref().unwrap().raw(), "ctypes.CDLL(None).sleep(100000)");
    let green = executions(&parsed, "green_threads");
    let frames: Vec<_> = green.iter().map(|green| green.stack.frames.len()).collect();
    assert_eq!(frames, [4, 4, 4, 4, 0, 0]);
    assert!(green.iter().all(|green| green.kind == ExecutionKind::Greenlet));
}

#[test]
fn values_have_the_types_that_their_view_tells() {
    let texts = |items: &[&str]| Data::List(items.iter().copied().map(Data::text).collect());
    let map = |items: &[(&str, &str)]| {
        Data::Map(items.iter().map(|(name, value)| ((*name).into(), Data::text(*value))).collect())
    };
    let (text, json) = (parsed(EVENTLET), parsed(EVENTLET_JSON));
    for (group, name, of_text, of_json) in [
        ("database", "hosts", texts(&["\"c", "a", "b", "d\""]), texts(&["b", "\"c", "d\"", "a"])),
        ("database", "lol", texts(&["2", "3"]), Data::List(vec![Data::Int(3), Data::Int(2)])),
        ("database", "port", Data::text("3310"), Data::Int(3310)),
        ("database", "ratio", Data::text("1.5"), Data::Float(1.5)),
        ("database", "ssl", Data::text("False"), Data::Bool(false)),
        (
            "database",
            "tags",
            map(&[("k1", "v1"), ("k2", "v2")]),
            map(&[("k1", "v1"), ("k2", "v2")]),
        ),
        (
            "database",
            "pci",
            Data::List(vec![map(&[("x", "1"), ("y", "2")])]),
            Data::List(vec![map(&[("x", "1"), ("y", "2")])]),
        ),
        (
            "default",
            "multiline",
            Data::text("line one\nline two"),
            Data::text("line one\nline two"),
        ),
        ("default", "empty_str", Data::text(""), Data::text("")),
        ("default", "config-dir", Data::text(""), Data::List(Vec::new())),
        ("default", "log-dir", Data::text("None"), Data::None),
    ] {
        assert_eq!(option(&text, group, name).value, of_text, "{name}");
        assert_eq!(option(&json, group, name).value, of_json, "{name}");
    }
    assert!(option(&text, "default", "transport").masked);
    assert!(!option(&text, "default", "host").masked);
}

/// The two are of different processes of the same program: but for their numbers, they are shown
/// as the same report.
#[test]
fn both_views_are_the_same_report() {
    let shown = |text: &str| {
        let mut parsed = parsed(text);
        for block in parsed.sections.iter_mut().flat_map(|section| &mut section.blocks) {
            match block {
                Block::Executions { executions } => {
                    executions.iter_mut().for_each(|one| one.ident = one.ident.map(|_| 1));
                }
                Block::Processes { root } => (root.pid, root.ppid) = (2, 1),
                _ => {}
            }
        }
        rendered(parsed)
    };
    assert_same(&shown(EVENTLET_JSON), &shown(EVENTLET));
}

#[test]
fn the_process_has_its_command_line_from_the_view_that_tells_it() {
    let command = ["../venv/mini/bin/python", "miniapp.py", "--listen-port", "8080"];
    assert_eq!(root(&parsed(EVENTLET_JSON)).command, command.map(Text::from));
    let root = root(&parsed(EVENTLET));
    assert_eq!((root.pid, root.ppid, root.uid), (16979, 16978, 0));
    assert_eq!((root.user, root.state.as_str()), (Some("root".into()), "running"));
    assert!(root.command.is_empty());
    let at = String::new();
    let taken = Taken { at, hold: Hold::Itself, paused_us: None, held_us: None };
    let report = report(parsed(EVENTLET), process(), taken);
    let known = report.sections.iter().flat_map(|section| &section.blocks);
    let known = known.filter(|block| match block {
        Block::Processes { root } => root.command == process().command,
        _ => false,
    });
    assert_eq!(known.count(), 1);
}

#[test]
fn secrets_are_masked_by_name_and_by_pattern_in_both_views() {
    let hide = |text: &str| {
        let text = text.replace("host = overridden", "host = overridden\n  password = hunter2");
        let text = text.replace("\"host\": ", "\"password\": \"hunter2\", \"host\": ");
        let text = text.replace("`ev.wait()`", "`get('https://u:hunter2@h/')`");
        let text = text.replace("ev.wait()", "get('https://u:hunter2@h/')");
        text.replace("two\n  lines", "password = hunter2\n  lines").replace("two\\n", "x\\n")
    };
    for text in [EVENTLET, EVENTLET_JSON] {
        let text = hide(text);
        assert!(text.matches("hunter2").count() >= 2 && text.contains("user:pw@") | true);
        let masked = parse(text.as_bytes(), Secrets::Masked).unwrap();
        let json = serde_json::to_string(&masked.sections).unwrap();
        assert!(!json.contains("hunter2") && !json.contains("user:pw@"), "{json}");
        assert!(option(&masked, "default", "password").masked);
        assert!(option(&masked, "database", "leaky_uri").masked);
        let shown = serde_json::to_string(&parsed(&text).sections).unwrap();
        assert!(shown.contains("hunter2") && shown.contains("user:pw@"));
    }
}

#[test]
fn a_section_of_the_service_is_text_or_fields_and_never_a_standard_one() {
    let add = |text: &str| {
        let rule = "=".repeat(heading::WIDTH);
        format!("{}\n{rule}\n===={:^64}====\n{rule}\n{text}\n", THREADING.trim_end(), "Threads")
    };
    for (text, is_fields) in [
        ("a = 1\nb = x = y", true),
        ("b = 1\na = 2", false),
        ("a = 1\n\nb = 2", false),
        ("------                        Thread #4712                        ------", false),
        ("", false),
        ("a\tb\n", false),
    ] {
        let whole = add(text);
        let parsed = parsed(&whole);
        let last = parsed.sections.last().unwrap();
        assert_eq!((last.id.as_str(), last.title.as_str()), ("registered", "Threads"));
        let fields = matches!(last.blocks.as_slice(), [Block::Fields { .. }]);
        assert_eq!(fields, is_fields, "{text:?}");
        if let [Block::Text { text: read, .. }] = last.blocks.as_slice() {
            assert_eq!(read.raw(), text);
        }
        assert_eq!(executions(&parsed, "threads").len(), 3);
    }
}

#[test]
fn what_does_not_fit_stands_as_text_with_a_note() {
    let text = THREADING
        .replace("vendor = Mini Vendor", "vendor: odd package")
        .replace("    `self.run()`", "  odd source")
        .replace("Process 17261 (under 17260)", "Process 17261 (under ?)")
        .replace("  host = overridden", "odd option\n  host = overridden");
    let parsed = parsed(&text);
    for (id, odd) in [
        ("package", "vendor: odd package\n"),
        ("threads", "  odd source\n"),
        ("processes", "Process 17261 (under ?) [ run by: root (0), state: running ]\n"),
        ("configuration", "odd option\n"),
    ] {
        let section = section(&parsed, id);
        let Some(Block::Text { text, .. }) = section.blocks.last() else { panic!("{id}") };
        assert!(text.raw().contains(odd), "{id}: {text:?}");
        assert_eq!(section.notes.len(), 1);
        assert_eq!(section.notes[0].weight, crate::note::Weight::Missing);
    }
    assert_eq!(executions(&parsed, "threads").len(), 3);
}

#[test]
fn a_line_of_json_that_is_none_of_its_section_stands_as_text() {
    let text = EVENTLET_JSON.replace("\"stack_trace\"", "\"stacktrace\"");
    let parsed = parsed(&text);
    let threads = section(&parsed, "threads");
    assert!(matches!(threads.blocks.as_slice(), [Block::Text { .. }]));
    assert_eq!((threads.notes.len(), section(&parsed, "processes").notes.len()), (1, 0));
}

#[test]
fn other_bytes_are_no_report() {
    for bytes in [&b""[..], b"\xff\xfe", b"Package", b"hello\nworld\n", &[b'='; 5000]] {
        assert_eq!(parse(bytes, Secrets::Masked), Err(Unread::NoReport));
    }
}

#[test]
fn the_title_of_another_class_is_noted() {
    let other = format!("===={:^64}====", "My Report");
    let text = THREADING.replace(&format!("===={:^64}====", "Guru Meditation"), &other);
    assert_eq!(parsed(&text).notes[0].message.raw(), "it calls itself My Report");
}

#[test]
fn a_very_long_text_is_cut_at_a_line_and_says_so() {
    let text = format!("{}\nhttps://user:{}@h/\n", THREADING.trim_end(), "x".repeat(9 << 20));
    let parsed = parse(text.as_bytes(), Secrets::Masked).unwrap();
    let last = parsed.sections.last().unwrap();
    let [Block::Text { text, left, .. }] = last.blocks.as_slice() else { panic!("no text") };
    assert!(text.raw().ends_with("    q2\n") && *left > 9 << 20);
    assert_eq!(last.notes[0].weight, crate::note::Weight::Missing);
}
