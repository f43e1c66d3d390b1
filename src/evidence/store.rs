//! Evidence as a file: what `--record` writes and `--from` reads.
//!
//! A line that says what it is, then CBOR in gzip. The recording holds the registers, stacks and
//! pages that were recorded and the blocks that were read of each file, not whole files.
//! Configuration and command lines were masked when they were read, and are masked here; the
//! memory is the process's own and may hold anything.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::files::{FileLog, Files};
use super::{Evidence, Snapshot};
use crate::error::Error;
use crate::new_file::NewFile;

/// The first line. The number rises when older programs can no longer read what follows.
const MAGIC: &[u8] = b"guru evidence 1\n";

/// The largest recording that is read, in bytes after decompression.
const MAX_RECORDING: u64 = 1 << 30;

#[derive(Serialize, Deserialize)]
struct Stored {
    snapshot: Snapshot,
    files: FileLog,
}

/// A file for a recording, before there is anything to write into it.
pub struct RecordingFile {
    file: NewFile,
    path: String,
}

impl RecordingFile {
    /// Creates a new file that only its owner may read.
    pub fn create(path: &Path) -> Result<RecordingFile, Error> {
        let file = NewFile::create(path).map_err(|error| recording(path, &error.to_string()))?;
        Ok(RecordingFile { file, path: path.display().to_string() })
    }

    /// Writes evidence into it.
    pub fn save(self, evidence: Evidence) -> Result<(), Error> {
        let stored = Stored { snapshot: evidence.snapshot, files: evidence.files.into_log() };
        let written = self.file.fill(|file| write(&stored, BufWriter::new(file)));
        written.map_err(|error| Error::Recording { path: self.path, why: error.to_string() })
    }
}

fn write(stored: &Stored, mut out: impl Write) -> io::Result<()> {
    out.write_all(MAGIC)?;
    let mut packed = GzEncoder::new(out, Compression::fast());
    ciborium::into_writer(stored, &mut packed).map_err(io::Error::other)?;
    packed.finish()?.flush()
}

/// Reads evidence.
pub fn load(path: &Path) -> Result<Evidence, Error> {
    let failed = |error: io::Error| recording(path, &error.to_string());
    let file = File::open(path).map_err(failed)?;
    let stored = read(BufReader::new(file)).map_err(failed)?;
    Ok(Evidence { snapshot: stored.snapshot, files: Files::from_log(stored.files) })
}

fn read(mut input: impl Read) -> io::Result<Stored> {
    let mut magic = [0; MAGIC.len()];
    let not_one = || io::Error::other("not a recording of this version of guru");
    input.read_exact(&mut magic).map_err(|_| not_one())?;
    if magic != MAGIC {
        return Err(not_one());
    }
    let mut unpacked = BufReader::new(GzDecoder::new(input).take(MAX_RECORDING));
    let damaged = |why: String| io::Error::other(format!("damaged: {why}"));
    let stored =
        ciborium::from_reader(&mut unpacked).map_err(|error| damaged(error.to_string()))?;
    // The checksum stands at the end.
    let rest =
        io::copy(&mut unpacked, &mut io::sink()).map_err(|error| damaged(error.to_string()))?;
    if rest > 0 { Err(damaged("something follows the evidence".into())) } else { Ok(stored) }
}

fn recording(path: &Path, why: &str) -> Error {
    Error::Recording { path: path.display().to_string(), why: why.to_owned() }
}
