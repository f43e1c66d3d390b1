//! Finds one in-process report in what a process writes: where it begins, where it ends, and what
//! of it came.
//!
//! oslo.reports writes a report to its standard error as one write of the whole text and one of
//! the newline that `print` adds; it has no end marker (seen with strace for 3.9.0; `print` in
//! `handle_signal` is the same in every release). So there are two ways:
//!
//! - [`Capture::write`] is given whole writes of the thread that writes: their borders tell where
//!   the report ends.
//! - [`Capture::append`] is given what was appended to a file by anybody. Lines before the report
//!   are left out; those behind it end it where they are certainly others': in the Configuration
//!   by its grammar, in a section of the service's own, which has any text, by the shape of log
//!   lines. Whether more follows only time tells: see [`Capture::looks_whole`].
//!
//! A report that fails is a traceback in many small writes and a last line; both are found.
//!
//! Linear time; memory for the report, at most [`MAX_OWN_REPORT`], and some MiB.

mod inside;
mod line;
mod shape;
#[cfg(test)]
mod tests;

use self::inside::Inside;
use self::line::{Kind, Place};
use self::shape::Shapes;
use crate::gmr::heading;
use crate::target::MAX_OWN_REPORT;

/// How much is looked at in one go, and kept of what was written before a report begins.
const CHUNK: usize = 1 << 20;

/// What came so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing of a report.
    Nothing,
    /// The beginning of a report.
    Begun,
    /// A whole report.
    Complete,
    /// The process could not make its report: a traceback, and the line that says so.
    Failed,
    /// The process made its report, and could not write it to the directory that it is set to.
    Undumped,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// How far it came.
    pub state: State,
    /// The report, exactly as the process wrote it, with the newline of `print`; of a failure
    /// the traceback and the line below it; [`State::Undumped`]: that line.
    pub bytes: Vec<u8>,
    /// How many bytes of the report are missing, because it is longer than [`MAX_OWN_REPORT`].
    pub left: usize,
}

/// Looks for one report.
#[derive(Debug)]
pub struct Capture {
    /// What may be of the report; what was before it is forgotten in time.
    bytes: Vec<u8>,
    /// How many bytes came beyond [`MAX_OWN_REPORT`].
    left: usize,
    /// Where the first line begins that was not read yet.
    line: usize,
    /// As far as its end was looked for.
    searched: usize,
    /// The kinds of the two lines before it.
    before: [Kind; 2],
    /// Where the last heading begins.
    heading: usize,
    /// Where the last traceback begins, with those that led to it.
    traceback: Option<usize>,
    /// Whether the last line that was not empty announces a further traceback.
    chained: bool,
    /// The lines that are certainly no report's.
    shapes: Shapes,
    /// Whether writes of one thread are given.
    borders: bool,
    /// How many bytes of the last write the kernel has not taken yet.
    owed: usize,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Before,
    Inside(Inside),
    Done { state: State, begin: usize, end: usize },
}

impl Default for Capture {
    fn default() -> Capture {
        Capture {
            bytes: Vec::new(),
            left: 0,
            line: 0,
            searched: 0,
            before: [Kind::Other; 2],
            heading: 0,
            traceback: None,
            chained: false,
            shapes: Shapes::default(),
            borders: false,
            owed: 0,
            phase: Phase::Before,
        }
    }
}

impl Capture {
    /// Looks at lines that stood in the file before, to know log lines of this shape later. Nothing
    /// is learned where there is a report among them: its lines are none of a log.
    pub fn learn(&mut self, earlier: &[u8]) {
        let lines = || earlier.split(|byte| *byte == b'\n');
        if !lines().any(heading::is_rule) {
            lines().for_each(|line| self.shapes.learn(line));
        }
    }

    /// One whole write of the thread that writes the report.
    pub fn write(&mut self, bytes: &[u8]) {
        self.write_partly(bytes, bytes.len());
    }

    /// One write of that thread, of which the kernel took these bytes only, of as many as were
    /// `asked` for. The writes that bring the rest follow as such.
    pub fn write_partly(&mut self, bytes: &[u8], asked: usize) {
        self.borders = true;
        if bytes.is_empty() {
            return;
        }
        let goes_on = self.owed > 0 && asked <= self.owed;
        let wanted = if goes_on { self.owed } else { asked };
        self.owed = wanted.saturating_sub(bytes.len());
        if !goes_on {
            self.border(bytes);
        }
        self.feed(bytes);
    }

    /// What was appended to a file, by whomever.
    pub fn append(&mut self, bytes: &[u8]) {
        self.feed(bytes);
    }

