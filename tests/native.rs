//! Native stacks are gdb's, frame by frame: in every variant of the programs with known stacks,
//! and in programs as a distribution ships them.

use crate::support::gdb::{self, FrameKind};
use crate::support::{
    EPOLL_WAIT, Target, await_some, evidence, functions, python, reads_stdin, report,
    skip_impossible, thread_named, thread_states, threads,
};
use guru::arch::Registers;
use guru::assemble;
use guru::report::Execution;
use guru::section::SECTIONS;
use guru::stack::{Frame, StackEnd};
use guru::symbol::demangle;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

const NONE: &[&str] = &[];

/// How the kernel's frame around a signal handler is called, by gdb and by guru.
const SIGNAL_FRAME: &str = "<signal handler called>";

#[test]
fn c_stacks_with_debug_information_are_gdbs() {
    for variant in ["O0", "O2", "O2-nofp", "O2-nohdr", "O2-debugframe", "O2-debuglink"] {
        compare_variant(variant);
    }
}

#[test]
fn c_stacks_without_debug_information_are_gdbs() {
    for variant in ["O2-nodebug", "O2-stripped"] {
        compare_variant(variant);
    }
}

#[test]
fn static_c_stacks_are_gdbs() {
    for variant in ["static", "static-pie"] {
        compare_variant(variant);
    }
}

#[test]
fn cpp_stacks_are_gdbs() {
    for variant in ["cpp-O0", "cpp-O2"] {
        compare_variant(variant);
    }
}

#[test]
fn rust_stacks_are_gdbs() {
    for variant in ["rs-O0", "rs-O2", "rs-stripped"] {
        compare_variant(variant);
    }
}

/// Where there are no rights for more, program counter and stack pointer are all that is known of who
/// sleeps.
#[test]
fn stacks_that_begin_with_two_registers_are_the_same_or_marked() {
    let variants = ["O0", "O2", "O2-nofp", "static", "cpp-O0", "cpp-O2", "rs-O0", "rs-O2"];
    let (mut same, mut whole, mut all) = (0, 0, 0);
    for variant in variants {
        let Some(target) = Target::spawn(&format!("stacks-{variant}"), NONE) else { return };
        let mut evidence = evidence(target.pid());
        let truth = assemble::report(&evidence, SECTIONS);
        for thread in &mut evidence.snapshot.threads {
            let Some(known) = &mut thread.registers else { continue };
            let mut bare = Registers::new(known.arch, known.pc);
            bare.set(known.arch.numbers().sp, known.sp().map(|sp| sp.0));
            *known = bare;
        }
        let report = assemble::report(&evidence, SECTIONS);
        for (found, truth) in threads(&report).iter().zip(threads(&truth)) {
            let addresses = |thread: &Execution| -> Vec<_> {
                thread.stack.frames.iter().map(|frame| frame.address).collect()
            };
            let is_same = addresses(found) == addresses(truth);
            let is_guessed = found.stack.frames.iter().any(|frame| frame.trust.is_guess());
            let is_whole = found.stack.end == StackEnd::Root;
            assert!(is_same || is_guessed || !is_whole, "{variant}: {found:#?}\n{truth:#?}");
            same += usize::from(is_same);
            whole += usize::from(is_whole);
            all += 1;
        }
        assert!(target.end());
    }
    assert!(all > 50 && same * 100 >= all * 95, "{same} of {all} the same, {whole} with a root");
}

#[test]
fn the_stack_of_a_running_thread_ends_at_the_same_root() {
    let Some(target) = Target::spawn("stacks-O2", &["spin"]) else { return };
    let report = report(target.pid());
    let spin = thread_named(&report, "spin");
    assert_eq!(functions(spin), ["clone3", "start_thread", "enter", "spin"]);
    assert_eq!(spin.state.as_deref(), Some("running"));
    assert!(report.taken.paused_us.is_some(), "{:?}", report.taken);
}

#[test]
fn stacks_of_everyday_programs_are_gdbs() {
    let mut sleep = Command::new("sh");
    sleep.args(["-c", "echo ready $$; exec sleep 1000"]);
    let sleep = Target::start(sleep);
    let pid = sleep.pid();
    await_some("sleep sleeps", || {
        let call = thread_states(pid).get(&pid)?.call;
        (call == Some(libc::SYS_clock_nanosleep)).then_some(())
    });
    compare("sleep", pid);
    assert!(thread_states(pid)[&pid].state == 'S');

    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", "echo ready $$; read -r line; exit 0"]);
    let bash = Target::start(bash);
    await_some("bash reads", || reads_stdin(bash.pid()).then_some(()));
    compare("bash", bash.pid());
    assert!(bash.end());
}

