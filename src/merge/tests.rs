//! Hand-made stacks. One line is one frame, outermost first: `module!function`, `~` before an
//! inlined one, `?` before a guessed one; a frame of Python is its bare name, `>` before one that
//! native code entered, `.` after a hidden one. A merged stack is written alike, with `(…)` around
//! what is internal.

use super::*;

const EVAL: &str = "libpython!_PyEval_EvalFrameDefault";

fn native(lines: &[&str]) -> Stack {
    let frames = lines.iter().map(|line| {
        let (guessed, line) = line.strip_prefix('?').map_or((false, *line), |line| (true, line));
        let (inlined, line) = line.strip_prefix('~').map_or((false, line), |line| (true, line));
        let (module, function) = line.split_once('!').unwrap_or(("", line));
        let module = match module {
            "libpython" => "/usr/lib/libpython3.11.so.1.0".to_owned(),
            "libc" => "/lib/x86_64-linux-gnu/libc.so.6".to_owned(),
            other => format!("/opt/{other}"),
        };
        let trust = if guessed { Trust::FramePointer } else { Trust::Cfi };
        Frame {
            function: Some(function.into()).filter(|_| !function.is_empty()),
            module: Some(module.into()),
            inlined,
            ..Frame::new(Language::Native, trust)
        }
    });
    Stack { frames: frames.collect(), omitted: None, end: StackEnd::Root }
}

fn python(lines: &[&str]) -> LanguageThread {
    let frames = lines.iter().rev().map(|line| {
        let (entry, line) = line.strip_prefix('>').map_or((false, *line), |line| (true, line));
        let (hidden, line) = line.strip_suffix('.').map_or((false, line), |line| (true, line));
        LanguageFrame {
            function: line.into(),
            file: "f.py".into(),
            line: Some(1),
            entry,
            hidden,
            ..LanguageFrame::default()
        }
    });
    LanguageThread { tid: 7, ident: 7, frames: frames.collect(), ..LanguageThread::default() }
}

fn merged(native: Stack, thread: &LanguageThread) -> Merged {
    let interpreter = Text::from("/usr/lib/libpython3.11.so.1.0");
    let runs_frames = |name: &str| name == "_PyEval_EvalFrameDefault";
    let runtime = Runtime {
        language: Language::Python,
        name: "Python",
        runs_frames: &runs_frames,
        interpreter: Some(&interpreter),
    };
    merge(native, thread, &runtime)
}

fn names(stack: &Stack) -> Vec<String> {
    let name = |frame: &Frame| {
        let function = frame.function.as_ref().map_or("", Text::raw);
        if frame.internal { format!("({function})") } else { function.to_owned() }
    };
    stack.frames.iter().map(name).collect()
}

/// Merges what fits without a remark.
fn names_of(native: Stack, thread: &LanguageThread) -> Vec<String> {
    let merged = merged(native, thread);
    assert_eq!(merged.native_stack, None);
    assert_eq!(merged.notes, []);
    names(&merged.stack)
}

fn notes(merged: &Merged) -> Vec<&str> {
    merged.notes.iter().map(|note| note.message.raw()).collect()
}

#[test]
fn a_thread_in_a_c_call_has_python_frames_between_the_native_ones() {
    let native = native(&[
        "libc!clone3",
        "libc!start_thread",
        "libpython!thread_run",
        EVAL,
        "libpython!time_sleep",
        "libc!clock_nanosleep",
    ]);
    let thread = python(&[">_bootstrap", "run", "wait"]);
    let expected = [
        "(clone3)",
        "(start_thread)",
        "(thread_run)",
        "_bootstrap",
        "run",
        "wait",
        "time_sleep",
        "clock_nanosleep",
    ];
    assert_eq!(names_of(native, &thread), expected);
}

#[test]
fn frames_of_the_language_say_what_they_are() {
    let merged = merged(native(&[EVAL]), &python(&[">main"]));
    let frame = &merged.stack.frames[0];
    assert_eq!((frame.language, frame.trust), (Language::Python, Trust::Runtime));
    assert_eq!(frame.line, Some(1));
    assert_eq!(frame.file.as_ref().map(Text::raw), Some("f.py"));
    assert_eq!(frame.module, None);
}

#[test]
fn a_generator_is_an_entry_of_its_own() {
    let native = native(&[
        "python3.11!main",
        EVAL,
        "libpython!list_extend",
        "libpython!gen_iternext",
        EVAL,
        "libpython!builtin_input",
    ]);
    let thread = python(&[">main", "collect", ">generate"]);
    let expected = [
        "(main)",
        "main",
        "collect",
        "(list_extend)",
        "(gen_iternext)",
        "generate",
        "builtin_input",
    ];
    assert_eq!(names_of(native, &thread), expected);
}

#[test]
fn a_c_extension_that_calls_back_is_somebodys_program() {
    let native = native(&[
        "uwsgi!uwsgi_cycle",
        EVAL,
        "_ext.so!call_it_back",
        "libpython!PyObject_Call",
        EVAL,
        "_ext.so!work",
    ]);
    let thread = python(&[">app", ">callback"]);
    let expected = ["uwsgi_cycle", "app", "call_it_back", "(PyObject_Call)", "callback", "work"];
    assert_eq!(names_of(native, &thread), expected);
}

#[test]
fn functions_inlined_into_the_evaluation_go_with_it() {
    let native =
        native(&[EVAL, "~libpython!call_function", "libpython!f", EVAL, "~libpython!incref"]);
    let thread = python(&[">a", ">b"]);
    assert_eq!(names_of(native, &thread), ["a", "(f)", "b"]);
}

