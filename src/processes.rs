//! The process and its descendants, as a tree.
//!
//! It draws what was read of `/proc` before the stop; it reads no file but the user database.

use std::collections::{BTreeMap, HashMap};

use crate::evidence::Snapshot;
use crate::evidence::files::Files;
use crate::mask::Secrets;
use crate::note::Note;
use crate::report::ProcessNode;
use crate::target::ProcessFacts;
use crate::target::files::FileError;
use crate::text::Text;

/// The deepest level that is shown, the target being level 0. Readers of the JSON form recurse,
/// and serde_json stops at 128 levels of nesting, of which each process takes two.
pub const MAX_DEPTH: usize = 48;

/// The largest user database that is read, in bytes.
pub const MAX_PASSWD: u64 = 4 << 20;

/// The tree of the target and its descendants.
pub fn tree(snapshot: &Snapshot, files: &Files) -> (ProcessNode, Vec<Note>) {
    let mut notes = Vec::new();
    let users = match users(files) {
        Ok(users) => users,
        Err(error) => {
            notes.push(Note::remark("/etc/passwd", format!("{error}: users are numbers only")));
            HashMap::new()
        }
    };
    let target = &snapshot.target.process;
    let children = children(target, &snapshot.descendants);
    let mut forest = Forest { children, users, secrets: snapshot.asked.secrets };
    let root = forest.grow(target, 0);
    let left: usize = forest.children.values().map(Vec::len).sum();
    if left > 0 {
        let message = format!("{left} processes are not shown: {MAX_DEPTH} levels are");
        notes.push(Note::missing("processes", message));
    }
    (root, notes)
}

/// The processes that are still to be placed, by their parents.
struct Forest<'a> {
    children: BTreeMap<i32, Vec<&'a ProcessFacts>>,
    users: HashMap<u32, Text>,
    secrets: Secrets,
}

impl Forest<'_> {
    fn grow(&mut self, process: &ProcessFacts, depth: usize) -> ProcessNode {
        let mut children = Vec::new();
        if depth < MAX_DEPTH {
            // Taken out: a process is placed once, whatever the parents' numbers say.
            for child in self.children.remove(&process.pid).unwrap_or_default() {
                children.push(self.grow(child, depth + 1));
            }
        }
        let command: Vec<String> =
            process.command.iter().map(|word| word.raw().to_owned()).collect();
        ProcessNode {
            pid: process.pid,
            ppid: process.ppid,
            user: self.users.get(&process.uid).cloned(),
            uid: process.uid,
            state: state(process.state).to_owned(),
            name: self.secrets.mask_text(process.name.raw()).as_ref().into(),
            command: self.secrets.mask_argv(&command).into_iter().map(Text::from).collect(),
            children,
        }
    }
}

/// The descendants by parent, each list by process id.
fn children<'a>(
    target: &ProcessFacts,
    descendants: &'a [ProcessFacts],
) -> BTreeMap<i32, Vec<&'a ProcessFacts>> {
    let mut known: Vec<i32> = descendants.iter().map(|process| process.pid).collect();
    known.sort_unstable();
    let mut children: BTreeMap<i32, Vec<&ProcessFacts>> = BTreeMap::new();
    for process in descendants.iter().filter(|process| process.pid != target.pid) {
        // A parent that ended while the list was made has handed its children on, to init say:
        // they were the target's descendants, and stand below it.
        let parent = if known.binary_search(&process.ppid).is_ok() && process.ppid != process.pid {
            process.ppid
        } else {
            target.pid
        };
        children.entry(parent).or_default().push(process);
    }
    for siblings in children.values_mut() {
        siblings.sort_by_key(|process| process.pid);
    }
    children
}

