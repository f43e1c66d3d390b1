//! The Configuration section on real processes: files of every kind, named in the usual ways, and
//! secrets wherever they may stand.

use crate::support::configuration::{configuration, directory, values};
use crate::support::sections::{options, section};
use crate::support::{Target, await_some, guru, python, report, skip_impossible, stdout_of, venv};
use guru::report::Report;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

/// A program of this name with these arguments, which it does not look at.
fn program<A: AsRef<OsStr>>(name: &str, args: &[A]) -> Target {
    let mut command = Command::new("/bin/sh");
    // No variable of whoever runs the tests names a file.
    command.env_clear().arg0(name).args(["-c", "echo ready $$; read line", name]).args(args);
    Target::start(command)
}

fn run_guru(target: &Target, format: &str) -> Output {
    guru(&["report", "--format", format, &target.pid().to_string()])
}

/// A program that hands its command line to oslo.config and prints what that makes of it. It becomes
/// another one then, without the object that holds it: only its files are left to be read.
const OSLO_PROGRAM: &str = r#"
import json, os, sys
from oslo_config import cfg
conf = cfg.ConfigOpts()
names = ["plain", "colon", "spaces", "quoted", "single", "continued", "empty", "later", "twice"]
conf.register_opts([cfg.StrOpt(name) for name in names])
conf.register_opts([cfg.MultiStrOpt("many")])
conf.register_opts([cfg.StrOpt("host"), cfg.StrOpt("later")], group="api")
conf(sys.argv[1:], project="guru-test-app", default_config_files=[], default_config_dirs=[])
values = {name: conf[name] for name in names + ["many"]}
os.environ["VALUES"] = json.dumps({"default": values, "api": dict(conf.api)})
waiting = os.path.join(os.path.dirname(sys.argv[0]), "waiting.py")
os.execv(sys.executable, [sys.executable, waiting] + sys.argv[1:])
"#;

const WAITING: &str = r#"
import os, sys
import oslo_config
print("ready", os.getpid(), flush=True)
print(os.environ["VALUES"], flush=True)
sys.stdin.read()
"#;

#[test]
fn files_are_read_as_oslo_config_reads_them() {
    let Some(interpreter) = venv("mini") else { return };
    let first = "\
# a comment\n; another\n[DEFAULT]\nplain = one\ncolon: two\nspaces   =   three  \n\
quoted = \"with spaces \"\nsingle = 'x'\ncontinued = a\n  b\n  c\nempty =\nlater = first\n\
twice = 1\ntwice = 2\nmany = m1\nmany = m2\n[api]\nhost = h # no comment\n";
    let files = directory(&[
        ("app.py", OSLO_PROGRAM),
        ("waiting.py", WAITING),
        ("first.conf", first),
        ("app.d/20-b.conf", "[DEFAULT]\nlater = second\nmany = m3\n[API]\nlater = upper\n"),
        ("app.d/10-a.conf", "[DEFAULT]\nlater = never\n"),
        ("app.d/ignored.txt", "[DEFAULT]\nlater = ignored\n"),
    ]);
    let path = |name: &str| files.path().join(name);
    let mut command = Command::new(interpreter);
    command.arg(path("app.py")).arg("--config-file").arg(path("first.conf"));
    command.arg(format!("--config-dir={}", path("app.d").display()));
    let target = Target::start(command);
    let truth: BTreeMap<String, BTreeMap<String, serde_json::Value>> =
        serde_json::from_str(&target.line()).unwrap();
    let report = report(target.pid());
    let [(read, groups)] = configuration(&report)[..] else { panic!("one configuration") };

    let paths: Vec<&str> = read.iter().map(|file| file.path.raw()).collect();
    let expected = ["first.conf", "app.d/10-a.conf", "app.d/20-b.conf"].map(path);
    assert_eq!(paths, expected.each_ref().map(|path| path.to_str().unwrap()));
    assert_eq!(read[0].why, "named by --config-file");
    assert_eq!(read[2].why, "in a directory named by --config-dir");
    let shown = values(groups);
    for (group, options) in truth {
        for (name, value) in options {
            let expected: Vec<&str> = match &value {
                serde_json::Value::Array(items) => {
                    items.iter().map(|item| item.as_str().unwrap()).collect()
                }
                value => vec![value.as_str().unwrap()],
            };
            let key = format!("{group}.{name}");
            let key = if group == "default" { format!("DEFAULT.{name}") } else { key };
            let ours = shown.get(&key).unwrap_or_else(|| panic!("{key} of {shown:?}"));
            // Which values count, if one was given twice, is a matter of the option's type.
            let ours = if value.is_array() { &ours[..] } else { &ours[ours.len() - 1..] };
            assert_eq!(ours, expected, "{key}");
        }
    }
}

