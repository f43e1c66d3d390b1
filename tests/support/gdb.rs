//! The stacks of a process as gdb sees them: what guru is compared with.

use super::{root, skip};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::process::{Command, Stdio};

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FrameKind {
    /// A function that was called.
    Normal,
    /// A function that the compiler put into the next frame.
    Inlined,
    /// What the kernel laid down to call a signal handler.
    Signal,
}

/// A frame as gdb prints it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Frame {
    /// The thread it belongs to.
    pub tid: i32,
    /// 0 is the innermost, inlined frames are counted.
    pub level: usize,
    /// The program counter: for an outer frame the return address.
    pub address: u64,
    /// The name, demangled as gdb does it.
    pub function: Option<String>,
    /// The name in the object file, where there is debug information.
    pub linkage_name: Option<String>,
    /// The source file, with its whole path.
    pub file: Option<String>,
    /// The line where the frame stands.
    pub line: Option<u32>,
    /// What the frame is.
    pub kind: FrameKind,
}

/// The stacks of all threads by tid, innermost frame first, beyond `main` and to the very end,
/// without those that gdb infers (tail calls).
/// Records a skip if there is no gdb.
pub fn backtraces(pid: i32) -> Option<BTreeMap<i32, Vec<Frame>>> {
    const SETTINGS: [&str; 5] = [
        "set auto-load no",
        "set debuginfod enabled off",
        "set backtrace past-main on",
        "set backtrace past-entry on",
        "set backtrace limit unlimited",
    ];
    let mut command = Command::new("gdb");
    command.args(["-q", "-nx", "-batch"]).stdin(Stdio::null());
    command.args(SETTINGS.iter().flat_map(|setting| ["-iex", setting]));
    command.arg("-p").arg(pid.to_string()).arg("-x").arg(root("tests/support/frames.py"));
    let output = match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            skip("gdb is not installed");
            return None;
        }
        output => output.unwrap(),
    };
    let mut stacks = BTreeMap::<i32, Vec<Frame>>::new();
    // gdb prints lines of its own, too.
    for line in String::from_utf8(output.stdout).unwrap().lines().filter(|l| l.starts_with('{')) {
        let frame: Frame = serde_json::from_str(line).unwrap();
        stacks.entry(frame.tid).or_default().push(frame);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!stacks.is_empty(), "gdb saw nothing of {pid}: {errors}");
    Some(stacks)
}
