//! The processes of a report. oslo.reports prints the parent of each, but indents all descendants
//! alike (`views/text/process.py`): the tree is made again of those.

use std::collections::HashMap;

use super::context::{Context, push_line};
use super::heading;
use crate::report::{Block, ProcessNode};

/// The deepest level of the tree that is made: readers of guru's JSON recurse, and the levels of
/// `guru report` end there, too.
const MAX_DEPTH: usize = 48;

/// The process that a report is of, by what it says itself, in either view. It is the id that the
/// process sees. Not every report says it.
pub fn process_of(report: &[u8]) -> Option<i32> {
    let mut lines = report
        .split(|byte| *byte == b'\n')
        .skip_while(|line| heading::title(line) != Some(b"Processes") && *line != b"Processes");
    let bare = lines.next()? == b"Processes";
    if bare {
        let process: serde_json::Value = serde_json::from_slice(lines.next()?).ok()?;
        return process.get("pid")?.as_i64()?.try_into().ok();
    }
    let line = lines.find(|line| line.starts_with(b"Process "))?;
    let (pid, _) =
        std::str::from_utf8(line).ok()?.strip_prefix("Process ")?.split_once(" (under ")?;
    pid.parse().ok()
}

/// Reads the processes of the text view, and gives back the lines that are none.
pub(super) fn processes(context: &mut Context, body: &str, blocks: &mut Vec<Block>) -> String {
    let mut rest = String::new();
    let mut tree = Tree::default();
    for line in body.lines().filter(|line| !line.is_empty()) {
        let node = process(context, line.trim_start_matches(' '));
        if node.filter(|_| context.take()).is_none_or(|node| !tree.add(node)) {
            push_line(&mut rest, line);
        }
    }
    blocks.extend(tree.block());
    rest
}

/// `Process P (under PP) [ run by: USER (UID), state: S ]`
fn process(context: &mut Context, line: &str) -> Option<ProcessNode> {
    let (pid, line) = line.strip_prefix("Process ")?.split_once(" (under ")?;
    let (ppid, line) = line.split_once(") [ run by: ")?;
    let (line, state) = line.strip_suffix(" ]")?.rsplit_once("), state: ")?;
    let (user, uid) = line.rsplit_once(" (")?;
    let ids = (pid.parse().ok()?, ppid.parse().ok()?);
    Some(node(context, ids, (user, uid.parse().ok()?), state))
}

/// A process. psutil names a user that no database knows by the number.
pub(super) fn node(
    context: &mut Context,
    (pid, ppid): (i32, i32),
    (user, uid): (&str, u32),
    state: &str,
) -> ProcessNode {
    let user = (user != uid.to_string()).then(|| context.text(user));
    ProcessNode {
        pid,
        ppid,
        user,
        uid,
        state: context.text(state).raw().to_owned(),
        name: "".into(),
        command: Vec::new(),
        children: Vec::new(),
    }
}

/// Processes, each behind its parent.
#[derive(Default)]
pub(super) struct Tree {
    nodes: Vec<(ProcessNode, usize)>,
    /// Where each process lies, and at what depth, by its id.
    places: HashMap<i32, (usize, usize)>,
}

impl Tree {
    /// Adds a process; `false` if it lies too deep. One whose parent is not there stands below
    /// the first: that is whose descendants all are.
    pub(super) fn add(&mut self, node: ProcessNode) -> bool {
        let nth = self.nodes.len();
        let (parent, depth) = match self.places.get(&node.ppid) {
            Some((parent, depth)) => (*parent, depth + 1),
            None => (0, usize::from(nth > 0)),
        };
        self.places.insert(node.pid, (nth, depth));
        let fits = depth <= MAX_DEPTH;
        if fits {
            self.nodes.push((node, parent));
        }
        fits
    }

    /// The tree.
    pub(super) fn block(mut self) -> Option<Block> {
        // From the last one on: when a process is put below its parent, it has its children.
        while let Some((mut node, parent)) = self.nodes.pop() {
            node.children.reverse();
            match self.nodes.get_mut(parent) {
                Some((parent, _)) => parent.children.push(node),
                None => return Some(Block::Processes { root: node }),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, reason = "tests")]

    use super::*;

    #[test]
    fn a_report_says_whose_it_is() {
        let text = include_bytes!("../../fixtures/gmr/mini-eventlet.txt");
        let json = include_bytes!("../../fixtures/gmr/mini-eventlet.json.txt");
        assert!(process_of(text).is_some_and(|pid| pid > 1));
        assert_eq!(process_of(json), Some(17170));
        assert_eq!(process_of(b"Processes\n[1]\n"), None);
        assert_eq!(process_of(b"Process 7 (under 1) [ run by: root (0), state: running ]\n"), None);
    }
    use crate::mask::Secrets;

    fn shape(node: &ProcessNode) -> String {
        let below: Vec<String> = node.children.iter().map(shape).collect();
        format!("{}({})", node.pid, below.join(" "))
    }

    fn read(processes: &[(i32, i32)]) -> (String, String) {
        let line = |(pid, ppid): &(i32, i32)| {
            format!("    Process {pid} (under {ppid}) [ run by: a (b (7), state: sleeping ]\n")
        };
        let body: String = processes.iter().map(line).collect();
        let mut blocks = Vec::new();
        let rest = super::processes(&mut Context::new(Secrets::Masked), &body, &mut blocks);
        match blocks.as_slice() {
            [Block::Processes { root }] => {
                assert_eq!((root.user.clone(), root.uid), (Some("a (b".into()), 7));
                (shape(root), rest)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_tree_is_made_of_the_parents() {
        let (tree, rest) = read(&[(5, 1), (6, 5), (8, 6), (9, 8), (7, 5), (3, 99)]);
        assert_eq!((tree.as_str(), rest.as_str()), ("5(6(8(9())) 7() 3())", ""));
    }

    #[test]
    fn a_process_that_is_its_own_parent_ends_nothing() {
        assert_eq!(read(&[(5, 5), (5, 5), (6, 7), (7, 6)]).0, "5(5() 6(7()))");
    }

    #[test]
    fn what_is_too_deep_is_given_back() {
        let chain: Vec<(i32, i32)> = (2..102).map(|pid| (pid, pid - 1)).collect();
        let (tree, rest) = read(&chain);
        assert_eq!(tree.matches('(').count(), MAX_DEPTH + 1);
        assert_eq!(rest.lines().count(), 100 - MAX_DEPTH - 1);
    }

    #[test]
    fn lines_that_are_no_process_are_given_back() {
        let body = "Process x (under 1) [ run by: a (7), state: s ]\nProcess 1\n\n";
        let mut blocks = Vec::new();
        let rest = processes(&mut Context::new(Secrets::Masked), body, &mut blocks);
        assert_eq!(rest.lines().count(), 2);
        assert!(blocks.is_empty());
    }
}
