//! Recordings: the form that they have, with everything in it that is not memory of the process.

use std::io::{Read as _, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use guru::evidence::pages::Recording;
use guru::evidence::{Evidence, store};
use guru::part::Parts;

use crate::files::Root;
use crate::random::{damage, overwrite};
use crate::{campaign, parsers};

/// The first line of a recording.
const MAGIC: &[u8] = b"guru evidence 1\n";

/// A stored recording of `fixtures/evidence`.
pub fn load(name: &str) -> Evidence {
    let path = format!("fixtures/evidence/x86_64/{name}.guru");
    store::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The content of a recording of this process, without its memory and files and with few of its
/// mappings: some kilobytes, of which each says something.
fn seed(name: &str) -> Vec<u8> {
    let mut evidence = load(name);
    evidence.snapshot.memory = Recording::default();
    evidence.snapshot.mappings.truncate(8);
    evidence.files = Root::of(&[]);
    evidence.parts = Parts::default();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("small");
    store::RecordingFile::create(&path).unwrap().save(evidence).unwrap();
    let packed = std::fs::read(&path).unwrap();
    let mut whole = Vec::new();
    GzDecoder::new(packed.strip_prefix(MAGIC).unwrap()).read_to_end(&mut whole).unwrap();
    whole
}

/// The recording that has this content.
fn packed(content: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(MAGIC.to_vec(), Compression::none());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

#[test]
fn the_content_of_recordings() {
    let seeds = ["threads-3.12", "tasks-3.10"].map(seed);
    let mut reports = 0u64;
    let reports = std::cell::RefCell::new(&mut reports);
    let parse = |bytes: &[u8]| {
        **reports.borrow_mut() += u64::from(parsers::recording(bytes));
    };
    campaign::run("recordings", parse, |random| {
        let mut content = seeds[random.below(seeds.len())].clone();
        for _ in 0..1 << random.below(5) {
            match random.below(4) {
                // Lengths of arrays, maps and texts that are not there.
                0 if !content.is_empty() => {
                    let at = random.below(content.len());
                    content[at] = [0x9b, 0xbb, 0x5b, 0x7b, 0x9f, 0xbf, 0x5f][random.below(7)];
                }
                1 => damage(&mut content, &[], random),
                _ => overwrite(&mut content, random),
            }
        }
        packed(&content)
    });
    assert!(*reports.into_inner() > 0, "no damaged recording could be read at all");
}

#[test]
fn the_form_of_recordings() {
    let whole = packed(&seed("threads-3.12")[..512]);
    let parse = |bytes: &[u8]| assert!(!parsers::recording(bytes) || bytes.starts_with(MAGIC));
    campaign::texts("recordings: form", &[&whole], &["guru evidence 1\n", "\x1f"], parse);
}
