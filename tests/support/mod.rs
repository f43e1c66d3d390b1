//! What the integration tests share: processes to inspect, guru itself, gdb to compare with, skips.
//! Nothing here waits for a fixed time: everything is waited for by its effect, with a deadline.

pub mod configuration;
pub mod gdb;
mod guru;
pub mod nobody;
pub mod own;
mod process;
pub mod pythons;
pub mod schema;
pub mod sections;
mod service;
pub mod sink;
mod skip;
pub mod tap;
mod target;
pub mod trigger;
pub mod truth;
pub mod writer;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use ::guru::evidence::Evidence;
use ::guru::inspect::{Options, inspect};
pub use guru::{
    GURU, functions, guru, guru_with_peak, report, run, spawned, stdout_of, thread_named, threads,
};
pub use process::{EPOLL_WAIT, PAUSE, POLL, SELECT, ThreadState, reads_stdin, thread_states};
pub use service::{Service, venv};

pub use skip::{can_make_namespaces, skip, skip_impossible};
pub use target::{Target, await_asleep};

/// How long anything may take before a test fails: far longer than it takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A path below the package.
pub fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Whether the long forms of the tests are asked for (`tests/run --full`).
pub fn full() -> bool {
    std::env::var_os("GURU_FULL").is_some()
}

/// The CPython 3.11 that scripts are run with.
pub fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON
        .get_or_init(|| {
            let output =
                Command::new(root("fixtures/services/service")).arg("python").output().ok()?;
            let path = String::from_utf8(output.stdout).ok()?;
            output.status.success().then(|| path.trim().into())
        })
        .as_deref()
}

/// The evidence of a process.
pub fn evidence(pid: i32) -> Evidence {
    inspect(pid, Options::default()).unwrap()
}

/// Wait until the condition gives something. `what` says what did not happen in time.
pub fn await_some<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        // Not a guess at how long it takes: only to leave the processor to what is waited for.
        std::thread::sleep(Duration::from_millis(1));
    }
}
