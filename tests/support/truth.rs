//! What the Python targets tell of themselves, and how a report is compared with it.

use guru::addr::Addr;
use guru::note::Weight;
use guru::report::{Block, Execution, ExecutionKind, NamedObject, Report};
use guru::stack::{Frame, Language, Stack};
use serde::Deserialize;

/// A frame as the interpreter tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Place {
    /// The file that its code names.
    pub file: String,
    /// The line that it is at.
    pub line: Option<u32>,
    /// The name of its function.
    pub name: String,
    /// The same with what it was defined in; CPython has it since 3.11.
    pub qualified: Option<String>,
}

/// A thread.
#[derive(Debug, Deserialize)]
pub struct ThreadTruth {
    /// The kernel's id.
    pub tid: i32,
    /// The name that `threading` gives it.
    pub name: String,
    /// Its frames, innermost first.
    pub frames: Vec<Place>,
}

/// A greenlet or a task.
#[derive(Debug, Deserialize)]
pub struct GreenTruth {
    /// The object.
    pub address: Addr,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The name of a task.
    pub name: Option<String>,
    /// `running`, `suspended`, `unstarted`, `dead`; `pending`, `done`, `cancelled`.
    pub state: String,
    /// `main`, `hub`, `worker`, where the target knows it.
    pub role: Option<String>,
    /// The thread that it belongs to.
    pub tid: Option<i32>,
    /// Its frames, innermost first.
    pub stack: Vec<Place>,
    /// What a greenlet waits for, as guru shows it, where that can be known.
    pub waits: Option<String>,
    /// What a task awaits.
    pub awaits: Option<AwaitedTruth>,
}

/// A future that a task waits for.
#[derive(Debug, Deserialize)]
pub struct AwaitedTruth {
    /// The object.
    pub address: Addr,
    /// What it gathers.
    pub children: Vec<Addr>,
}

/// A file's name as guru shows it: no more than 4096 characters.
fn as_shown(place: &Place) -> Place {
    let file = match place.file.char_indices().nth(4096) {
        Some((end, _)) => format!("{}…", &place.file[..end]),
        None => place.file.clone(),
    };
    Place { file, ..place.clone() }
}

/// The Python frames of a stack, as far as they are shown, outermost first.
pub fn places(stack: &Stack) -> Vec<Place> {
    let python = |frame: &&Frame| frame.language == Language::Python && !frame.internal;
    let place = |frame: &Frame| Place {
        file: frame.file.as_ref().unwrap().raw().to_owned(),
        line: frame.line,
        name: frame.function.as_ref().unwrap().raw().to_owned(),
        qualified: frame.qualified_name.as_ref().map(|name| name.raw().to_owned()),
    };
    stack.frames.iter().filter(python).map(place).collect()
}

/// Fails unless the Python frames of a stack are these, which are given innermost first.
pub fn assert_same(stack: &Stack, truth: &[Place], what: &str) {
    let shown = places(stack);
    let expected: Vec<Place> = truth.iter().rev().map(as_shown).collect();
    if stack.omitted.is_none() {
        assert!(shown == expected, "{what}: {}", difference(&shown, &expected));
        return;
    }
    // The middle of a very deep stack is left out: both ends of it are what they are.
    let same = |(a, b): &(&Place, &Place)| a == b;
    let outer = shown.iter().zip(&expected).take_while(same).count();
    let inner = shown.iter().rev().zip(expected.iter().rev()).take_while(same).count();
    assert!(outer + inner >= shown.len(), "{what}: {outer} and {inner} of {}", shown.len());
}

/// The first place where two stacks differ, for whoever has to find out why.
fn difference(shown: &[Place], expected: &[Place]) -> String {
    let at = shown.iter().zip(expected).take_while(|(a, b)| a == b).count();
    let (got, wanted) = (shown.get(at), expected.get(at));
    let (count, of) = (shown.len(), expected.len());
    format!("{count} frames for {of}; frame {at} from outside is {got:?}, should be {wanted:?}")
}

/// The green threads of a report that are of this kind.
pub fn green_threads(report: &Report, kind: ExecutionKind) -> Vec<&Execution> {
    let section = report.sections.iter().find(|section| section.id == "green_threads").unwrap();
    let mut executions = Vec::new();
    for block in &section.blocks {
        match block {
            Block::Executions { executions: more } => executions.extend(more),
            other => panic!("{other:?}"),
        }
    }
    executions.retain(|execution| execution.kind == kind);
    executions
}

/// The green thread with this address.
pub fn at<'a>(executions: &[&'a Execution], address: Addr) -> Option<&'a Execution> {
    let mut found = executions.iter().filter(|execution| execution.address == Some(address));
    let first = found.next().copied();
    assert!(found.next().is_none(), "{address} is there twice");
    first
}

/// An object that was asked for.
pub fn object<'a>(report: &'a Report, path: &str) -> &'a NamedObject {
    let blocks = report.sections.iter().flat_map(|section| &section.blocks);
    let mut objects = blocks.filter_map(|block| match block {
        Block::Objects { objects } => Some(objects),
        _ => None,
    });
    let found = objects.find_map(|all| all.iter().find(|object| object.path == path));
    found.unwrap_or_else(|| panic!("no {path}"))
}

/// Fails if something that could be in a report is missing from it.
pub fn assert_whole(report: &Report) {
    let missing: Vec<_> =
        report.all_notes().filter(|note| note.weight == Weight::Missing).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Fails unless these green threads are those of the truth: none missing, none made up.
pub fn assert_same_set<'a>(shown: &[&Execution], truth: impl IntoIterator<Item = &'a GreenTruth>) {
    let mut extra = shown.to_vec();
    let mut missing: Vec<&GreenTruth> = truth.into_iter().collect();
    let count = missing.len();
    missing.retain(|each| {
        at(shown, each.address).is_none() || {
            extra.retain(|execution| execution.address != Some(each.address));
            false
        }
    });
    let described: Vec<String> = extra
        .iter()
        .map(|each| format!("{:?} {:?} {:?}", each.address, each.type_name, each.state))
        .collect();
    let (more, fewer) = (extra.len(), missing.len());
    assert!(
        extra.is_empty() && missing.is_empty(),
        "{fewer} of {count} are missing, {more} are too many: {missing:?}, {described:?}"
    );
}