#[test]
fn what_the_threads_wait_in_is_named() {
    let Some(target) = Target::spawn("stacks-O2", NONE) else { return };
    let pid = target.pid();
    let report = report(pid);
    let wait = |name| thread_named(&report, name).waits.clone().unwrap();
    let argument = |name| wait(name).argument.unwrap().raw().to_owned();
    let tid = |name| thread_named(&report, name).tid.unwrap();

    assert_eq!(wait("mutex").owner, Some(tid("holder")));
    assert_eq!(wait("mutex").call.as_deref(), Some("futex"));
    assert!(wait("mutex").futex.is_some());
    for name in ["holder", "cond", "join"] {
        assert_eq!((wait(name).call.as_deref(), wait(name).owner), (Some("futex"), None), "{name}");
    }
    let joined = argument("join");
    assert!(joined.ends_with(&format!(": the end of thread {}", tid("pipe"))), "{joined}");

    // The pipe is fd 3: the first that the program opens.
    let pipe = std::fs::read_link(format!("/proc/{pid}/fd/3")).unwrap();
    let inode = pipe.to_str().unwrap().trim_start_matches("pipe:[").trim_end_matches(']');
    assert_eq!(argument("pipe"), format!("fd 3: pipe {inode}"));
    assert_eq!(argument("poll"), format!("fd 3: pipe {inode}"));

    let listening = argument("accept");
    assert!(listening.contains("socket tcp 127.0.0.1:"), "{listening}");
    assert!(listening.ends_with(" (listening)"), "{listening}");
    assert_eq!(argument("sleep"), "1000000.000 s");
    let children = format!("/proc/{pid}/task/{}/children", tid("waitpid"));
    let child = std::fs::read_to_string(children).unwrap();
    assert_eq!(argument("waitpid"), format!("child {}", child.trim()));
    for (name, call) in [("accept", "accept"), ("signal", "pause"), ("waitpid", "wait4")] {
        assert_eq!(wait(name).call.as_deref(), Some(call));
    }
    for thread in threads(&report) {
        assert_eq!(thread.state.as_deref(), Some("sleeping"), "{:?}", thread.name);
        assert!(thread.ident.is_some(), "{:?}", thread.name);
    }
}

#[test]
fn what_an_epoll_instance_watches_is_named() {
    let Some(python) = python() else { return skip_impossible("no Python 3.11") };
    let script = "import os, select, socket\n\
                  service, watcher = socket.create_server(('127.0.0.1', 0)), select.epoll()\n\
                  watcher.register(service)\n\
                  print('ready', os.getpid(), service.getsockname()[1], flush=True)\n\
                  watcher.poll()";
    let mut command = Command::new(python);
    command.args(["-c", script]);
    let target = Target::start(command);
    let pid = target.pid();
    await_some("it waits", || {
        (thread_states(pid).get(&pid)?.call == Some(EPOLL_WAIT)).then_some(())
    });
    let report = report(pid);
    let argument = threads(&report)[0].waits.as_ref().unwrap().argument.as_ref().unwrap();
    let listening = format!("socket tcp 127.0.0.1:{} (listening)", target.ready[1]);
    assert_eq!(argument.raw(), format!("fd 4: epoll of fd 3: {listening}"));
}

/// Compare every thread of a variant of `stacks`.
fn compare_variant(variant: &str) {
    let Some(target) = Target::spawn(&format!("stacks-{variant}"), NONE) else { return };
    compare(variant, target.pid());
    assert!(target.end(), "{variant}");
}

/// Compare every frame of every thread of a process with gdb's.
fn compare(what: &str, pid: i32) {
    let report = report(pid);
    let Some(expected) = gdb::backtraces(pid) else { return };
    let found: Vec<i32> = threads(&report).iter().filter_map(|thread| thread.tid).collect();
    assert_eq!(found, expected.keys().copied().collect::<Vec<_>>(), "{what}: threads");
    let differing: Vec<String> = threads(&report)
        .iter()
        .flat_map(|thread| differences(thread, &expected[&thread.tid.unwrap()]))
        .collect();
    assert!(differing.is_empty(), "{what}:\n{}", differing.join("\n"));
}

/// How a stack differs from gdb's, frame by frame, from the innermost.
fn differences(thread: &Execution, expected: &[gdb::Frame]) -> Vec<String> {
    let name = thread.name.as_ref().map_or("?", |name| name.raw());
    let mut found = Vec::new();
    if thread.stack.frames.len() != expected.len() {
        found.push(format!("{name}: {} frames, not {}", thread.stack.frames.len(), expected.len()));
    }
    if thread.stack.end != StackEnd::Root {
        found.push(format!("{name}: ends: {:?}", thread.stack.end));
    }
    for (level, (frame, gdb)) in thread.stack.frames.iter().rev().zip(expected).enumerate() {
        let mut differ = |field, ours: String, theirs: String| {
            found.push(format!("{name}: {level}: {field}: guru {ours}, gdb {theirs}"));
        };
        if frame.address.map(|addr| addr.0) != Some(gdb.address) {
            differ("address", format!("{:?}", frame.address), format!("{:#x}", gdb.address));
        }
        if frame.inlined != (gdb.kind == FrameKind::Inlined) {
            differ("inlined", frame.inlined.to_string(), format!("{:?}", gdb.kind));
        }
        if !same_function(frame, gdb) {
            differ("function", format!("{:?}", frame.function), format!("{gdb:?}"));
        }
        // Where there is no debug information gdb has neither.
        let file = frame.file.as_ref().map(|file| file.raw());
        if !same_place(file, frame.line, gdb) && !binutils_agree(frame, level) {
            let ours = format!("{file:?}:{:?}", frame.line);
            differ("place", ours, format!("{:?}:{:?}", gdb.file, gdb.line));
        }
    }
    found
}