    /// The file was closed by who wrote it: a report that has begun is complete. Files of
    /// `log_dir` have no newline at their end.
    pub fn closed(&mut self) {
        if let Phase::Inside(inside) = &self.phase {
            let (begin, end) = (inside.begin, self.end(inside));
            self.done(State::Complete, begin, end);
        }
    }

    /// What came so far. Bytes that are appended never make a report [`State::Complete`], unless
    /// another one follows or the file is closed.
    pub fn state(&self) -> State {
        match &self.phase {
            Phase::Before => State::Nothing,
            Phase::Inside(_) => State::Begun,
            Phase::Done { state, .. } => *state,
        }
    }

    /// Whether more came of a report than is kept.
    pub fn is_cut(&self) -> bool {
        self.left > 0
    }

    /// Whether all sections came that every report has. Its last newline may be missing.
    pub fn has_all_sections(&self) -> bool {
        match &self.phase {
            Phase::Before => false,
            Phase::Inside(inside) => self.left == 0 && self.owed == 0 && self.is_whole(inside),
            Phase::Done { state, .. } => *state == State::Complete,
        }
    }

    /// Whether what came would be a whole report if no more came: all sections were seen, and its
    /// last line has ended. A section of the service's own may still follow.
    pub fn looks_whole(&self) -> bool {
        match &self.phase {
            Phase::Before => false,
            Phase::Inside(inside) => {
                self.left == 0 && self.is_whole(inside) && self.has_ended(inside)
            }
            Phase::Done { state, .. } => *state == State::Complete,
        }
    }

    /// How many bytes of the report have come, for who waits until it grows no more. Lines that
    /// are certainly others' do not count.
    pub fn report_len(&self) -> usize {
        match &self.phase {
            Phase::Before => 0,
            Phase::Inside(inside) => self.end(inside).saturating_sub(inside.begin),
            Phase::Done { begin, end, .. } => end.saturating_sub(*begin),
        }
    }

    /// What was found.
    pub fn finish(mut self) -> Captured {
        let (state, begin, end) = match &self.phase {
            Phase::Before => (State::Nothing, 0, 0),
            Phase::Inside(inside) => (State::Begun, inside.begin, self.end(inside)),
            Phase::Done { state, begin, end } => (*state, *begin, *end),
        };
        self.bytes.truncate(end);
        self.bytes.drain(..begin.min(end));
        // A traceback comes in many writes, so that lines of other threads may lie in between.
        if state == State::Failed && !self.borders {
            let lines = self.bytes.split_inclusive(|byte| *byte == b'\n');
            self.bytes = lines.filter(|line| !shape::is_usual(line)).collect::<Vec<_>>().concat();
        }
        Captured { state, bytes: self.bytes, left: self.left }
    }

