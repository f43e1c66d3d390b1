//! Work on a hostile process, done by a child that may die of it.
//!
//! What a process says can cost memory and time without end, and a page or a file of it may never
//! answer. So the work is done by a *worker*, a child with limits, while its parent, the
//! *supervisor*, touches nothing of the process:
//!
//! ```text
//! supervisor ──fork──> worker: looks, analyses, prints into a file in memory
//!     │   <── which part is under way (Parts) · messages · exit status ──┘
//!     └── died or stood still in a part? again, without that part, which is a note
//! ```
//!
//! A worker that stands still in the kernel (a page of a dead FUSE server) can not even be killed.
//! Then it is left behind: it holds no descriptor that anybody waits on, and no thread of the
//! process, for the thread that traces never reads ([`crate::inspect`]).

mod child;
pub mod interrupts;
mod progress;
mod watch;

use std::fmt;
use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use self::progress::Progress;
use self::watch::Ended;
use crate::part::{LeftOut, Part, Parts, What};

/// The most memory of its own that a worker may have, in MiB (`RLIMIT_DATA`). Supervisor, worker and
/// those that read files for it stay below 512 MiB together; 10,000 threads take 214.
const MEMORY: u64 = 384;

/// The most address space that it may have, in MiB (`RLIMIT_AS`): its own memory, its program and
/// libraries, the stacks of its threads, and what allocators reserve of it without using it.
const ADDRESSES: u64 = 1024;

/// How much processor time a part may take. The kernel counts whole seconds: up to one less.
const PROCESSOR: Duration = Duration::from_secs(5);

/// How long a worker may stand still: no part begins or ends, none of its threads is given a
/// processor, and it waits for nothing that the user asked for. This, or a third of the time that there
/// is: longer than one answer about a file is waited for.
const STILL: Duration = Duration::from_secs(3);

/// How often the work is begun again, each time without what it failed at.
const MAX_ATTEMPTS: usize = 8;

/// After so many failures at parts of one kind all of that kind are left out.
const MAX_OF_A_KIND: usize = 3;

/// How long everything may take.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    begun: Instant,
    whole: Duration,
}

impl Time {
    /// So much from now on.
    pub fn from_now(whole: Duration) -> Time {
        Time { begun: Instant::now(), whole }
    }

    /// What is kept for the last attempt, which leaves everything out that can be.
    fn reserve(&self) -> Duration {
        (self.whole / 10).min(Duration::from_secs(3))
    }

    /// After this no part begins that can be left out.
    fn parts_end(&self) -> Instant {
        self.begun + self.whole.saturating_sub(2 * self.reserve())
    }

    /// When the last attempt must begin.
    fn last_attempt(&self) -> Instant {
        self.begun + self.whole.saturating_sub(self.reserve())
    }

    /// When everything is over.
    fn end(&self) -> Instant {
        self.begun + self.whole
    }

    fn still(&self) -> Duration {
        STILL.min(self.whole / 3)
    }
}

/// What came of the work.
#[derive(Debug)]
pub enum Outcome {
    /// It was done, and this is its exit status; what it printed is in the file.
    Done(u8, File),
    /// It could not be done.
    Failed(Failure),
}

/// Why work could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The time was over.
    TimedOut,
    /// The worker died or stood still.
    Died {
        /// In which part, if that is known.
        part: Option<Part>,
        /// What happened.
        why: String,
        /// Whether that was after what is done once only ([`Parts::commit`]).
        committed: bool,
    },
    /// A signal ended it, and is to end the supervisor.
    Interrupted(i32),
    /// There could be no worker.
    NoWorker(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::TimedOut => f.write_str("no time was left"),
            Failure::Died { part: Some(part), why, .. } => {
                write!(f, "guru failed at {}: {why}", part)
            }
            Failure::Died { part: None, why, .. } => write!(f, "guru failed: {why}"),
            Failure::Interrupted(signal) => write!(f, "interrupted by signal {signal}"),
            Failure::NoWorker(why) => write!(f, "no process could be made to work in: {why}"),
        }
    }
}