#[test]
fn a_file_that_changed_after_the_start_is_marked() {
    let files = directory(&[("old.conf", "a 1\n"), ("new.conf", "b 2\n")]);
    let path = |name: &str| files.path().join(name);
    let write_at =
        |name, time| File::options().append(true).open(path(name)).unwrap().set_modified(time);
    let hour = Duration::from_secs(3600);
    write_at("old.conf", SystemTime::now() - hour).unwrap();
    let target = program("app", &[path("old.conf"), path("new.conf")]);
    write_at("new.conf", SystemTime::now() + hour).unwrap();
    let report = report(target.pid());
    let changed: Vec<bool> =
        configuration(&report).iter().map(|(files, _)| files[0].changed_since_start).collect();
    assert_eq!(changed, [false, true]);
    let text = stdout_of(&run_guru(&target, "text"));
    assert_eq!(text.matches(" · changed since the process started\n").count(), 1, "{text}");
}

#[test]
fn a_file_that_was_replaced_by_an_older_one_is_marked() {
    let files = directory(&[("a.conf", "a 1\n"), ("older", "a 2\n")]);
    let path = |name: &str| files.path().join(name);
    for name in ["a.conf", "older"] {
        let past = SystemTime::now() - Duration::from_secs(3600);
        File::options().append(true).open(path(name)).unwrap().set_modified(past).unwrap();
    }
    let target = program("app", &[path("a.conf")]);
    let line = |mark: &str| {
        let text = stdout_of(&run_guru(&target, "text"));
        let mut lines = text.lines().filter(|line| line.contains("/a.conf · "));
        lines.next().is_some_and(|line| line.ends_with(mark))
    };
    assert!(line("Z"));
    fs::rename(path("older"), path("a.conf")).unwrap();
    await_some(
        "it is seen to be younger than the process, whose start is known to the second",
        || {
            fs::set_permissions(path("a.conf"), Permissions::from_mode(0o644)).unwrap();
            line(" · changed or replaced since the process started").then_some(())
        },
    );
}

#[test]
fn variables_of_every_usual_name_lead_to_files() {
    let files = directory(&[
        ("a.yaml", "a: 1\n"),
        ("o.ini", "[o]\nb = 2\n"),
        ("settings.cfg", "SECRET_KEY = 'hunter2'\n"),
    ]);
    let path = |name: &str| files.path().join(name);
    let mut command = Command::new("/bin/sh");
    command.env_clear().args(["-c", "echo ready $$; read line", "app"]).current_dir(files.path());
    command.env("CONFIG", path("a.yaml")).env("MY_SETTINGS", path("settings.cfg"));
    command.env("FOO_CONFIG_FILE", "o.ini").env("GONE_CONF", "./gone.conf");
    // A directory, what a user need not have, what is none on purpose, and no path.
    command.env("DOCKER_CONFIG", "/nowhere").env("AWS_CONFIG_FILE", "/root/.nowhere/config");
    command.env("PIP_CONFIG_FILE", "/dev/null").env("APP_SETTINGS", "app.config.Production");
    let target = Target::start(command);
    let output = run_guru(&target, "json");
    // What a variable names and is not there is told, and is nothing that is missing.
    assert_eq!(output.status.code(), Some(0));
    let report: Report = serde_json::from_str(&stdout_of(&output)).unwrap();
    let shown: BTreeMap<String, String> = configuration(&report)
        .iter()
        .map(|(files, _)| (files[0].path.raw().to_owned(), files[0].why.clone()))
        .collect();
    let here = files.path().display();
    let expected = [
        ("a.yaml", "named by CONFIG"),
        (
            "gone.conf",
            "named by GONE_CONF, relative to its working directory, which it may have changed",
        ),
        ("o.ini", "named by FOO_CONFIG_FILE, relative to its working directory"),
        ("settings.cfg", "named by MY_SETTINGS"),
    ];
    let expected = expected.map(|(name, why)| (format!("{here}/{name}"), why.to_owned()));
    assert_eq!(shown, BTreeMap::from(expected));
    assert!(!stdout_of(&output).contains("hunter2"));
}