fn same_function(frame: &Frame, gdb: &gdb::Frame) -> bool {
    let ours = frame.function.as_ref().map(|name| name.raw());
    if gdb.kind == FrameKind::Signal {
        return ours == Some(SIGNAL_FRAME);
    }
    // The object file's name, demangled in the same way, says most.
    let linkage = gdb.linkage_name.as_deref().map(demangle::name);
    let linkage = linkage.as_ref().map(|name| name.raw());
    let theirs = gdb.function.as_deref();
    if ours == linkage || ours == theirs {
        return true;
    }
    match gdb.linkage_name.as_deref() {
        // Functions that are local to a C++ file have no mangled name in the debug information,
        // and gdb makes one up, with types as it writes them.
        Some(made_up) => !made_up.starts_with("_Z") && ends_alike(ours, theirs),
        // Of several names of one symbol, gdb takes the one that comes last in the file.
        None => are_aliases(frame, ours, theirs),
    }
}

/// Whether the symbol table of the frame's module has both names at one address.
fn are_aliases(frame: &Frame, one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(module), Some(one), Some(other)) = (&frame.module, one, other) else { return false };
    let Ok(output) = Command::new("nm").arg(module.raw()).output() else { return false };
    let symbols = String::from_utf8_lossy(&output.stdout).into_owned();
    let addresses = |name: &str| -> BTreeSet<String> {
        let named = symbols.lines().filter_map(|line| line.rsplit_once(' '));
        let at = named.filter(|(_, found)| *found == name).filter_map(|(at, _)| at.split_once(' '));
        at.map(|(address, _)| address.to_owned()).collect()
    };
    !addresses(one).is_disjoint(&addresses(other))
}

/// Whether two C++ names are the same without the types in them, and but for the outer scopes: gdb
/// calls a lambda no more than `operator()`.
fn ends_alike(ours: Option<&str>, gdbs: Option<&str>) -> bool {
    let (Some(ours), Some(gdbs)) = (ours.map(bare), gdbs.map(bare)) else { return false };
    ours == gdbs || ours.ends_with(&format!("::{gdbs}"))
}

/// A C++ name without the types in it: no arguments, no arguments of templates, no lambda's number.
fn bare(name: &str) -> String {
    let name = name.replace("(anonymous namespace)", "anonymous");
    let mut depth = 0;
    let outside = |character: &char| {
        match character {
            '<' | '(' | '{' => depth += 1,
            '>' | ')' | '}' => depth -= 1,
            _ => return depth == 0,
        }
        false
    };
    let bare: String = name.chars().filter(outside).collect();
    // A return type before it, a `const` after it.
    let mut words = bare.split(' ').filter(|word| !matches!(*word, "const" | ""));
    words.next_back().unwrap_or_default().to_owned()
}

fn same_place(file: Option<&str>, line: Option<u32>, gdb: &gdb::Frame) -> bool {
    line == gdb.line && same_file(file, gdb.file.as_deref())
}

/// Whether binutils see this frame's place at its address, too. They decide where gdb, which only
/// knows lines at which a statement begins, shows the statement before (optimized C libraries).
fn binutils_agree(frame: &Frame, level: usize) -> bool {
    let (Some(module), Some(address)) = (&frame.module, frame.module_address) else { return false };
    // A return address belongs to the call before it.
    let address = address.0 - u64::from(level > 0);
    let output = Command::new("addr2line")
        .args(["-i", "-e", module.raw(), &format!("{address:#x}")])
        .output();
    let Ok(output) = output else { return false };
    let places = String::from_utf8_lossy(&output.stdout).into_owned();
    places.lines().any(|place| {
        let Some((file, rest)) = place.rsplit_once(':') else { return false };
        let line = rest.split(' ').next().and_then(|line| line.parse().ok());
        line == frame.line && same_file(frame.file.as_ref().map(|file| file.raw()), Some(file))
    })
}

/// Whether two paths name the same source file. gdb prints it whole, guru as the compiler wrote it.
fn same_file(ours: Option<&str>, gdbs: Option<&str>) -> bool {
    match (ours, gdbs) {
        (None, None) => true,
        (Some(ours), Some(gdbs)) => {
            let (ours, gdbs) = (tidy(ours), tidy(gdbs));
            ours.ends_with(&gdbs) || gdbs.ends_with(&ours)
        }
        _ => false,
    }
}

/// A path without `.`, `..` and a root.
fn tidy(path: &str) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => tidy.push(name),
            Component::ParentDir => _ = tidy.pop(),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    tidy
}