    /// A write begins with these bytes, and the one before it is over.
    fn border(&mut self, next: &[u8]) {
        let Phase::Inside(inside) = &self.phase else { return };
        let first = inside.writes == 0;
        let newline = next.first() == Some(&b'\n');
        let whole = self.is_whole(inside);
        let settled = first && (whole || next == b"\n" && inside.seen.first() == Some(&true));
        if settled {
            // Before Python 3.9 the newline waits for the next text, and comes with that.
            self.bytes.extend(newline.then_some(b'\n'));
            let (begin, end) = (inside.begin, self.bytes.len());
            self.done(State::Complete, begin, end);
        } else if let Phase::Inside(inside) = &mut self.phase {
            inside.writes += 1;
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(CHUNK) {
            let begin = match &self.phase {
                Phase::Before => self.bytes.len(),
                Phase::Inside(inside) => inside.begin,
                Phase::Done { .. } => return,
            };
            let room = MAX_OWN_REPORT.saturating_sub(self.bytes.len().saturating_sub(begin));
            // What follows a gap is no longer looked at.
            let room = if self.left > 0 { 0 } else { room };
            let (kept, left) = chunk.split_at_checked(room).unwrap_or((chunk, &[]));
            self.left = self.left.saturating_add(left.len());
            self.bytes.extend_from_slice(kept);
            self.read();
            self.forget();
        }
    }

    /// Reads the lines that have ended.
    fn read(&mut self) {
        while !matches!(self.phase, Phase::Done { .. }) {
            let unread = self.bytes.get(self.searched..).unwrap_or_default();
            let Some(length) = memchr::memchr(b'\n', unread) else {
                self.searched = self.bytes.len();
                return;
            };
            let end = self.searched + length;
            let start = self.line;
            self.line = end + 1;
            self.searched = self.line;
            self.read_line(start, end);
        }
    }

    /// One line: where it begins and where its newline stands.
    fn read_line(&mut self, start: usize, end: usize) {
        let line = self.bytes.get(start..end).unwrap_or_default();
        let [first, second] = self.before;
        let mut kind = line::kind(line);
        if kind == Kind::Rule && second == Kind::Title && first.is_rule() {
            kind = Kind::Closing;
        }
        self.before = [second, kind];
        self.traceback = line::traceback(line, start, self.traceback, &mut self.chained);
        if kind.is_rule() {
            self.heading = end - heading::WIDTH;
        }
        match &mut self.phase {
            Phase::Before => self.look_for_begin(start, end, kind, second),
            Phase::Inside(_) => self.read_on(start, end, kind, second),
            Phase::Done { .. } => {}
        }
    }

    fn look_for_begin(&mut self, start: usize, end: usize, kind: Kind, before: Kind) {
        let line = self.bytes.get(start..end).unwrap_or_default();
        if kind == Kind::Bar && before == Kind::Closing {
            self.phase = Phase::Inside(Inside::new(self.heading, false));
        } else if before == Kind::Package && line::begins_package(line) {
            let mut inside = Inside::new(start - b"Package\n".len(), true);
            inside.enter(b"Package", start);
            self.phase = Phase::Inside(inside);
        } else if line == line::FAILED {
            let begin = self.traceback.unwrap_or(start);
            self.done(State::Failed, begin, end + 1);
        } else if line.starts_with(line::UNDUMPED) {
            self.done(State::Undumped, start, end + 1);
        } else {
            self.shapes.learn(line);
        }
    }

    fn read_on(&mut self, start: usize, end: usize, kind: Kind, before: Kind) {
        let Phase::Inside(inside) = &self.phase else { return };
        let whole = self.is_whole(inside);
        let line = self.bytes.get(start..end).unwrap_or_default();
        let Phase::Inside(inside) = &mut self.phase else { return };
        if kind == Kind::Bar && before == Kind::Closing {
            // Another report. The first whole one counts.
            let (begin, heading) = (inside.begin, self.heading);
            if whole {
                let end = inside.other_before.map_or(heading, |other| other.min(heading));
                self.done(State::Complete, begin, end);
            } else {
                self.phase = Phase::Inside(Inside::new(heading, false));
            }
        } else if kind == Kind::Closing && !inside.bare {
            let title = self.bytes.get(self.heading..start).unwrap_or_default();
            let title = title.split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
            inside.enter(heading::title(title).unwrap_or_default(), self.line);
        } else if inside.bare && line::is_standard_title(line) {
            inside.enter(line, self.line);
        } else if inside.other.is_none() && whole && !self.borders {
            let foreign = match inside.place {
                Place::Configuration if !inside.bare && !line::fits_configuration(line) => true,
                _ => self.shapes.knows(line),
            };
            let failed = line == line::FAILED;
            let begin = self.traceback.filter(|at| failed && *at > inside.begin);
            inside.other = begin.or((foreign || failed).then_some(start));
        }
    }

    fn is_whole(&self, inside: &Inside) -> bool {
        let [package, threads, _, _, configuration] = inside.seen;
        let has_text = self.bytes.len() > inside.configuration;
        package && threads && configuration && has_text
    }

    /// Whether nothing of the last line is missing.
    fn has_ended(&self, inside: &Inside) -> bool {
        let end = self.end(inside);
        let newline = end.checked_sub(1).and_then(|last| self.bytes.get(last)) == Some(&b'\n');
        if self.borders { self.owed == 0 } else { newline }
    }

    /// Where the report ends, by what has come.
    fn end(&self, inside: &Inside) -> usize {
        let unended = self.bytes.get(self.line..).unwrap_or_default();
        let foreign = !self.borders && self.is_whole(inside) && self.shapes.knows(unended);
        inside.other.unwrap_or(if foreign { self.line } else { self.bytes.len() })
    }

    fn done(&mut self, state: State, begin: usize, end: usize) {
        self.bytes.truncate(end);
        self.phase = Phase::Done { state, begin, end };
    }

    /// Forgets what lies before the report, or, before it begins, what is long past.
    fn forget(&mut self) {
        let past = match &mut self.phase {
            Phase::Before if self.bytes.len() > 2 * CHUNK => self.bytes.len() - CHUNK,
            Phase::Inside(inside) if inside.begin > 0 => inside.begin,
            _ => return,
        };
        self.bytes.drain(..past);
        let earlier = |at: &mut usize| *at = at.saturating_sub(past);
        [&mut self.line, &mut self.searched, &mut self.heading].into_iter().for_each(earlier);
        self.traceback.iter_mut().for_each(earlier);
        if let Phase::Inside(inside) = &mut self.phase {
            earlier(&mut inside.begin);
            earlier(&mut inside.configuration);
            inside.other.iter_mut().chain(&mut inside.other_before).for_each(earlier);
        }
    }
}
