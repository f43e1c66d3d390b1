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
use crate::part::Parts;

/// The first line. The number rises when older programs can no longer read what follows.
const MAGIC: &[u8] = b"guru evidence 1\n";

/// The largest recording that is written or read, in bytes before compression: what is kept of a
/// process takes less, and a worker of ours has no more memory.
const MAX_RECORDING: u64 = 384 << 20;

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

    /// Writes evidence into it. It stays if that succeeds.
    pub fn save(self, evidence: Evidence) -> Result<(), Error> {
        self.write(evidence)?;
        self.keep();
        Ok(())
    }

    /// Writes evidence into it, over what another attempt may have left there.
    pub fn write(&self, evidence: Evidence) -> Result<(), Error> {
        let stored = Stored { snapshot: evidence.snapshot, files: evidence.files.into_log() };
        let written = self.file.fill(|file| write(&stored, BufWriter::new(file)));
        written
            .map_err(|error| Error::Recording { path: self.path.clone(), why: error.to_string() })
    }

    /// Lets it stay.
    pub fn keep(self) {
        self.file.keep();
    }
}

fn write(stored: &Stored, mut out: impl Write) -> io::Result<()> {
    out.write_all(MAGIC)?;
    let packed = GzEncoder::new(out, Compression::fast());
    let mut limited = Limited { out: packed, left: MAX_RECORDING };
    ciborium::into_writer(stored, &mut limited).map_err(|error| match error {
        ciborium::ser::Error::Io(error) => error,
        other => io::Error::other(other),
    })?;
    limited.out.finish()?.flush()
}

/// Takes no more than what can be read again.
struct Limited<W> {
    out: W,
    left: u64,
}

impl<W: Write> Write for Limited<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left.checked_sub(bytes.len() as u64).ok_or_else(too_large)?;
        let written = self.out.write(bytes)?;
        self.left = left + (bytes.len() - written) as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn too_large() -> io::Error {
    io::Error::other(format!("larger than {MAX_RECORDING} bytes"))
}

/// Reads evidence.
pub fn load(path: &Path) -> Result<Evidence, Error> {
    let failed = |error: io::Error| recording(path, &error.to_string());
    let file = File::open(path).map_err(failed)?;
    read(BufReader::new(file)).map_err(failed)
}

/// Reads evidence that [`RecordingFile`] wrote.
///
/// # Errors
/// It is no recording, a damaged one, or larger than what is written.
pub fn read(mut input: impl Read) -> io::Result<Evidence> {
    let mut magic = [0; MAGIC.len()];
    let not_one = || io::Error::other("not a recording of this version of guru");
    input.read_exact(&mut magic).map_err(|_| not_one())?;
    if magic != MAGIC {
        return Err(not_one());
    }
    let mut unpacked = BufReader::new(GzDecoder::new(input).take(MAX_RECORDING));
    let damaged = |why: String| io::Error::other(format!("damaged: {why}"));
    let stored: Stored = match ciborium::from_reader(&mut unpacked) {
        Ok(stored) => stored,
        Err(_) if unpacked.get_ref().limit() == 0 => return Err(too_large()),
        Err(error) => return Err(damaged(error.to_string())),
    };
    // The checksum stands at the end.
    let rest =
        io::copy(&mut unpacked, &mut io::sink()).map_err(|error| damaged(error.to_string()))?;
    if rest > 0 {
        return Err(damaged("something follows the evidence".into()));
    }
    let (snapshot, files) = (stored.snapshot, Files::from_log(stored.files));
    Ok(Evidence { snapshot, files, parts: Parts::default() })
}

fn recording(path: &Path, why: &str) -> Error {
    Error::Recording { path: path.display().to_string(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_written_than_can_be_read_again() {
        let mut limited = Limited { out: Vec::new(), left: 4 };
        assert!(limited.write_all(b"1234").is_ok());
        let refused = limited.write_all(b"5").map_err(|error| error.to_string());
        assert_eq!(refused, Err("larger than 402653184 bytes".to_owned()));
        assert_eq!(limited.out, b"1234");
    }
}
