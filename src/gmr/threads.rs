//! Threads and green threads of the text view: `views/text/threading.py`.

use super::context::{Context, push_line};
use crate::note::Note;
use crate::report::{Block, Execution, ExecutionKind};
use crate::stack::{Frame, Language, Trust};

/// What stands below a thread that has no stack.
const NONE: &str = "No Traceback!";

/// Reads the threads, and gives back the lines that are none of theirs.
pub(super) fn threads(
    context: &mut Context,
    body: &str,
    kind: ExecutionKind,
    blocks: &mut Vec<Block>,
) -> String {
    let mut rest = String::new();
    let mut executions: Vec<Execution> = Vec::new();
    let mut lines = body.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(execution) = bar(line, kind).filter(|_| context.take()) {
            executions.push(execution);
            continue;
        }
        let Some(execution) = executions.last_mut() else {
            if !line.is_empty() {
                push_line(&mut rest, line);
            }
            continue;
        };
        let place = place(line);
        let source = place.and_then(|_| source(lines.peek()?));
        if let Some((place, source)) = place.zip(source).filter(|_| context.take()) {
            lines.next();
            execution.stack.frames.push(frame(context, place, source));
        } else if let Some(exception) = line.strip_prefix("Exception: ") {
            // Python 2 only: what the thread was handling.
            let exception = context.text(exception);
            let text = format!("it was handling an exception: {}", exception.raw());
            execution.notes.push(Note::remark("thread", text));
            lines.next_if(|line| !line.is_empty() && line.bytes().all(|byte| byte == b'-'));
        } else if !line.is_empty() && (line != NONE || !execution.stack.frames.is_empty()) {
            push_line(&mut rest, line);
        }
    }
    blocks.push(Block::Executions { executions });
    rest
}

/// The thread that the bar over a stack names.
fn bar(line: &str, kind: ExecutionKind) -> Option<Execution> {
    let label = line.strip_prefix("------")?.strip_suffix("------")?.trim();
    let ident = match kind {
        ExecutionKind::Thread => Some(label.strip_prefix("Thread #")?.parse().ok()?),
        _ => None.filter(|_: &u64| label == "Green Thread"),
    };
    let fits = ident.is_some() || (kind == ExecutionKind::Greenlet && label == "Green Thread");
    fits.then(|| Execution { kind, ident, ..Execution::default() })
}

/// `FILE:LINE in NAME`. Names have no spaces; files may have anything.
fn place(line: &str) -> Option<(&str, Option<u32>, &str)> {
    let (place, name) = line.rsplit_once(" in ")?;
    let (file, number) = place.rsplit_once(':')?;
    let number = match number {
        // A frame that is on no line.
        "None" => None,
        number => Some(number.parse().ok()?),
    };
    Some((file, number, name))
}

/// The source line, and whether there is one.
fn source(line: &str) -> Option<Option<&str>> {
    match line.strip_prefix("    ")? {
        "(source not found)" => Some(None),
        source => Some(Some(source.strip_prefix('`')?.strip_suffix('`')?)),
    }
}

/// A frame as the runtime tells it.
pub(super) fn frame(
    context: &mut Context,
    (file, line, name): (&str, Option<u32>, &str),
    source: Option<&str>,
) -> Frame {
    Frame {
        function: Some(context.text(name)),
        file: Some(context.text(file)),
        line,
        source: source.map(|source| context.text(source)),
        ..Frame::new(Language::Python, Trust::Runtime)
    }
}