#[test]
fn a_hidden_frame_takes_its_activation_with_it() {
    let native = native(&[EVAL, "libpython!f", EVAL, "libpython!collect", EVAL, "libc!read"]);
    let thread = python(&[">a", ">b.", ">c"]);
    assert_eq!(names_of(native, &thread), ["a", "(f)", "(collect)", "c", "read"]);
}

#[test]
fn a_thread_without_python_frames_is_native() {
    let stack = native(&["libc!clone3", "pool.so!work"]);
    let merged = merged(stack.clone(), &python(&[]));
    assert_eq!(merged, Merged { stack, native_stack: None, notes: Vec::new() });
}

#[test]
fn a_thread_caught_while_it_enters_the_evaluation_keeps_that_frame_native() {
    let native = native(&[EVAL, "libpython!f", EVAL]);
    let expected = ["a", "f", "_PyEval_EvalFrameDefault"];
    assert_eq!(names_of(native, &python(&[">a"])), expected);
}

#[test]
fn stacks_that_do_not_fit_are_kept_side_by_side() {
    for lines in [
        &[EVAL, "libpython!f", EVAL, "libc!read"][..],
        &["libc!read"],
        &[EVAL, "_greenlet.so!g_initialstub", EVAL],
    ] {
        let native = native(lines);
        let groups = if lines.len() == 1 { &[">a", "b"][..] } else { &[">a"] };
        let merged = merged(native.clone(), &python(groups));
        assert_eq!(names(&merged.stack).len(), groups.len());
        assert_eq!(merged.stack.end, StackEnd::Root);
        assert_eq!(merged.native_stack, Some(native));
        assert!(notes(&merged)[0].contains("stand apart"));
    }
}

#[test]
fn a_native_stack_cut_at_its_outer_end_fits_from_the_inside() {
    let mut native = native(&["libpython!f", EVAL, "libpython!g", EVAL, "libc!read"]);
    native.end = StackEnd::Limit("budget".into());
    let merged = merged(native, &python(&[">a", "b", ">c", ">d", "e"]));
    assert_eq!(names(&merged.stack), ["a", "b", "(f)", "c", "(g)", "d", "e", "read"]);
    assert_eq!(merged.stack.end, StackEnd::Limit("budget".into()));
    assert_eq!(merged.native_stack, None);
    assert!(notes(&merged)[0].contains("not whole"));
}

#[test]
fn a_cut_native_stack_that_holds_all_entries_needs_no_remark() {
    let mut native = native(&[EVAL, "libc!read"]);
    native.end = StackEnd::Broken("no rules".into());
    assert_eq!(names_of(native, &python(&[">a"])), ["a", "read"]);
}

#[test]
fn a_cut_native_stack_that_was_guessed_stands_apart() {
    let mut native = native(&["libpython!f", EVAL, "?libpython!g", EVAL, "libc!read"]);
    native.end = StackEnd::Broken("no rules".into());
    let merged = merged(native, &python(&[">a", ">b", ">c"]));
    assert_eq!(names(&merged.stack), ["a", "b", "c"]);
    assert!(merged.native_stack.is_some());
}

#[test]
fn frames_left_out_of_the_middle_are_filled_from_both_ends() {
    let mut native = native(&["libc!start", EVAL, "libpython!f", EVAL, "libc!read"]);
    native.omitted = Some(Omitted { after: 2, frames: 10 });
    let merged = merged(native, &python(&[">a", "b", ">c", ">d", ">e"]));
    assert_eq!(names(&merged.stack), ["(start)", "a", "b", "c", "d", "(f)", "e", "read"]);
    assert_eq!(merged.stack.omitted, Some(Omitted { after: 3, frames: 10 }));
}

#[test]
fn a_python_stack_that_ends_early_fits_from_the_inside() {
    let native = native(&["libc!start", EVAL, "libpython!f", EVAL, "libc!read"]);
    let mut thread = python(&["b", "c"]);
    thread.broken = Some("limit".into());
    let merged = merged(native, &thread);
    let expected = ["(start)", "(_PyEval_EvalFrameDefault)", "(f)", "b", "c", "read"];
    assert_eq!(names(&merged.stack), expected);
    assert_eq!(merged.stack.end, StackEnd::Broken("limit".into()));
    assert_eq!(notes(&merged), ["its Python stack ends early: limit"]);
}

#[test]
fn two_stacks_that_both_end_early_stand_apart() {
    let mut native = native(&[EVAL, "libc!read"]);
    native.end = StackEnd::Limit("budget".into());
    let mut thread = python(&["b"]);
    thread.broken = Some("limit".into());
    let merged = merged(native, &thread);
    assert_eq!(merged.native_stack.as_ref().map(|stack| stack.frames.len()), Some(2));
    assert_eq!(merged.stack.end, StackEnd::Broken("limit".into()));
    assert_eq!(merged.notes.len(), 2);
}

#[test]
fn a_stack_that_was_not_read_leaves_the_language_alone() {
    let mut native = native(&[]);
    native.end = StackEnd::Unread("no registers".into());
    let merged = merged(native, &python(&[">a", ">b"]));
    assert_eq!(names(&merged.stack), ["a", "b"]);
    assert_eq!(merged.stack.end, StackEnd::Unread("no registers".into()));
}

#[test]
fn only_the_interpreter_and_the_c_library_are_machinery() {
    for name in
        ["libc.so.6", "libc-2.31.so", "ld-linux-x86-64.so.2", "[vdso]", "python3.11", "python"]
    {
        assert!(is_machinery(name), "{name}");
    }
    for name in ["uwsgi", "libcurl.so.4", "pythonista", "_ext.cpython-311-x86_64-linux-gnu.so"] {
        assert!(!is_machinery(name), "{name}");
    }
}