#[test]
fn a_config_file_of_a_python_program_without_oslo_config_is_read_by_its_form() {
    let Some(python) = python() else { return skip_impossible("no Python 3.11") };
    let files = directory(&[
        ("app.py", "import os, sys\nprint('ready', os.getpid(), flush=True)\nsys.stdin.read()\n"),
        ("mk.yml", "site:\n  name: x\n"),
        ("b.ini", "[b]\nc = 1\n"),
    ]);
    let path = |name: &str| files.path().join(name);
    let mut command = Command::new(python);
    command.arg(path("app.py")).arg("--config-file").arg(path("mk.yml"));
    command.arg("-c").arg(path("b.ini"));
    let target = Target::start(command);
    let report = report(target.pid());
    let [(_, first), (_, second)] = configuration(&report)[..] else { panic!("two files") };
    assert_eq!(values(first)["site.name"], ["x"]);
    assert_eq!(values(second)["b.c"], ["1"]);
}

#[test]
fn what_cannot_be_read_is_noted_and_all_else_is_shown() {
    let files = directory(&[("good.conf", "port 6379\n"), ("last.conf", "[a]\nb = 1\n")]);
    let path = |name: &str| files.path().join(name);
    fs::create_dir(path("directory.conf")).unwrap();
    assert!(Command::new("mkfifo").arg(path("fifo.conf")).status().unwrap().success());
    File::create(path("sparse.conf")).unwrap().set_len(1 << 30).unwrap();
    let noise: Vec<u8> = (0..=255).rev().cycle().take(3000).collect();
    fs::write(path("binary.conf"), &noise).unwrap();
    // Without a NUL, too.
    fs::write(path("noise.conf"), noise.iter().map(|b| b.max(&1)).copied().collect::<Vec<_>>())
        .unwrap();
    fs::write(path("latin1.conf"), b"[a]\nname = gr\xfcn\n").unwrap();
    symlink(path("loop.conf"), path("loop.conf")).unwrap();
    let names = [
        ("good.conf", None),
        ("missing.conf", Some("no such file")),
        ("directory.conf", Some("not a regular file")),
        ("fifo.conf", Some("not a regular file")),
        ("sparse.conf", Some("larger than 1048576 bytes")),
        ("binary.conf", Some("not a text file")),
        ("noise.conf", Some("not a text file")),
        ("latin1.conf", None),
        ("loop.conf", Some("its path has a loop or leaves the target's root")),
        ("last.conf", None),
    ];
    let target = program("app", &names.map(|(name, _)| path(name)));
    let output = run_guru(&target, "json");
    assert_eq!(output.status.code(), Some(1));
    let report: Report = serde_json::from_str(&stdout_of(&output)).unwrap();
    let shown = configuration(&report);
    assert_eq!(shown.len(), names.len());
    for ((files, groups), (name, why)) in shown.iter().zip(names) {
        assert_eq!(files[0].path.raw(), path(name).to_str().unwrap());
        assert_eq!(files[0].unread.as_ref().map(|why| why.raw()), why, "{name}");
        assert_eq!(groups.is_empty(), why.is_some(), "{name}");
    }
    assert_eq!(values(shown[0].1)["main.port"], ["6379"]);
    assert_eq!(values(shown[7].1)["a.name"], ["gr\u{fffd}n"]);
    assert_eq!(values(shown[9].1)["a.b"], ["1"]);
    let text = stdout_of(&run_guru(&target, "text"));
    let latin1 = format!("note: {}: what is not UTF-8", path("latin1.conf").display());
    assert!(text.contains(&latin1), "{text}");
    for (name, why) in names.iter().filter_map(|(name, why)| Some((name, (*why)?))) {
        assert!(
            text.contains(&format!("note: {}: {why}\n", path(name).display())),
            "{name}: {text}"
        );
    }
}

