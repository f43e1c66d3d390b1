//! A small report for the tests of the renderers: something of everything the model has.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::{Frames, Renderer};
use crate::addr::Addr;
use crate::data::Data;
use crate::note::Note;
use crate::report::*;
use crate::stack::{Frame, Language, Omitted, Stack, StackEnd, Trust};
use crate::text::Text;
use crate::value::{Item, Local, Mark, Value};

pub fn rendered(renderer: &dyn Renderer, report: &Report) -> String {
    rendered_with(renderer, report, Frames::Merged)
}

pub fn rendered_with(renderer: &dyn Renderer, report: &Report, frames: Frames) -> String {
    let mut out = Vec::new();
    renderer.render(report, frames, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

pub fn native(function: &str, module: &str, address: u64) -> Frame {
    Frame {
        function: Some(function.into()),
        module: Some(module.into()),
        address: Some(Addr(0x7f00_0000_0000 + address)),
        module_address: Some(Addr(address)),
        ..Frame::new(Language::Native, Trust::Cfi)
    }
}

pub fn python(file: &str, line: u32, function: &str, source: Option<&str>) -> Frame {
    Frame {
        function: Some(function.into()),
        file: Some(file.into()),
        line: Some(line),
        source: source.map(Text::from),
        ..Frame::new(Language::Python, Trust::Runtime)
    }
}

pub fn thread(ident: u64, frames: Vec<Frame>) -> Execution {
    Execution {
        ident: Some(ident),
        stack: Stack { frames, omitted: None, end: StackEnd::Root },
        ..Execution::default()
    }
}

pub fn process(pid: i32, ppid: i32, state: &str) -> ProcessNode {
    ProcessNode {
        pid,
        ppid,
        user: None,
        uid: 1000,
        state: state.into(),
        name: "sh".into(),
        command: Vec::new(),
        children: Vec::new(),
    }
}

pub fn option(name: &str, values: &[&str]) -> OptionValue {
    OptionValue {
        name: name.into(),
        value: match values {
            [value] => Data::text(*value),
            values => Data::List(values.iter().copied().map(Data::text).collect()),
        },
        set_by: None,
        origin: None,
        variable: None,
        masked: values == ["***"],
        unconverted: false,
    }
}

pub fn section(id: &str, title: &str, block: Block) -> SectionReport {
    SectionReport { id: id.into(), title: title.into(), blocks: vec![block], notes: Vec::new() }
}

pub fn report() -> Report {
    Report {
        schema: SCHEMA,
        guru: "0.1.0".into(),
        process: ProcessSummary {
            pid: 4711,
            name: "mini".into(),
            executable: Some("/usr/bin/python3.11".into()),
            command: vec!["python3".into(), "miniapp.py".into()],
            started: Some("2026-11-22T16:25:13Z".into()),
            runtimes: vec![RuntimeSummary {
                name: "python".into(),
                version: "3.11.7".into(),
                layout: "table 3.11".into(),
            }],
        },
        taken: Taken {
            at: "2026-11-22T16:25:19Z".into(),
            hold: Hold::All,
            paused_us: Some(80),
            held_us: Some(1300),
        },
        secrets_shown: false,
        no_own_report: None,
        sections: vec![
            package(),
            section("threads", "Threads", Block::Executions { executions: executions() }),
            section(
                "green_threads",
                "Green Threads",
                Block::NotLookedFor { why: "not yet".into() },
            ),
            section("processes", "Processes", processes()),
            configuration(),
            section("objects", "Objects", objects()),
            own(),
        ],
        notes: vec![Note::missing("memory", "a page was gone")],
    }
}

fn package() -> SectionReport {
    let field = |name: &str, value: Option<&str>, in_gmr| Field {
        name: name.into(),
        value: value.map(Text::from),
        in_gmr,
    };
    let fields = vec![
        field("version", Some("1.2"), true),
        field("vendor", Some("V"), true),
        field("product", None, true),
        field("build id", Some("0123"), false),
    ];
    section("package", "Package", Block::Fields { fields })
}

fn executions() -> Vec<Execution> {
    let mut waiting = thread(
        140_053_835_671_232,
        vec![
            native("_start", "/usr/bin/python3.11", 0x10),
            python("/srv/mini/miniapp.py", 37, "py_wait", Some("ev.wait()")),
            python("/usr/lib/python3.11/threading.py", 629, "wait", None),
            native("lock_PyThread_acquire_lock", "/usr/bin/python3.11", 0x20),
            native("pthread_cond_wait", "/lib/libc.so.6", 0x85e96),
        ],
    );
    if let Some(start) = waiting.stack.frames.first_mut() {
        start.internal = true;
        start.function = Some("_PyEval_Vector".into());
    }
    waiting.stack.frames[1].qualified_name = Some("Worker.py_wait".into());
    waiting.stack.frames[1].locals = locals();
    waiting.runtime_name = Some("MainThread".into());
    waiting.gil = Some(GilUse::Waits);
    waiting.collecting = true;
    waiting.seen = Some(Seen::Asleep);
    waiting.tid = Some(4711);
    waiting.name = Some("mini".into());
    waiting.state = Some("sleeping".into());
    waiting.waits = Some(Wait {
        call: Some("futex".into()),
        argument: None,
        futex: Some(Addr(0x7f21_c0de)),
        owner: Some(4712),
        wchan: Some("futex_wait_queue".into()),
    });
    let mut sleeping = thread(
        140_053_844_063_936,
        vec![python(
            "/srv/mini/miniapp.py",
            35,
            "c_sleep",
            Some("ctypes.CDLL(None).sleep(100000)"),
        )],
    );
    sleeping.tid = Some(4712);
    sleeping.state = Some("sleeping".into());
    sleeping.waits = Some(Wait {
        call: Some("poll".into()),
        argument: Some("1 descriptor".into()),
        ..Wait::default()
    });
    sleeping.notes = vec![Note::remark("thread 4712", "moved while it was read")];
    sleeping.native_stack = Some(Stack {
        frames: vec![native("poll", "/lib/libc.so.6", 0x10)],
        omitted: Some(Omitted { after: 0, frames: 9 }),
        end: StackEnd::Limit("1024 frames".into()),
    });
    let mut foreign = thread(140_053_879_872_384, vec![native("work", "/opt/w.so", 0x99)]);
    foreign.tid = Some(4713);
    // What only green threads have, for the formats that show a thread as it is.
    foreign.address = Some(Addr(0x7f21_0080));
    foreign.type_name = Some("greenlet.greenlet".into());
    foreign.role = Some(Role::Worker);
    foreign.awaits = vec![Awaited { what: "a timer".into(), address: Some(Addr(0x7f21_00c0)) }];
    foreign.stack.end = StackEnd::Broken("no rules for 0x7f0000001000".into());
    vec![waiting, sleeping, foreign]
}

fn leaf(type_name: &str, shown: &str) -> Value {
    Value { type_name: type_name.into(), shown: Some(shown.into()), ..Value::default() }
}

/// A list that was cut, in an object.
fn service() -> Value {
    let hosts = Value {
        type_name: "list".into(),
        address: Some(Addr(0x7f21_0040)),
        size: Some(9),
        items: vec![Item { key: None, value: leaf("str", "'node-1'") }],
        mark: Some(Mark::Cut),
        ..Value::default()
    };
    let hosts = Item { key: Some(leaf("str", "'hosts'")), value: hosts };
    let long = leaf("str", &format!("'{}'", "x".repeat(100)));
    let motto = Item { key: Some(leaf("str", "'motto'")), value: long };
    Value { type_name: "mini.Service".into(), items: vec![hosts, motto], ..Value::default() }
}

fn locals() -> Vec<Local> {
    let masked = Value { mark: Some(Mark::Masked), ..leaf("str", "***") };
    vec![
        Local { name: "self".into(), value: service() },
        Local { name: "password".into(), value: masked },
    ]
}

fn objects() -> Block {
    let missing = Some("`mini` has no attribute `nothing`".into());
    let objects = vec![
        NamedObject { path: "mini.service".into(), value: Some(service()), missing: None },
        NamedObject { path: "mini.nothing".into(), value: None, missing },
    ];
    Block::Objects { objects }
}

/// A section of one's own, with something of every kind of text.
fn own() -> SectionReport {
    let file = ConfigFile {
        path: "/etc/mini/cells".into(),
        why: "named by --section".into(),
        modified: Some("2026-11-22T17:00:00Z".into()),
        changed_since_start: false,
        replaced_since_start: true,
        unread: None,
    };
    let text =
        |file, command, text: &str, left| Block::Text { file, command, text: text.into(), left };
    let run = |command: &str| CommandRun { command: command.into(), ..CommandRun::default() };
    let failed = CommandRun {
        status: Some(3),
        errors: "no such cell\n".into(),
        errors_left: 5,
        ..run("mini-status --cells")
    };
    let hung = CommandRun { signal: Some(9), killed_after_ms: Some(10_000), ..run("sleep 1000") };
    let not_run = CommandRun { failed: Some("no time was left for it".into()), ..run("true") };
    let blocks = vec![
        text(Some(file), None, "cell1\n\tup\n", 0),
        text(None, Some(failed), "==== forged ====\n", 1_048_576),
        text(None, Some(hung), "", 0),
        text(None, Some(not_run), "", 0),
    ];
    SectionReport { id: "own".into(), title: "Cells".into(), blocks, notes: Vec::new() }
}

fn processes() -> Block {
    let mut root = process(4711, 1, "sleeping");
    root.user = Some("root".into());
    root.uid = 0;
    root.command = vec!["python3".into(), "miniapp.py".into()];
    root.children = vec![process(43, 4711, "zombie")];
    Block::Processes { root }
}

fn configuration() -> SectionReport {
    let file = |path: &str, changed, unread: Option<&str>| ConfigFile {
        path: path.into(),
        why: "named by --config-file".into(),
        modified: unread.is_none().then(|| "2026-11-22T17:00:00Z".into()),
        changed_since_start: changed,
        replaced_since_start: false,
        unread: unread.map(Text::from),
    };
    let mut connection = option("connection", &["***"]);
    connection.origin = Some(Origin { file: "/srv/mini/mini.conf".into(), line: 7 });
    connection.set_by = Some(SetBy::File);
    connection.unconverted = true;
    let mut port = option("port", &["80"]);
    port.set_by = Some(SetBy::Environment);
    port.variable = Some("OS_API__PORT".into());
    let object = ConfigObject {
        make: "oslo.config".into(),
        type_name: "oslo_config.cfg.ConfigOpts".into(),
        address: Addr(0x7f00_0000_2000),
        held_by: vec!["oslo_config.cfg.CONF".into()],
        started: true,
        arguments: vec!["--config-file".into(), "/srv/mini/mini.conf".into()],
    };
    let drift = vec![Drift {
        kind: DriftKind::ChangesOnRestart,
        place: Some(Origin { file: "/srv/mini/mini.conf".into(), line: 9 }),
        group: Some("Api".into()),
        option: Some("port".into()),
        now: Some(Data::Int(80)),
        then: Some(Data::Int(8080)),
        what: Some("the file was changed".into()),
    }];
    let groups = vec![
        OptionGroup {
            name: "default".into(),
            options: vec![option("plug", &["b", "a"]), connection],
        },
        OptionGroup { name: "Api".into(), options: vec![port] },
    ];
    let files = vec![
        file("/srv/mini/mini.conf", true, None),
        file("/srv/mini/gone.conf", false, Some("no such file")),
    ];
    let options = Block::Options { object: Some(object), files, groups, drift };
    let mut section = section("configuration", "Configuration", options);
    section.notes = vec![Note::missing("/srv/mini/gone.conf", "no such file")];
    section
}

pub fn threads(report: &mut Report) -> &mut Vec<Execution> {
    match &mut report.sections[1].blocks[0] {
        Block::Executions { executions } => executions,
        other => panic!("no threads: {other:?}"),
    }
}

pub fn root_process(report: &mut Report) -> &mut ProcessNode {
    match &mut report.sections[3].blocks[0] {
        Block::Processes { root } => root,
        other => panic!("no processes: {other:?}"),
    }
}
