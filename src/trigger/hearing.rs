//! What was heard of a process so far: its report, or whatever it writes where no report is known.

use super::capture::{Capture, Captured, State};
use super::why::Tapped;
use crate::error::Error;
use crate::target::live::tap::Seen;

/// The most bytes that are kept of what a handler writes that is not known to report.
const MAX_PLAIN: usize = 16 << 20;

/// What was heard so far.
pub struct Hearing {
    pid: i32,
    /// The report.
    pub capture: Capture,
    /// The file that it was written to, where it is a new one.
    pub file: Option<String>,
    /// All that was written, where any of it counts; at most [`MAX_PLAIN`] bytes.
    plain: Option<Vec<u8>>,
    /// A write that has not returned: the descriptor and the bytes.
    pending: Option<(i32, Vec<u8>)>,
    delivered: bool,
    /// Whether nothing more can come from the thread that was to write.
    over: bool,
}

impl Hearing {
    /// Nothing yet. `plain` if the handler is not known to report; `earlier` is what stands in the
    /// file that it writes to.
    pub fn new(pid: i32, plain: bool, earlier: &[u8]) -> Hearing {
        let mut capture = Capture::default();
        capture.learn(earlier);
        let plain = plain.then(Vec::new);
        Hearing { pid, capture, file: None, plain, pending: None, delivered: false, over: false }
    }

    /// How much there is of what is listened for.
    pub fn len(&self) -> usize {
        self.capture.report_len() + self.plain.as_ref().map_or(0, Vec::len)
    }

    /// Whether a handler that is not known to report has written something.
    pub fn has_plain(&self) -> bool {
        self.plain.as_ref().is_some_and(|plain| !plain.is_empty())
    }

    /// Whether a write has not returned.
    pub fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether nothing more can come from the thread that was to write.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// What was appended to a file.
    pub fn append(&mut self, bytes: &[u8]) {
        self.keep(bytes);
        self.capture.append(bytes);
    }

    /// A new file, whole.
    pub fn dumped(&mut self, name: String, bytes: &[u8]) {
        // What the tap saw of it before.
        self.capture = Capture::default();
        self.capture.append(bytes);
        self.capture.closed();
        self.file = Some(name);
    }

    /// What the tap saw.
    ///
    /// # Errors
    /// The process will not report: the signal was held back.
    pub fn see(&mut self, seen: Seen) -> Result<(), Error> {
        match seen {
            Seen::Delivered | Seen::TakenByOther => self.delivered = true,
            Seen::HeldBack => {
                let why = "lost its handler just before the signal came (it executes another \
                           program): the signal was held back, and has done nothing";
                return Err(Error::Refused { pid: self.pid, why: why.to_owned(), hint: None });
            }
            Seen::Writing { fd, bytes } => self.pending = Some((fd, bytes)),
            Seen::Wrote(result) => {
                let (Some((_, bytes)), Ok(count)) = (self.pending.take(), result) else {
                    return Ok(());
                };
                let count = usize::try_from(count).unwrap_or(usize::MAX).min(bytes.len());
                let written = bytes.get(..count).unwrap_or_default();
                self.keep(written);
                self.capture.write_partly(written, bytes.len());
            }
            Seen::TooMuch | Seen::Ended => self.over = true,
        }
        Ok(())
    }

    /// What the tap saw, for who asks why nothing came.
    pub fn tapped(&self) -> Tapped {
        let pending = self.pending.as_ref();
        Tapped {
            delivered: self.delivered,
            blocked_write: pending.map(|(fd, bytes)| (*fd, bytes.len() as u64)),
        }
    }

    /// What came.
    pub fn finish(mut self) -> Captured {
        // Whoever stands in a write goes on with it: what it is about to write is its report.
        if let Some((_, bytes)) = self.pending.take() {
            self.keep(&bytes);
            self.capture.write(&bytes);
        }
        let mut captured = self.capture.finish();
        if let (State::Nothing, Some(plain)) = (captured.state, self.plain) {
            captured.bytes = plain;
        }
        captured
    }

    /// Keeps what was written, where any of it counts.
    fn keep(&mut self, bytes: &[u8]) {
        if let Some(plain) = &mut self.plain {
            let room = MAX_PLAIN.saturating_sub(plain.len());
            plain.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
    }
}