#[test]
fn files_of_other_programs_are_shown_without_their_secrets() {
    let files = directory(&[
        (
            "redis.conf",
            "port 6379\nrequirepass hunter2a\nsave 3600 1\nsave 300 100\n\
             user default on >hunter2b ~* +@all\n",
        ),
        (
            "nginx",
            "worker_processes 4;\nhttp {\n  server {\n    listen 443;\n    location / {\n      \
             proxy_pass http://u:hunter2c@app/;\n    }\n  }\n}\n",
        ),
        (
            "app.toml",
            "[db]\nurls = [\"redis://:hunter2d@h/0\", \"amqp://u:hunter2e@h:5672//\"]\n\
             pair = \"postgres://a:hunter2f@h1/x,postgres://b:hunter2g@h2/y\"\n\
             password = \"hunter2h\"\n",
        ),
    ]);
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let shown = |target: &Target| stdout_of(&run_guru(target, "text"));

    let redis = shown(&program("cache", &[path("redis.conf")]));
    let redis = options(section(&redis, "Configuration"));
    assert_eq!(redis[&("main", "port")], " = 6379    (redis.conf:1)");
    assert_eq!(redis[&("main", "requirepass")], " = ***    (redis.conf:2)");
    assert_eq!(redis[&("main", "save")], " =     (redis.conf:4)\n    3600 1\n    300 100");
    assert!(!redis[&("main", "user")].contains("hunter2"));

    let nginx = shown(&program("web", &["-c", &path("nginx")]));
    let nginx = options(section(&nginx, "Configuration"));
    assert_eq!(nginx[&("main", "worker_processes")], " = 4    (nginx:1)");
    let pass = &nginx[&("\"http/server/location /\"", "proxy_pass")];
    assert_eq!(pass, " = http://u:***@app/    (nginx:6)");

    let app = shown(&program("app", &["--config", &path("app.toml")]));
    assert!(!app.contains("hunter2"), "{app}");
    let app = options(section(&app, "Configuration"));
    for (name, value) in [
        ("urls[0]", " = redis://:***@h/0    (app.toml:2)"),
        ("urls[1]", " = amqp://u:***@h:5672//    (app.toml:2)"),
        ("pair", " = postgres://a:***@h1/x,postgres://b:***@h2/y    (app.toml:3)"),
        ("password", " = ***    (app.toml:4)"),
    ] {
        assert_eq!(app[&("db", name)], value);
    }
}

#[test]
fn a_script_names_its_configuration_as_any_program_does() {
    let Some(python) = python() else { return skip_impossible("no Python 3.11") };
    let files = directory(&[
        ("app.py", "import os, sys\nprint('ready', os.getpid(), flush=True)\nsys.stdin.read()\n"),
        ("settings", "[api]\nhost = h\npassword = hunter2\n"),
    ]);
    let mut command = Command::new(python);
    command.arg(files.path().join("app.py")).arg("-c").arg(files.path().join("settings"));
    let target = Target::start(command);
    let report = report(target.pid());
    let [(_, groups)] = configuration(&report)[..] else { panic!("one file") };
    let shown = values(groups);
    assert_eq!((&shown["api.host"][..], &shown["api.password"][..]), (&["h"][..], &["***"][..]));
}

#[test]
fn secrets_of_the_command_line_and_the_environment_are_shown_nowhere() {
    const SECRETS: [&str; 4] = ["hunter2a", "hunter2b", "hunter2c", "hunter2d"];
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "echo ready $$; read line", "app", "--db=mysql://root:hunter2a@h/d"]);
    command.args(["--password", "hunter2b", "--api-token=hunter2c"]);
    command.env("APP_PASSWORD", "hunter2d").env("GURU_TEST_MARK", "hunter2d-too");
    let target = Target::start(command);
    for format in ["text", "gmr", "json"] {
        let shown = stdout_of(&run_guru(&target, format));
        for secret in SECRETS {
            assert!(!shown.contains(secret), "{secret} in {format}: {shown}");
        }
        assert!(!shown.contains("GURU_TEST_MARK"), "{shown}");
        if format == "text" {
            let masked = "app --db=mysql://root:***@h/d --password *** --api-token=***";
            // In the first lines, and in Processes.
            assert_eq!(shown.matches(masked).count(), 2, "{shown}");
        }
    }
}

