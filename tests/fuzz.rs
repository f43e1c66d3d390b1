//! Damaged evidence, and damaged reports of processes of themselves: whatever the bytes of a process
//! and of its files say, there is a report, in bounded time, and no panic.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use guru::assemble;
use guru::evidence::store;
use guru::gmr;
use guru::mask::Secrets;
use guru::note::Weight;
use guru::render::{Frames, RENDERERS};
use guru::report::{Hold, ProcessSummary, Taken};
use guru::section::SECTIONS;
use guru::trigger::capture::{Capture, State};

use crate::oslo::Stress;
use crate::support::{Target, evidence, full};

/// The first line of a recording.
const MAGIC: &[u8] = b"guru evidence 1\n";

/// No input may take longer than this. A report takes some 100 ms in a debug build.
const SLOWEST: Duration = Duration::from_secs(30);

#[test]
fn a_damaged_recording_of_a_native_program_is_reported_without_harm() {
    damage("stacks-O2");
}

#[test]
fn a_damaged_recording_of_a_stripped_program_is_reported_without_harm() {
    damage("stacks-O2-stripped");
}

#[test]
fn a_damaged_recording_of_a_python_program_is_reported_without_harm() {
    damage("threads.py");
}

#[test]
fn a_damaged_recording_of_a_service_with_options_is_reported_without_harm() {
    let Some(stress) = Stress::start("mini") else { return };
    damage_recording_of(stress.target);
}

fn damage(program: &str) {
    let Some(target) = Target::spawn(program, &[] as &[&str]) else { return };
    damage_recording_of(target);
}

fn damage_recording_of(target: Target) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("recording");
    // What is read of the files is known when the report has been made.
    let evidence = evidence(target.pid());
    assemble::report(&evidence, SECTIONS);
    store::RecordingFile::create(&path).unwrap().save(evidence).unwrap();
    drop(target);

    let packed = std::fs::read(&path).unwrap();
    let mut whole = Vec::new();
    GzDecoder::new(packed.strip_prefix(MAGIC).unwrap()).read_to_end(&mut whole).unwrap();
    let time = Duration::from_secs(if full() { 600 } else { 10 });
    let begun = Instant::now();
    let (mut tries, mut reports) = (0u64, 0u64);
    while begun.elapsed() < time {
        tries += 1;
        let mut random = Random(tries);
        let mut damaged = whole.clone();
        for _ in 0..1 << random.below(12) {
            let at = random.below(damaged.len());
            damaged[at] = match random.below(4) {
                0 => 0,
                1 => 0xff,
                2 => damaged[at] ^ (1 << random.below(8)),
                _ => random.next() as u8,
            };
        }
        let started = Instant::now();
        reports += u64::from(report(&damaged, &path));
        let took = started.elapsed();
        assert!(took < SLOWEST, "try {tries} took {took:?}");
    }
    assert!(reports > 0, "none of {tries} damaged recordings could be read at all");
}

/// Whether there is a report of these bytes. A section that failed is a defect.
fn report(bytes: &[u8], path: &std::path::Path) -> bool {
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(MAGIC).unwrap();
    let mut packed = GzEncoder::new(file, Compression::none());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap();
    let Ok(evidence) = store::load(path) else { return false };
    let report = assemble::report(&evidence, SECTIONS);
    for section in &report.sections {
        let failed = section.notes.iter().any(|note| {
            note.weight == Weight::Missing && note.message.raw().contains("failed to build")
        });
        assert!(!failed, "{} panicked", section.id);
    }
    for renderer in RENDERERS {
        renderer.render(&report, Frames::default(), &mut std::io::sink()).unwrap();
    }
    true
}

/// Real reports, of both views, and of a failure.
const REPORTS: [&str; 4] = [
    include_str!("../fixtures/gmr/mini-eventlet.txt"),
    include_str!("../fixtures/gmr/mini-eventlet.json.txt"),
    include_str!("../fixtures/gmr/panko-api.txt"),
    include_str!("../fixtures/gmr/mini-badvalue-FAILS.txt"),
];

#[test]
fn a_damaged_in_process_report_is_captured_and_read_without_harm() {
    let time = Duration::from_secs(if full() { 120 } else { 5 });
    let begun = Instant::now();
    let (mut tries, mut read) = (0u64, 0u64);
    while begun.elapsed() < time {
        tries += 1;
        let mut random = Random(tries);
        let mut damaged = REPORTS[random.below(REPORTS.len())].as_bytes().to_vec();
        for _ in 0..random.below(24) {
            mutate(&mut damaged, &mut random);
        }
        let started = Instant::now();
        read += u64::from(in_process(&damaged, &mut random));
        let took = started.elapsed();
        assert!(took < SLOWEST, "try {tries} took {took:?}");
    }
    assert!(read > 0, "none of {tries} damaged reports could be read at all");
}

