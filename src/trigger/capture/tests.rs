//! Tests: real reports in the ways in which they are written.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

const REPORT: &str = include_str!("../../../fixtures/gmr/mini-threading.txt");
const PLAIN: &str = include_str!("../../../fixtures/gmr/panko-api.txt");
const JSON: &str = include_str!("../../../fixtures/gmr/mini-eventlet.json.txt");
const FAILED: &str = include_str!("../../../fixtures/gmr/mini-badsection-FAILS.txt");
const CHAINED: &str = include_str!("../../../fixtures/gmr/mini-badvalue-FAILS.txt");

const LOG: &str = "2026-11-22 16:25:13.123 4711 INFO mini [-] working: \n";

/// The text of `print` without its newline.
fn body(report: &str) -> &str {
    report.strip_suffix('\n').unwrap()
}

fn appended(parts: &[&str]) -> Capture {
    let mut capture = Capture::default();
    parts.iter().for_each(|part| capture.append(part.as_bytes()));
    capture
}

fn written(writes: &[&str]) -> Capture {
    let mut capture = Capture::default();
    writes.iter().for_each(|write| capture.write(write.as_bytes()));
    capture
}

fn is(capture: Capture, state: State, bytes: &str) {
    let captured = capture.finish();
    assert_eq!((captured.state, captured.left), (state, 0));
    let text = String::from_utf8(captured.bytes).unwrap();
    assert!(text == bytes, "{} bytes, not {}:\n{text}", text.len(), bytes.len());
}

#[test]
fn two_writes_are_a_report() {
    for report in [REPORT, PLAIN, JSON] {
        let mut capture = written(&[LOG, body(report)]);
        assert_eq!((capture.state(), capture.looks_whole()), (State::Begun, true));
        capture.write(b"\n");
        assert_eq!((capture.state(), capture.looks_whole()), (State::Complete, true));
        capture.write(LOG.as_bytes());
        is(capture, State::Complete, report);
    }
}

#[test]
fn what_follows_other_than_the_newline_is_not_of_the_report() {
    let capture = written(&[body(REPORT), LOG, "\n"]);
    is(capture, State::Complete, body(REPORT));
    // Before Python 3.9 newlines wait for what is written next.
    let (before, behind) = (format!("\n{}", body(REPORT)), format!("\n{LOG}"));
    is(written(&[&before, &behind]), State::Complete, REPORT);
    // What was written before had no newline.
    is(written(&["50 %", body(REPORT), "\n"]), State::Complete, REPORT);
}

#[test]
fn a_write_that_comes_in_pieces_is_one() {
    for size in [1, 50, 400, 4000] {
        let mut capture = Capture::default();
        let mut rest = body(REPORT).as_bytes();
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(size.min(rest.len()));
            capture.write_partly(piece, rest.len());
            assert_eq!(capture.looks_whole(), behind.is_empty());
            assert!(matches!(capture.state(), State::Begun | State::Nothing));
            rest = behind;
        }
        capture.write(b"\n");
        is(capture, State::Complete, REPORT);
    }
}

#[test]
fn a_newline_at_the_end_of_a_piece_is_not_the_last() {
    let own = format!("{}a\n", REPORT.replace("    q2", "    q2\n\n"));
    let text = body(&own).as_bytes();
    let (most, last) = text.split_at(text.len() - 3);
    let mut capture = Capture::default();
    capture.write_partly(most, text.len());
    capture.write_partly(&last[..1], 3);
    capture.write(&last[1..]);
    assert_eq!(capture.state(), State::Begun);
    capture.write(b"\n");
    is(capture, State::Complete, &own);
}

#[test]
fn a_report_written_line_by_line_never_settles_but_looks_whole() {
    let mut capture = Capture::default();
    for line in REPORT.lines() {
        capture.write(line.as_bytes());
        capture.write(b"\n");
    }
    assert_eq!((capture.state(), capture.looks_whole()), (State::Begun, true));
    is(capture, State::Begun, REPORT);
}

#[test]
fn a_report_in_a_file_is_found_at_any_size_of_pieces() {
    let file = format!("{LOG}{LOG}{PLAIN}{LOG}Traceback\n{LOG}");
    for size in [1, 7, 72, 73, 1000, file.len()] {
        let mut capture = Capture::default();
        for piece in file.as_bytes().chunks(size) {
            capture.append(piece);
        }
        assert!(capture.looks_whole());
        assert_eq!(capture.report_len(), PLAIN.len());
        is(capture, State::Begun, PLAIN);
    }
}

#[test]
fn it_looks_whole_at_its_end_only() {
    for report in [REPORT, PLAIN, JSON] {
        let mut capture = Capture::default();
        let at = report.rfind("Configuration").unwrap();
        for line in report[..at].split_inclusive('\n') {
            capture.append(line.as_bytes());
            assert!(!capture.looks_whole());
        }
        capture.append(body(&report[at..]).as_bytes());
        assert!(!capture.looks_whole());
        capture.append(b"\n");
        assert!(capture.looks_whole());
        is(capture, State::Begun, report);
    }
}