#[test]
fn a_file_is_the_one_that_the_process_sees_and_never_one_outside_its_root() {
    if !rustix::process::geteuid().is_root() {
        return skip_impossible("only root can start a process in another root");
    }
    let Some(python) = python() else { return skip_impossible("no Python 3.11") };
    let outside = directory(&[("outside.conf", "[a]\nleak = outside\n")]);
    let inside = directory(&[
        ("inside.conf", "[a]\nwhere = inside\n"),
        ("etc/same.conf", "[a]\nwhere = inside\n"),
    ]);
    let (root, target_file) = (inside.path(), outside.path().join("outside.conf"));
    symlink(&target_file, root.join("absolute.conf")).unwrap();
    let up = "../".repeat(16) + target_file.to_str().unwrap();
    symlink(up, root.join("relative.conf")).unwrap();
    symlink("/etc/same.conf", root.join("link.conf")).unwrap();
    let enter = "import os, sys; os.chroot(sys.argv[1]); os.chdir('/'); \
                 print('ready', os.getpid(), flush=True); sys.stdin.read()";
    let mut command = Command::new(python);
    command.args(["-c", enter]).arg(root);
    command.args(["/inside.conf", "/absolute.conf", "/relative.conf", "/link.conf"]);
    let target = Target::start(command);
    let report: Report = serde_json::from_str(&stdout_of(&run_guru(&target, "json"))).unwrap();
    let shown = configuration(&report);
    assert_eq!(values(shown[0].1)["a.where"], ["inside"]);
    for (files, groups) in &shown[1..3] {
        let why = files[0].unread.as_ref().unwrap().raw();
        assert_eq!(why, "no such file");
        assert!(groups.is_empty());
    }
    assert_eq!(values(shown[3].1)["a.where"], ["inside"]);
}

#[test]
fn a_file_that_may_not_be_read_is_noted() {
    if !rustix::process::geteuid().is_root() {
        return skip_impossible("only root can start a process as another user");
    }
    let files = directory(&[("secret.conf", "a 1\n"), ("open.conf", "b 2\n")]);
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    mode(files.path(), 0o755);
    mode(&files.path().join("secret.conf"), 0);
    let guru = files.path().join("guru");
    fs::copy(crate::support::GURU, &guru).unwrap();
    let nobody = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]);
        command
    };
    let mut command = nobody();
    command.args(["/bin/sh", "-c", "echo ready $$; read line", "app"]);
    command.args(["secret.conf", "open.conf"].map(|name| files.path().join(name)));
    let target = Target::start(command);
    let mut command = nobody();
    command.arg(guru).args(["report", "--format", "json", &target.pid().to_string()]);
    let output = crate::support::run(command);
    if output.status.code() == Some(3) {
        return skip_impossible("Yama lets only root trace a process that is no child");
    }
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report: Report = serde_json::from_str(&stdout_of(&output)).unwrap();
    let shown = configuration(&report);
    assert_eq!(shown[0].0[0].unread.as_ref().map(|why| why.raw()), Some("permission denied"));
    assert_eq!(values(shown[1].1)["main.b"], ["2"]);
}

/// A name in a script's code, an argument, and a directory of files: whatever a process names.
#[test]
fn what_the_process_may_not_read_itself_is_not_read_for_it() {
    if !rustix::process::geteuid().is_root() {
        return skip_impossible("only root can start a process as another user");
    }
    let Some(interpreter) = python() else { return };
    let files = directory(&[("key.conf", "[a]\nwhere = of-root\n"), ("open.conf", "b 2\n")]);
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    mode(files.path(), 0o755);
    let hidden = files.path().join("key.conf");
    mode(&hidden, 0o600);
    let code = "import os, sys\n\
                code = '\\nprint(\"ready\", os.getpid(), flush=True); sys.stdin.read()'\n\
                exec(compile(code, sys.argv[2], 'exec'))";
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]);
    command.arg(interpreter).args(["-c", code, "--config-file"]).arg(&hidden);
    command.arg(files.path().join("open.conf"));
    let target = Target::start(command);
    let output = run_guru(&target, "json");
    let json = stdout_of(&output);
    assert!(!json.contains("of-root"), "{json}");
    let report: Report = serde_json::from_str(&json).unwrap();
    let shown = configuration(&report);
    let why = shown[0].0[0].unread.as_ref().map(|why| why.raw());
    assert_eq!(why, Some("not readable by the process itself"));
    assert_eq!(output.status.code(), Some(1));
}
