//! The view of JSON: a line for each section (`views/json/generic.py`), whose models are those of
//! `models/*.py`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::context::Context;
use super::processes::{Tree, node};
use super::{configuration, fields, threads};
use crate::data::Data;
use crate::note::Note;
use crate::report::{Block, Execution, ExecutionKind, OptionGroup, ProcessNode};
use crate::repr;
use crate::text::Text;

/// The longest line that is read: the largest report that was seen has 2.6 MB, and a parsed
/// line needs up to sixteen times as much memory.
const MAX_LINE: usize = 6 << 20;

/// Reads a standard section by the stable name that guru has for it. Gives the text back if it is
/// not that.
pub(super) fn standard(
    context: &mut Context,
    id: &str,
    body: &str,
    blocks: &mut Vec<Block>,
) -> String {
    let block = match id {
        "package" => package(context, body),
        "threads" => executions(context, body, ExecutionKind::Thread),
        "green_threads" => executions(context, body, ExecutionKind::Greenlet),
        "processes" => processes(context, body),
        _ => configuration(context, body),
    };
    let rest = if block.is_some() { String::new() } else { body.to_owned() };
    blocks.extend(block);
    rest
}

/// Any value of JSON.
pub(super) fn value(line: &str) -> Option<Data> {
    read::<Value>(line).map(data)
}

fn read<'a, T: Deserialize<'a>>(line: &'a str) -> Option<T> {
    if line.len() > MAX_LINE {
        return None;
    }
    serde_json::from_str(line).ok()
}

fn data(value: Value) -> Data {
    match value {
        Value::Null => Data::None,
        Value::Bool(value) => Data::Bool(value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Data::Int(number),
            (None, Some(float)) if number.is_f64() => Data::Float(float),
            // A whole number that does not fit.
            _ => Data::Object(number.to_string().into()),
        },
        Value::String(text) => Data::text(text),
        Value::Array(items) => Data::List(items.into_iter().map(data).collect()),
        Value::Object(items) => {
            Data::Map(items.into_iter().map(|(name, item)| (name.into(), data(item))).collect())
        }
    }
}

fn package(context: &mut Context, line: &str) -> Option<Block> {
    let Data::Map(items) = value(line)? else { return None };
    let fields = items.iter().map(|(name, value)| {
        let value = (*value != Data::None).then(|| repr::str(value));
        fields::field(context, name.raw(), value)
    });
    Some(Block::Fields { fields: fields.collect() })
}

/// `ThreadModel`, `GreenThreadModel`
#[derive(Deserialize)]
struct Flow {
    thread_id: Option<u64>,
    stack_trace: StackTrace,
}

/// `StackTraceModel`
#[derive(Deserialize)]
struct StackTrace {
    lines: Vec<Line>,
    root_exception: Option<Value>,
}

#[derive(Deserialize)]
struct Line {
    filename: String,
    line: Option<u32>,
    name: String,
    code: Option<String>,
}

fn executions(context: &mut Context, line: &str, kind: ExecutionKind) -> Option<Block> {
    let flows: BTreeMap<String, Flow> = read(line)?;
    let mut executions = Vec::new();
    for flow in flows.into_values() {
        let mut execution = Execution { kind, ident: flow.thread_id, ..Execution::default() };
        for line in flow.stack_trace.lines {
            let place = (line.filename.as_str(), line.line, line.name.as_str());
            let frame = threads::frame(context, place, line.code.as_deref());
            execution.stack.frames.push(frame);
            if !context.take() {
                return None;
            }
        }
        if let Some(exception) = flow.stack_trace.root_exception {
            let exception = context.text(&repr::str(&data(exception)));
            let text = format!("it was handling an exception: {}", exception.raw());
            execution.notes.push(Note::remark("thread", text));
        }
        if !context.take() {
            return None;
        }
        executions.push(execution);
    }
    Some(Block::Executions { executions })
}

/// `ProcessModel`
#[derive(Deserialize)]
struct Process {
    pid: i32,
    parent_pid: i32,
    uids: Uids,
    username: String,
    state: String,
    command: Vec<String>,
    children: Vec<Process>,
}

#[derive(Deserialize)]
struct Uids {
    real: u32,
}

fn processes(context: &mut Context, line: &str) -> Option<Block> {
    let mut tree = Tree::default();
    let mut open = vec![read::<Process>(line)?];
    while let Some(process) = open.pop() {
        let ids = (process.pid, process.parent_pid);
        let user = (process.username.as_str(), process.uids.real);
        let node = node(context, ids, user, &process.state);
        let command = context.secrets.mask_argv(&process.command);
        let command = command.into_iter().map(Text::from).collect();
        if !context.take() || !tree.add(ProcessNode { command, ..node }) {
            return None;
        }
        open.extend(process.children.into_iter().rev());
    }
    tree.block()
}

fn configuration(context: &mut Context, line: &str) -> Option<Block> {
    let Data::Map(items) = value(line)? else { return None };
    let mut groups = Vec::new();
    for (name, options) in items {
        let Data::Map(options) = options else { return None };
        let name = context.text(name.raw());
        let options = options.into_iter();
        let options = options.map(|(name, value)| configuration::option(context, name, value));
        groups.push(OptionGroup { name, options: options.collect() });
    }
    Some(configuration::options(groups))
}
