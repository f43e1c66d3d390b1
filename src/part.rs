//! The parts of the work, so that one that a process makes costly or endless can be left out.
//!
//! Whoever works says which part begins and ends ([`Parts::begin`]). Whoever watches the work
//! ([`Watch`]) then knows in which part it died or stood still, and has it done again without that
//! part: it is [left out](LeftOut), which is a note of the report. Nothing here knows processes or
//! limits; without a watcher ([`Parts::default`]) everything is done.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::note::Note;

/// What a part does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Command line and environment of a process, which the kernel reads from its memory.
    Strings,
    /// The beginning of its executable, which tells its architecture.
    Executable,
    /// The list of the process's mappings.
    Mappings,
    /// What its threads wait in.
    Waits,
    /// Looking into its memory while it runs.
    Memory,
    /// Stopping its threads.
    Hold,
    /// The commands of sections of one's own: they are waited for.
    Commands,
    /// Unwinding native stacks.
    Unwinding,
    /// The names in a module's tables of symbols.
    Symbols,
    /// A module's debug information.
    DebugInformation,
    /// A language runtime, over what was recorded.
    Runtime,
    /// A section of the report.
    Section,
    /// Listening to a report that the process makes of itself: it is waited for.
    Listening,
    /// Reading such a report.
    OwnReport,
    /// Printing, and saving a recording: all that comes after the report is made.
    Output,
}

impl Kind {
    /// Whether it may wait for something for as long as the user lets it.
    pub fn waits(self) -> bool {
        matches!(self, Kind::Commands | Kind::Listening)
    }

    /// Whether there is an answer without it.
    pub fn can_be_left_out(self) -> bool {
        !matches!(self, Kind::Commands | Kind::Listening | Kind::OwnReport | Kind::Output)
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Strings => "command line and environment",
            Kind::Executable => "executable",
            Kind::Mappings => "mappings",
            Kind::Waits => "what threads wait in",
            Kind::Memory => "memory",
            Kind::Hold => "stopping the threads",
            Kind::Commands => "commands of sections",
            Kind::Unwinding => "native stacks",
            Kind::Symbols => "symbols",
            Kind::DebugInformation => "debug information",
            Kind::Runtime => "runtime",
            Kind::Section => "section",
            Kind::Listening => "listening",
            Kind::OwnReport => "the report of the process itself",
            Kind::Output => "output",
        }
    }
}

/// A part of the work.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Part {
    /// What it does.
    pub kind: Kind,
    /// To what: a module's path, a section's id; empty where there is one only. It is the process's
    /// word where it is a path.
    pub of: String,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if self.of.is_empty() { Ok(()) } else { write!(f, " of {}", self.of) }
    }
}

/// Something that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// What.
    pub what: What,
    /// Why: what happened when it was tried.
    pub why: String,
}

/// How much is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// This part.
    Part(Part),
    /// Every part of this kind.
    Kind(Kind),
    /// Every part that can be.
    All,
}

impl LeftOut {
    fn covers(&self, part: &Part) -> bool {
        part.kind.can_be_left_out()
            && match &self.what {
                What::Part(own) => own == part,
                What::Kind(kind) => *kind == part.kind,
                What::All => true,
            }
    }

    /// That it was left out, for the report.
    pub fn note(&self) -> Note {
        let about = match &self.what {
            What::Part(part) => part.to_string(),
            What::Kind(kind) => kind.name().to_owned(),
            What::All => "report".to_owned(),
        };
        Note::missing(about, format!("left out: {}", self.why))
    }
}

/// Who is told which parts begin and end.
pub trait Watch: Send + Sync {
    /// These parts are under way now, the innermost last; of the second line of work, if `beside`.
    fn under_way(&self, parts: &[Part], beside: bool);

    /// What is done from now on can not be done again.
    fn committed(&self) {}
}

/// Which parts are done, and which are under way.
#[derive(Clone, Default)]
pub struct Parts {
    inner: Arc<Inner>,
    /// Whether this is the second line of work, beside the main one.
    beside: bool,
}

#[derive(Default)]
struct Inner {
    watch: Option<Box<dyn Watch>>,
    left_out: Vec<LeftOut>,
    until: Option<Instant>,
    open: [Mutex<Vec<Part>>; 2],
    /// What was left out because the time was over.
    late: Mutex<Vec<Part>>,
}

/// The most parts that are named as left out for want of time.
const MAX_LATE: usize = 16;

impl Parts {
    /// Parts that are watched, without these, and with none that would begin after `until`.
    pub fn watched(watch: Box<dyn Watch>, left_out: Vec<LeftOut>, until: Instant) -> Parts {
        let inner = Inner { watch: Some(watch), left_out, until: Some(until), ..Inner::default() };
        Parts { inner: Arc::new(inner), beside: false }
    }

