//! Damaged evidence: whatever the bytes of a process and of its files say, there is a report, in
//! bounded time, and no panic.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use guru::assemble;
use guru::evidence::store;
use guru::note::Weight;
use guru::render::{Frames, RENDERERS};
use guru::section::SECTIONS;

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