#[test]
fn a_busy_log_does_not_make_a_report_longer() {
    // Behind a section of the service's own, which may have any text.
    let mut capture = appended(&[REPORT]);
    for _ in 0..5 {
        capture.append(LOG.as_bytes());
        capture.append(b"  and what belongs to it\n2026-11-22 16:25:13.123 4711 INF");
        assert!(capture.looks_whole());
        assert_eq!(capture.report_len(), REPORT.len());
    }
    assert_eq!(capture.finish().bytes, REPORT.as_bytes());
}

#[test]
fn lines_like_those_before_are_others() {
    let line = |n: usize| format!("10.0.0.{n} - - [22/Nov/2026:16:25:1{n} +0000] \"GET / HTTP\"\n");
    let file = [line(1), line(2), REPORT.to_owned(), line(3)].concat();
    is(appended(&[&file]), State::Begun, REPORT);
    // The same, known from what was in the file before.
    let mut capture = Capture::default();
    capture.learn(format!("{}{}", line(1), line(2)).as_bytes());
    capture.append(REPORT.as_bytes());
    capture.append(line(3).as_bytes());
    is(capture, State::Begun, REPORT);
}

#[test]
fn a_section_of_the_service_may_have_log_lines() {
    let heading = &PLAIN[PLAIN.find(&"=".repeat(72)).unwrap()..];
    let rule = &heading[..73];
    let title = format!("{rule}===={:^64}====\n{rule}", "Last Lines");
    let report = format!("{REPORT}{title}{LOG}x\n{title}y = 1\n");
    is(appended(&[&report]), State::Begun, &report);
    is(written(&[body(&report), "\n"]), State::Complete, &report);
}

#[test]
fn of_several_reports_the_first_whole_one_counts() {
    let (three, cut) = (REPORT.repeat(3), &REPORT[..2000]);
    is(appended(&[&three]), State::Complete, REPORT);
    is(appended(&[PLAIN, LOG, REPORT]), State::Complete, PLAIN);
    is(appended(&[cut, "\n", PLAIN]), State::Begun, PLAIN);
    is(written(&[cut, body(PLAIN), "\n"]), State::Complete, PLAIN);
    let nested = written(&[body(PLAIN), "\n", body(REPORT), "\n"]);
    is(nested, State::Complete, PLAIN);
}

#[test]
fn a_report_may_begin_in_the_middle_of_a_line() {
    is(appended(&["50 %", PLAIN]), State::Begun, PLAIN);
}

#[test]
fn a_file_that_is_closed_has_a_whole_report() {
    let mut capture = appended(&[body(REPORT)]);
    assert!(!capture.looks_whole());
    capture.closed();
    is(capture, State::Complete, body(REPORT));
    let mut nothing = appended(&[LOG]);
    nothing.closed();
    is(nothing, State::Nothing, "");
}

#[test]
fn a_failure_is_found_with_all_of_its_tracebacks() {
    for failed in [FAILED, CHAINED] {
        let other = format!("Traceback (most recent call last):\n  File \"x\"\nOSError\n{LOG}");
        let mut capture = written(&[&other]);
        for line in failed.split_inclusive('\n') {
            // As `traceback` writes: a line, and its newline with the next one.
            let (text, newline) = line.split_at(line.len() - 1);
            assert_eq!(capture.state(), State::Nothing);
            capture.write(text.as_bytes());
            capture.write(newline.as_bytes());
        }
        assert_eq!(capture.state(), State::Failed);
        is(capture, State::Failed, failed);
        let (begin, end) = failed.split_at(failed.find("  File").unwrap());
        is(appended(&[&other, begin, LOG, end]), State::Failed, failed);
    }
    // The oldest releases have no traceback.
    let line = "Unable to run Guru Meditation Report!\n";
    is(appended(&[LOG, line]), State::Failed, line);
}

#[test]
fn a_failure_behind_a_report_is_not_of_it() {
    is(appended(&[REPORT, FAILED]), State::Begun, REPORT);
}

#[test]
fn a_report_that_could_not_be_stored_is_told() {
    let line = "Unable to dump Guru Meditation Report to file /x/y_gurumeditation_1\n";
    is(written(&[LOG, body(line), "\n"]), State::Undumped, line);
}

#[test]
fn what_is_long_past_is_forgotten() {
    let log = LOG.repeat(100_000);
    let mut capture = appended(&[&log]);
    assert!(capture.bytes.len() <= 3 * CHUNK);
    capture.append(REPORT.as_bytes());
    is(capture, State::Begun, REPORT);
}
