//! Every process is seen, whatever it is called: a name is bytes, and the kernel cuts honest ones in
//! the middle of a character.

use std::process::Command;

use guru::text::Text;
use serde_json::Value;

use crate::support::{Target, guru, python, root, skip_impossible, stdout_of, thread_states};

/// What processes are called.
fn names() -> Vec<Vec<u8>> {
    let bytes: [&[u8]; 8] = [
        b"hid\xffden",
        b"\xff\xfe\x80",
        b") R 1 (",
        b"a) Z 0 (\nPid:\t1",
        b"two\nlines",
        b"((((",
        b"\x1b[31mred",
        b"a\\xff",
    ];
    let honest = "日本語プロセス名".as_bytes()[..15].to_vec();
    let cut = "ünïcödé-näme".as_bytes()[..15].to_vec();
    bytes.into_iter().map(<[u8]>::to_vec).chain([honest, cut]).collect()
}

/// A process without rights, its child and its thread, of this name.
fn named(name: &[u8]) -> Option<Target> {
    let Some(python) = python() else {
        skip_impossible("no Python 3.11");
        return None;
    };
    let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut command = Command::new(python);
    command.arg(root("fixtures/targets/names.py")).arg(hex);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Some(Target::start(command))
}

/// The names of all parts of a report that are those of a process or thread with this id.
fn named_by(value: &Value, key: &str, id: i32, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if fields.get(key) == Some(&Value::from(id))
                && let Some(Value::String(name)) = fields.get("name")
            {
                found.push(name.clone());
            }
            fields.values().for_each(|value| named_by(value, key, id, found));
        }
        Value::Array(values) => values.iter().for_each(|value| named_by(value, key, id, found)),
        _ => {}
    }
}

#[test]
fn a_process_is_reported_whatever_its_name() {
    for name in names() {
        let Some(target) = named(&name) else { return };
        let [pid, child, thread] = target.ready[..] else { panic!("{:?}", target.ready) };
        let expected = Text::from_bytes(&name);
        for seen in [pid, child] {
            let json = stdout_of(&guru(&["report", "--format", "json", &seen.to_string()]));
            let report: Value = serde_json::from_str(&json).unwrap();
            let name_of = |key, id| {
                let mut found = Vec::new();
                named_by(&report, key, id, &mut found);
                assert!(!found.is_empty(), "{name:?}: nobody has {key} {id}: {json}");
                assert!(found.iter().all(|found| *found == expected.raw()), "{name:?}: {found:?}");
            };
            name_of("pid", seen);
            if seen == pid {
                name_of("pid", child);
                name_of("tid", thread);
            }
            for format in ["text", "gmr"] {
                let text = stdout_of(&guru(&["report", "--format", format, &seen.to_string()]));
                assert!(text.contains(&seen.to_string()), "{name:?}: {text}");
                assert!(!text.contains('\x1b'), "{name:?}");
            }
        }
        assert!(target.end());
    }
}

#[test]
fn a_process_is_asked_whatever_its_name() {
    for name in names() {
        let Some(target) = named(&name) else { return };
        let [pid, child, _] = target.ready[..] else { panic!("{:?}", target.ready) };
        let output = guru(&["trigger", "--tree", &pid.to_string()]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{name:?}: {said}");
        for seen in [pid, child] {
            let refused = format!("guru: {seen} has no Guru Meditation Report");
            assert!(said.contains(&refused), "{name:?}: {said}");
        }
        assert_eq!(thread_states(pid).len(), 2);
        assert!(target.end());
    }
}