/// Cuts, repeats, moves or overwrites a part, or puts in what a report is made of.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    const PIECES: [&str; 12] = [
        "\n",
        ": \n",
        " = \n",
        "\n\n",
        "    ",
        "[dict]\n",
        "{\"a\": [",
        "Configuration\n",
        "Unable to run Guru Meditation Report!\n",
        "Traceback (most recent call last):\n",
        "2026-11-22 16:25:13.123 7 INFO x\n",
        "------                        Green Thread                        ------\n",
    ];
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    let end = (at + random.below(400)).min(bytes.len());
    let piece = bytes[at..end].to_vec();
    let rule = "=".repeat(72);
    match random.below(8) {
        0 => bytes.truncate(end),
        1 => drop(bytes.drain(at..end)),
        2 => drop(bytes.splice(at..at, piece.repeat(3))),
        3 => drop(bytes.splice(at..at, PIECES[random.below(12)].repeat(3).into_bytes())),
        4 => {
            let heading = format!("\n{rule}\n===={:^64}====\n{rule}\n", "Threads");
            drop(bytes.splice(at..at, heading.into_bytes()));
        }
        5 => drop(bytes.splice(at..at, [0xff, 0xfe, 0x80, 0])),
        6 => drop(bytes.splice(at..at, "x".repeat(random.below(100_000)).into_bytes())),
        _ => bytes[at] = random.next() as u8,
    }
}

/// Feeds bytes to a capture in pieces, in both ways, and reads and shows what came. Whether that
/// was a report.
fn in_process(bytes: &[u8], random: &mut Random) -> bool {
    let size = 1 + random.below(10_000);
    let (mut appended, mut written) = (Capture::default(), Capture::default());
    for piece in bytes.chunks(size) {
        appended.append(piece);
        written.write_partly(piece, piece.len() + random.below(2 * size));
        for capture in [&appended, &written] {
            assert!(capture.report_len() <= bytes.len());
            assert!(!capture.looks_whole() || capture.state() != State::Nothing);
        }
    }
    let mut was_report = false;
    for capture in [appended, written] {
        let captured = capture.finish();
        assert!(captured.bytes.len() + captured.left <= bytes.len());
        for secrets in [Secrets::Masked, Secrets::Shown] {
            was_report |= shown(&captured.bytes, secrets);
            shown(bytes, secrets);
        }
    }
    was_report
}

/// Whether bytes can be read as a report; then it is shown in every format.
fn shown(bytes: &[u8], secrets: Secrets) -> bool {
    let Ok(parsed) = gmr::parse(bytes, secrets) else { return false };
    let process = ProcessSummary {
        pid: 7,
        name: "x".into(),
        executable: None,
        command: Vec::new(),
        started: None,
        runtimes: Vec::new(),
    };
    let at = "2026-11-22T16:25:19Z".to_owned();
    let taken = Taken { at, hold: Hold::Itself, paused_us: None, held_us: None };
    let report = gmr::report(parsed, process, taken);
    for renderer in RENDERERS {
        renderer.render(&report, Frames::default(), &mut std::io::sink()).unwrap();
    }
    true
}

#[test]
fn giant_inputs_take_linear_time() {
    const MANY: usize = 64 << 20;
    let report = REPORTS[0];
    let heading = &report[..report.find("\n\n\n").unwrap() + 3];
    let configuration = report.find("  config-dir").unwrap();
    for (name, start, filling) in [
        ("rules in a line", "", "="),
        ("rules in a section", report, "="),
        ("bars", heading, "|\n"),
        ("headings", "", heading),
        ("items", &report[..configuration], "    x\n"),
        ("groups", &report[..configuration], "\nx: \n"),
        ("a text", &report[..configuration], "      x\n"),
        ("failures", report, "Traceback (most recent call last):\n"),
        ("JSON", "Package\n{\"product\": [", "[],"),
        ("lines of JSON", "Package\n{\"product\": 1}\n", "x\n{\n"),
        ("no text", report, ""),
    ] {
        let mut bytes = start.as_bytes().to_vec();
        let filling = if filling.is_empty() { b"\xff" } else { filling.as_bytes() };
        bytes.extend(filling.iter().cycle().take(MANY - bytes.len()));
        let started = Instant::now();
        let mut capture = Capture::default();
        bytes.chunks(100_000).for_each(|piece| capture.append(piece));
        let captured = capture.finish();
        assert!(captured.bytes.len() + captured.left <= MANY, "{name}");
        let _ = gmr::parse(&bytes, Secrets::Masked);
        assert!(started.elapsed() < 2 * SLOWEST, "{name}: {:?}", started.elapsed());
    }
}

/// Numbers that are the same in each run (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }
}