    /// The same parts for a second thread of work.
    pub fn beside(&self) -> Parts {
        Parts { inner: Arc::clone(&self.inner), beside: true }
    }

    /// Begins a part, unless it is left out; it ends when what is returned is dropped.
    pub fn begin(&self, kind: Kind, of: &str) -> Option<UnderWay<'_>> {
        let part = Part { kind, of: of.to_owned() };
        if self.inner.left_out.iter().any(|left_out| left_out.covers(&part)) {
            return None;
        }
        let over = self.inner.until.is_some_and(|until| Instant::now() > until);
        if over && kind.can_be_left_out() {
            let mut late = self.inner.late.lock().unwrap_or_else(PoisonError::into_inner);
            if late.len() < MAX_LATE && !late.contains(&part) {
                late.push(part);
            }
            return None;
        }
        self.change(|open| open.push(part));
        Some(UnderWay { parts: self })
    }

    /// Says that what is done from now on can not be done again: a process was asked for something.
    pub fn commit(&self) {
        if let Some(watch) = &self.inner.watch {
            watch.committed();
        }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Part>)) {
        let Some(watch) = &self.inner.watch else { return };
        let open = &self.inner.open[usize::from(self.beside)];
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut open);
        watch.under_way(&open, self.beside);
    }

    /// What was left out, as notes.
    pub fn notes(&self) -> Vec<Note> {
        let late = self.inner.late.lock().unwrap_or_else(PoisonError::into_inner);
        let late = late.iter().map(|part| {
            Note::missing(part.to_string(), "left out: no time was left for it (--timeout)")
        });
        self.inner.left_out.iter().map(LeftOut::note).chain(late).collect()
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("left_out", &self.inner.left_out).finish_non_exhaustive()
    }
}

/// A part that is under way.
#[derive(Debug)]
pub struct UnderWay<'a> {
    parts: &'a Parts,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.parts.change(|open| drop(open.pop()));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::time::Duration;

    /// Keeps what it is told.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<String>>>);

    impl Watch for Told {
        fn under_way(&self, parts: &[Part], beside: bool) {
            let parts: Vec<String> = parts.iter().map(Part::to_string).collect();
            let mark = if beside { "beside: " } else { "" };
            self.0.lock().unwrap().push(format!("{mark}{}", parts.join(" > ")));
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    #[test]
    fn who_watches_is_told_what_is_under_way() {
        let told = Told::default();
        let parts = Parts::watched(Box::new(told.clone()), Vec::new(), soon());
        {
            let _section = parts.begin(Kind::Section, "package").unwrap();
            drop(parts.begin(Kind::Symbols, "/bin/x").unwrap());
            drop(parts.beside().begin(Kind::Strings, "process 7").unwrap());
        }
        let told = told.0.lock().unwrap().clone();
        let expected = [
            "section of package",
            "section of package > symbols of /bin/x",
            "section of package",
            "beside: command line and environment of process 7",
            "beside: ",
            "",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_is_left_out_is_not_begun_and_is_a_note() {
        let part = |kind, of: &str| Part { kind, of: of.to_owned() };
        let left_out = |what| LeftOut { what, why: "it took too long".to_owned() };
        let all = vec![
            left_out(What::Part(part(Kind::DebugInformation, "/bin/x"))),
            left_out(What::Kind(Kind::Strings)),
        ];
        let parts = Parts::watched(Box::new(Told::default()), all, soon());
        assert!(parts.begin(Kind::DebugInformation, "/bin/x").is_none());
        assert!(parts.begin(Kind::DebugInformation, "/bin/y").is_some());
        assert!(parts.begin(Kind::Strings, "process 7").is_none());
        let notes = parts.notes();
        assert_eq!(notes[0].about.raw(), "debug information of /bin/x");
        assert_eq!(notes[1].message.raw(), "left out: it took too long");
        let none = Parts::watched(Box::new(Told::default()), vec![left_out(What::All)], soon());
        assert!(none.begin(Kind::Memory, "").is_none());
        assert!(none.begin(Kind::Output, "").is_some());
    }

    #[test]
    fn nothing_begins_when_the_time_is_over() {
        let parts = Parts::watched(Box::new(Told::default()), Vec::new(), Instant::now());
        std::thread::yield_now();
        while Instant::now() <= parts.inner.until.unwrap() {}
        assert!(parts.begin(Kind::Section, "package").is_none());
        assert!(parts.begin(Kind::Section, "package").is_none());
        assert_eq!(parts.notes().len(), 1);
        assert!(parts.begin(Kind::Output, "").is_some());
    }
}