/// Has work done by a worker: `work` prints into the file that it is given and returns an exit
/// status. `say` is told each line that it complains.
///
/// `work` runs in a child, perhaps several times; what it changes here is lost.
pub fn supervise(
    time: Time,
    say: &mut dyn FnMut(&str),
    work: &dyn Fn(&Parts, &File) -> u8,
) -> Outcome {
    let mut left_out: Vec<LeftOut> = Vec::new();
    for attempt in 1.. {
        let ended = match attempt_once(time, &left_out, say, work) {
            Ok(ended) => ended,
            Err(error) => return Outcome::Failed(Failure::NoWorker(error.to_string())),
        };
        let was_last = left_out.iter().any(|left_out| left_out.what == What::All);
        let (part, why, committed) = match ended {
            Ended::Done(status, printed) => return Outcome::Done(status, printed),
            Ended::Interrupted(signal) => return Outcome::Failed(Failure::Interrupted(signal)),
            Ended::TimedOut if was_last => return Outcome::Failed(Failure::TimedOut),
            Ended::TimedOut => (None, "no time was left for it (--timeout)".to_owned(), false),
            Ended::Died { part, why, committed } => (part, why, committed),
        };
        if committed || was_last {
            return Outcome::Failed(Failure::Died { part, why, committed });
        }
        left_out.push(next(part, why, attempt, &left_out));
    }
    Outcome::Failed(Failure::TimedOut)
}

/// What to leave out, after the work failed at a part.
fn next(part: Option<Part>, why: String, attempt: usize, known: &[LeftOut]) -> LeftOut {
    let what = match part {
        Some(part) if part.kind.can_be_left_out() && attempt + 1 < MAX_ATTEMPTS => {
            let same = |left_out: &&LeftOut| match &left_out.what {
                What::Part(known) => known.kind == part.kind,
                What::Kind(_) | What::All => false,
            };
            let many = known.iter().filter(same).count() + 1 >= MAX_OF_A_KIND;
            if many { What::Kind(part.kind) } else { What::Part(part) }
        }
        _ => What::All,
    };
    LeftOut { what, why }
}

fn attempt_once(
    time: Time,
    left_out: &[LeftOut],
    say: &mut dyn FnMut(&str),
    work: &dyn Fn(&Parts, &File) -> u8,
) -> io::Result<Ended> {
    let is_last = left_out.iter().any(|left_out| left_out.what == What::All);
    let (parts_end, end) = match is_last {
        true => (time.end(), time.end()),
        false => (time.parts_end(), time.last_attempt()),
    };
    let progress = Progress::new()?;
    let printed = progress::in_memory(c"guru output")?;
    let parts = Parts::watched(Box::new(progress.writer()?), left_out.to_vec(), parts_end);
    let child = child::start(&|| work(&parts, &printed))?;
    watch::watch(child, &progress, printed, watch::Patience { end, still: time.still() }, say)
}