/// The names of users by number, as the target's root has them.
fn users(files: &Files) -> Result<HashMap<u32, Text>, FileError> {
    let file = match files.in_root("/etc/passwd") {
        Err(FileError::Absent) => return Ok(HashMap::new()),
        file => file?,
    };
    let mut users = HashMap::new();
    for line in file.read_all(MAX_PASSWD)?.split(|byte| *byte == b'\n') {
        // name:password:uid:…
        let mut fields = line.split(|byte| *byte == b':');
        let (Some(name), Some(uid)) = (fields.next(), fields.nth(1)) else { continue };
        if let Some(uid) = std::str::from_utf8(uid).ok().and_then(|uid| uid.parse().ok()) {
            // The first line of a number wins, as with getpwuid(3).
            users.entry(uid).or_insert_with(|| Text::from_bytes(name));
        }
    }
    Ok(users)
}

/// The word for a state letter of proc_pid_stat(5), as psutil and with it a GMR has it.
fn state(letter: char) -> &'static str {
    match letter {
        'R' => "running",
        'S' => "sleeping",
        'D' => "disk-sleep",
        'T' => "stopped",
        't' => "tracing-stop",
        'Z' => "zombie",
        'X' | 'x' => "dead",
        'K' => "wake-kill",
        'W' => "waking",
        'I' => "idle",
        'P' => "parked",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fake::{FakeRoot, process, snapshot};

    fn tree_of(descendants: &[(i32, i32)], passwd: &[(&str, &str)]) -> (ProcessNode, Vec<Note>) {
        let mut seen = snapshot(&["server"]);
        seen.descendants = descendants.iter().map(|(pid, ppid)| process(*pid, *ppid)).collect();
        tree(&seen, &FakeRoot::new(passwd).files())
    }

    fn shape(node: &ProcessNode) -> String {
        let below: Vec<String> = node.children.iter().map(shape).collect();
        format!("{}({})", node.pid, below.join(" "))
    }

    #[test]
    fn children_stand_below_their_parents_by_process_id() {
        let (root, notes) = tree_of(&[(30, 10), (20, 10), (21, 30), (22, 20)], &[]);
        assert_eq!(shape(&root), "10(20(22()) 30(21()))");
        assert_eq!(notes, []);
    }

    #[test]
    fn a_process_whose_parent_is_gone_stands_below_the_target() {
        let (root, _) = tree_of(&[(20, 1)], &[]);
        assert_eq!((shape(&root).as_str(), root.children[0].ppid), ("10(20())", 1));
    }

    #[test]
    fn a_circle_of_parents_ends_and_is_told() {
        let (root, notes) = tree_of(&[(20, 21), (21, 20), (22, 22), (10, 22)], &[]);
        assert_eq!(shape(&root), "10(22())");
        assert_eq!(notes[0].message.raw(), "2 processes are not shown: 48 levels are");
    }

    #[test]
    fn a_chain_of_children_is_cut_at_the_deepest_level() {
        let chain: Vec<(i32, i32)> = (11..1011).map(|pid| (pid, pid - 1)).collect();
        let (root, notes) = tree_of(&chain, &[]);
        assert_eq!(shape(&root).matches('(').count(), MAX_DEPTH + 1);
        assert_eq!(notes.len(), 1);
    }

    #[test]
    fn users_have_the_name_that_the_targets_root_gives_them() {
        let passwd = "root:x:0:0::/:/bin/sh\nbroken\npanko:x:42:42::/:\nother:x:42:42::/:\n";
        let (root, _) = tree_of(&[], &[("/etc/passwd", passwd)]);
        assert_eq!((root.user, root.uid), (Some("panko".into()), 42));
        assert_eq!(tree_of(&[], &[]).0.user, None);
    }

    #[test]
    fn secrets_of_command_lines_are_masked() {
        let seen = snapshot(&["server", "--password", "hunter2"]);
        let (root, _) = tree(&seen, &FakeRoot::default().files());
        assert_eq!(root.command, ["server", "--password", "***"].map(Text::from));
    }

    #[test]
    fn states_have_the_words_of_a_guru_meditation_report() {
        assert_eq!(
            ["R", "D", "t", "Z"].map(|letter| state(letter.chars().next().unwrap_or(' '))),
            ["running", "disk-sleep", "tracing-stop", "zombie"]
        );
    }
}