/// Lets something be done outside of the worker's limits that starts another program: that is not to
/// have them.
pub fn without_limits<T>(start: impl FnOnce() -> T) -> T {
    child::without_limits(start)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::part::Kind;
    use std::io::{Read as _, Seek as _, Write as _};

    const LONG: Duration = Duration::from_secs(60);

    /// Does work, and gives what came of it, what was printed and what was said.
    fn done(whole: Duration, work: &dyn Fn(&Parts, &File) -> u8) -> (Outcome, String, Vec<String>) {
        let mut said = Vec::new();
        let outcome =
            supervise(Time::from_now(whole), &mut |line| said.push(line.to_owned()), work);
        let mut text = String::new();
        if let Outcome::Done(_, file) = &outcome {
            let mut file = file.try_clone().unwrap();
            file.rewind().unwrap();
            file.read_to_string(&mut text).unwrap();
        }
        (outcome, text, said)
    }

    /// Does `what` in a part, and prints the notes.
    fn in_part(kind: Kind, what: &dyn Fn()) -> impl Fn(&Parts, &File) -> u8 {
        move |parts, mut printed| {
            if let Some(_part) = parts.begin(kind, "x") {
                what();
            }
            for note in parts.notes() {
                writeln!(printed, "{}: {}", note.about.raw(), note.message.raw()).unwrap();
            }
            7
        }
    }

    #[test]
    fn what_a_worker_prints_and_says_arrives() {
        let (outcome, text, said) = done(LONG, &|_, mut printed| {
            printed.write_all(b"printed").unwrap();
            // Not by the locks of Rust: another test's thread may have held them at the fork.
            let text = b"guru: said\nthread 'main' panicked at somewhere\n";
            rustix::io::write(rustix::stdio::stderr(), text).unwrap();
            3
        });
        assert!(matches!(outcome, Outcome::Done(3, _)), "{outcome:?}");
        assert_eq!((text.as_str(), said.as_slice()), ("printed", &["guru: said".to_owned()][..]));
    }

    #[test]
    fn a_part_that_takes_too_much_memory_is_left_out() {
        let (outcome, text, said) = done(
            LONG,
            &in_part(Kind::DebugInformation, &|| {
                let much: Vec<Vec<u8>> = (0..4096).map(|_| vec![1; 1 << 20]).collect();
                std::hint::black_box(much);
            }),
        );
        assert!(matches!(outcome, Outcome::Done(7, _)), "{outcome:?}");
        assert_eq!(
            text,
            format!(
                "debug information of x: left out: it needs more than {MEMORY} MiB of memory\n"
            )
        );
        assert!(said.is_empty(), "{said:?}");
    }

    #[test]
    fn a_part_that_never_ends_is_left_out() {
        let spin = || loop {
            std::hint::spin_loop();
        };
        let (outcome, text, _) = done(LONG, &in_part(Kind::Section, &spin));
        assert!(matches!(outcome, Outcome::Done(7, _)), "{outcome:?}");
        assert!(text.contains("section of x: left out: it takes more than"), "{text}");
    }

    #[test]
    fn a_part_that_stands_still_is_left_out() {
        let wait = || loop {
            std::thread::park();
        };
        let (outcome, text, _) = done(Duration::from_secs(6), &in_part(Kind::Memory, &wait));
        assert!(matches!(outcome, Outcome::Done(7, _)), "{outcome:?}");
        assert!(text.contains("memory of x: left out: it did not answer within"), "{text}");
    }

    #[test]
    fn a_part_that_crashes_is_left_out() {
        let crash = || std::process::abort();
        let (outcome, text, _) = done(LONG, &in_part(Kind::Symbols, &crash));
        assert!(matches!(outcome, Outcome::Done(7, _)), "{outcome:?}");
        assert!(text.contains("symbols of x: left out: guru died of signal 6"), "{text}");
    }

    #[test]
    fn what_cannot_be_left_out_is_not_tried_for_ever() {
        let crash = || std::process::abort();
        let (outcome, ..) = done(LONG, &in_part(Kind::Output, &crash));
        assert!(matches!(outcome, Outcome::Failed(Failure::Died { .. })), "{outcome:?}");
    }

    #[test]
    fn what_is_done_once_is_not_done_again() {
        let (outcome, ..) = done(LONG, &|parts, _| {
            parts.commit();
            std::process::abort()
        });
        assert!(
            matches!(outcome, Outcome::Failed(Failure::Died { committed: true, .. })),
            "{outcome:?}"
        );
    }

    #[test]
    fn what_is_waited_for_takes_as_long_as_it_takes() {
        let wait = || std::thread::sleep(Duration::from_millis(1500));
        let (outcome, text, _) = done(Duration::from_secs(3), &in_part(Kind::Commands, &wait));
        assert!(matches!(outcome, Outcome::Done(7, _)), "{outcome:?}");
        assert_eq!(text, "");
    }

    #[test]
    fn after_some_failures_of_a_kind_all_of_it_is_left_out() {
        let crash_everywhere = |parts: &Parts, _: &File| {
            for module in 0..100 {
                if let Some(_part) = parts.begin(Kind::Symbols, &module.to_string()) {
                    std::process::abort();
                }
            }
            u8::try_from(parts.notes().len()).unwrap()
        };
        let (outcome, ..) = done(LONG, &crash_everywhere);
        assert!(matches!(outcome, Outcome::Done(3, _)), "{outcome:?}");
    }
}
