//! Servers of Debian with their own configuration, compared with what they say of it themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use guru::report::{OptionGroup, Report, SetBy};
use tempfile::TempDir;

use crate::support::configuration::{configuration, paths, values};
use crate::support::{
    Target, await_some, can_make_namespaces, guru, report, run, skip, skip_impossible, stdout_of,
};

/// The values of each option by `group.option`, and the place of the one that counts.
fn options(groups: &[OptionGroup]) -> BTreeMap<String, (Vec<String>, String)> {
    let values = values(groups);
    let mut found = BTreeMap::new();
    for group in groups {
        for option in &group.options {
            let place = match &option.origin {
                Some(place) => format!("{}:{}", place.file.raw(), place.line),
                None => {
                    assert_eq!(option.set_by, Some(SetBy::CommandLine), "{option:?}");
                    "command line".to_owned()
                }
            };
            let name = format!("{}.{}", group.name.raw(), option.name.raw());
            let values = values[&name].iter().map(|value| (*value).to_owned()).collect();
            found.insert(name, (values, place));
        }
    }
    found
}

/// A program of a server, by its name or its path.
fn program(name: &str) -> Option<PathBuf> {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = places.iter().map(|place| Path::new(place).join(name)).find(|path| path.exists());
    if found.is_none() {
        skip(&format!("{name} is not installed: tests/run does that"));
    }
    found
}

/// What a command prints; it must succeed.
fn output(command: Command) -> String {
    let output = run(command);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Copies a directory with what is in it; symlinks become what they lead to. Texts are changed.
fn copy(from: &Path, to: &Path, change: &dyn Fn(&str) -> String) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, copy) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            self::copy(&source, &copy, change);
        } else if let Ok(text) = fs::read_to_string(&source) {
            fs::write(copy, change(&text)).unwrap();
        }
    }
}

/// A server that listens in a directory of its own as soon as `socket` is there.
fn serve(mut shell: Command, script: &str, socket: &Path) -> Target {
    // No variable of whoever runs the tests names a file.
    shell.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    shell.args(["-c", &format!("echo ready $$; {script}")]);
    let target = Target::start(shell);
    await_some("the server listens", || socket.exists().then_some(()));
    target
}

#[test]
fn nginx_of_debian_is_shown_as_it_dumps_itself() {
    let Some(nginx) = program("nginx") else { return };
    // To put another directory over /etc/nginx.
    if !can_make_namespaces() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let here = place.path().to_str().unwrap();
    let socket = place.path().join("socket");
    // Debian's own files, but for where it listens and writes.
    copy(Path::new("/etc/nginx"), &place.path().join("nginx"), &|text| {
        let mut text = text
            .replace("listen 80 default_server;", &format!("listen unix:{here}/socket;"))
            .replace("listen [::]:80 default_server;", "")
            .replace("/run/nginx.pid", &format!("{here}/pid"))
            .replace("/var/log/nginx", here);
        if text.contains("server_name _;") {
            text.push_str("server { listen unix:SOCKET2; include snippets/one.conf; }\n");
            text = text.replace("SOCKET2", &format!("{here}/second"));
        }
        text
    });
    fs::create_dir_all(place.path().join("nginx/snippets")).unwrap();
    fs::write(place.path().join("nginx/snippets/one.conf"), "root /srv;\n").unwrap();
    let mut shell = Command::new("unshare");
    shell.args(["-m", "--propagation", "private", "/bin/sh"]);
    let script = format!(
        "mount --bind {here}/nginx /etc/nginx && {nginx} -T >{here}/truth 2>/dev/null && \
         exec {nginx} -g 'daemon off;'",
        nginx = nginx.display()
    );
    let target = serve(shell, &script, &socket);
    // The dump opens the socket, too.
    let name = format!("/proc/{}/comm", target.pid());
    await_some("it has dumped its configuration", || {
        (fs::read_to_string(&name).ok()?.trim() == "nginx").then_some(())
    });
    let dumped = fs::read_to_string(place.path().join("truth")).unwrap();
    let begins = |line: &str| {
        Some(line.strip_prefix("# configuration file ")?.strip_suffix(':')?.to_owned())
    };
    let expected: Vec<String> = dumped.lines().filter_map(begins).collect();
    assert!(expected.len() > 3, "{dumped}");

    // The master, and a worker, whose title tells even less.
    let children = format!("/proc/{0}/task/{0}/children", target.pid());
    let worker = await_some("it has a worker", || {
        fs::read_to_string(&children).ok()?.split_whitespace().next()?.parse::<i32>().ok()
    });
    for pid in [target.pid(), worker] {
        let report = report(pid);
        let shown = configuration(&report);
        let [(files, groups)] = shown[..] else { panic!("{shown:?}") };
        // nginx tells a file at its second reading, too.
        let mut first = expected.clone();
        let mut known = std::collections::BTreeSet::new();
        first.retain(|path| known.insert(path.clone()));
        assert_eq!(paths(files), first);
        // The worker's is known by its master's title, which hides nothing.
        assert_eq!(files[0].why, "a default of this server");
        let options = options(groups);
        let is = |name: &str, value: &str| {
            let found = options.get(name).unwrap_or_else(|| panic!("{name} of {options:?}"));
            assert_eq!(found.0, [value], "{name}");
            found.1.clone()
        };
        is("main.user", "www-data");
        assert_eq!(is("main.daemon", "off"), "command line");
        is("http.sendfile", "on");
        is("http/types.text/css", "css");
        let root = is("http/server.root", "/var/www/html");
        assert!(root.starts_with("/etc/nginx/sites-enabled/default:"), "{root}");
        is("http/server/location /.try_files", "$uri $uri/ =404");
        assert_eq!(is("http/server #2.root", "/srv"), "/etc/nginx/snippets/one.conf:1");
        // Every simple directive that it dumps is shown.
        for line in dumped.lines().map(str::trim) {
            let Some((name, value)) = line.strip_suffix(';').and_then(|line| line.split_once(' '))
            else {
                continue;
            };
            if name.starts_with('#')
                || line.contains(['{', '"', '\'', '#'])
                || line.matches(';').count() > 1
            {
                continue;
            }
            let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
            let ending = format!(".{name}");
            let found = options
                .iter()
                .any(|(option, (values, _))| option.ends_with(&ending) && values.contains(&value));
            assert!(found, "{line}");
        }
    }

    // What a recording of it holds is the same.
    let file = place.path().join("recording");
    let pid = worker.to_string();
    let live = stdout_of(&guru(&["report", "--record", file.to_str().unwrap(), &pid]));
    let again = stdout_of(&guru(&["report", "--from", file.to_str().unwrap()]));
    let part = |text: &str| text[text.find("Configuration").unwrap()..].to_owned();
    assert_eq!(part(&live), part(&again));
}

#[test]
fn a_worker_of_nginx_is_shown_with_the_file_that_its_master_was_given() {
    let Some(nginx) = program("nginx") else { return };
    let place = tempfile::tempdir().unwrap();
    let here = place.path().to_str().unwrap();
    let main = format!(
        "pid {here}/pid;\nerror_log {here}/log;\nworker_processes 1;\nevents {{}}\n\
         http {{ access_log off; server {{ listen unix:{here}/socket; }} }}\n"
    );
    fs::write(place.path().join("main"), main).unwrap();
    let script = format!("exec {} -p {here} -c main -g 'daemon off;'", nginx.display());
    let target = serve(Command::new("/bin/sh"), &script, &place.path().join("socket"));
    let children = format!("/proc/{0}/task/{0}/children", target.pid());
    let worker = await_some("it has a worker", || {
        fs::read_to_string(&children).ok()?.split_whitespace().next()?.parse::<i32>().ok()
    });
    await_some("it has its title", || {
        fs::read_to_string(format!("/proc/{worker}/cmdline")).ok()?.contains("worker").then_some(())
    });
    for pid in [target.pid(), worker] {
        let report = report(pid);
        let shown = configuration(&report);
        let [(files, groups)] = shown[..] else { panic!("{shown:?}") };
        assert_eq!(paths(files), [format!("{here}/main")]);
        assert_eq!(files[0].why, "named by -c");
        assert_eq!(options(groups)["main.daemon"], (vec!["off".to_owned()], "command line".into()));
    }
}

#[test]
fn redis_of_debian_is_shown_as_it_answers_itself() {
    let (Some(redis), Some(client)) = (program("redis-server"), program("redis-cli")) else {
        return;
    };
    let Ok(debian) = fs::read_to_string("/etc/redis/redis.conf") else {
        return skip_impossible("/etc/redis/redis.conf is not there, or for root alone");
    };
    if !rustix::process::geteuid().is_root() {
        return skip_impossible("only root can put another directory over /etc/redis");
    }
    if !Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success()) {
        return skip_impossible("namespaces are forbidden here");
    }
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("socket");
    let here = place.path().display().to_string();
    let ask = |what: &str| {
        let mut command = Command::new(&client);
        command.arg("-s").arg(&socket).args(["CONFIG", "GET", what]);
        output(command).lines().nth(1).map(str::to_owned)
    };
    let file = |name: &str, text: String| fs::write(place.path().join(name), text).unwrap();

    // Debian's file, but for where it listens and writes; the title of the server does not name it.
    let here_only = [
        ("port", "0"),
        ("unixsocket", &format!("{here}/socket")),
        ("dir", &here),
        ("daemonize", "no"),
        ("supervised", "no"),
        ("pidfile", &format!("{here}/pid")),
        ("logfile", &format!("{here}/log")),
    ];
    let is_debian = |line: &&str| {
        let name = line.split_whitespace().next().unwrap_or_default();
        here_only.iter().all(|(known, _)| *known != name)
    };
    let mut text: String =
        debian.lines().filter(is_debian).map(|line| format!("{line}\n")).collect();
    here_only.iter().for_each(|(name, value)| text.push_str(&format!("{name} {value}\n")));
    fs::create_dir(place.path().join("etc")).unwrap();
    file("etc/redis.conf", text);
    let in_place = |words: &str| {
        let script =
            format!("mount --bind {here}/etc /etc/redis && exec {} {words}", redis.display());
        let mut shell = Command::new("unshare");
        shell.args(["-m", "--propagation", "private", "/bin/sh"]);
        let target = serve(shell, &script, &socket);
        // It gives itself the title after it has made its socket, and before it answers.
        ask("port");
        target
    };
    let target = in_place("/etc/redis/redis.conf");
    let shown = report(target.pid());
    let shown = configuration(&shown);
    let [(files, groups)] = shown[..] else { panic!("{shown:?}") };
    assert_eq!(paths(files), ["/etc/redis/redis.conf"]);
    let why = "a default of this server, whose title may hide another file, and options";
    assert_eq!(files[0].why, why);
    let mut compared = 0;
    for (name, (values, _)) in options(groups) {
        let name = name.strip_prefix("main.").unwrap();
        let answer = ask(name).unwrap_or_else(|| panic!("it knows no {name}"));
        let several = values.join(" ");
        assert!(equal(&several, &answer), "{name}: {several}, and it says {answer}");
        compared += 1;
    }
    assert!(compared > 40, "{compared}");
    drop(target);
    fs::remove_file(&socket).unwrap();

    // Its title tells an address that the default file does not have: which it has read is not known.
    file("other.conf", format!("port 28379\ndir {here}\nunixsocket {here}/socket\n"));
    for words in [
        format!("{here}/other.conf"),
        format!("--port 28379 --dir {here} --unixsocket {here}/socket --requirepass hunter2"),
    ] {
        let target = in_place(&words);
        let output = guru(&["report", "--format", "json", &target.pid().to_string()]);
        assert!(output.status.success(), "{output:?}");
        let shown: Report = serde_json::from_str(&stdout_of(&output)).unwrap();
        let shown = configuration(&shown);
        let [(files, groups)] = shown[..] else { panic!("{shown:?}") };
        assert_eq!((paths(files), groups.len()), (vec!["/etc/redis/redis.conf"], 0));
        let unread = files[0].unread.as_ref().unwrap().raw();
        assert!(unread.contains("another address"), "{unread}");
        drop(target);
        fs::remove_file(&socket).unwrap();
    }

    // One with includes, under its own command line.
    file("more-1.conf", "maxmemory 10mb\nrequirepass hunter2\n".to_owned());
    file("more-2.conf", format!("maxmemory 20mb\ninclude {here}/redis.conf\n"));
    file(
        "redis.conf",
        format!("set-proc-title no\nmaxmemory 5mb\ninclude {here}/more-1.conf\nmaxclients 99\n"),
    );
    let script = format!(
        "exec {} {here}/redis.conf --port 0 --unixsocket {here}/socket --dir {here} \
         --maxmemory-policy volatile-lru --masterauth hunter2",
        redis.display()
    );
    let target = serve(Command::new("/bin/sh"), &script, &socket);
    let shown = report(target.pid());
    let shown = configuration(&shown);
    let [(files, groups)] = shown[..] else { panic!("{shown:?}") };
    assert_eq!(files[0].why, "named on the command line");
    assert_eq!(files[1].why, "included by redis.conf:3");
    let options = options(groups);
    let (maxmemory, place) = &options["main.maxmemory"];
    assert_eq!((maxmemory[0].as_str(), place), ("10mb", &format!("{here}/more-1.conf:1")));
    assert_eq!(options["main.requirepass"].0, ["***"]);
    assert_eq!(options["main.maxclients"].0, ["99"]);
    let policy = (vec!["volatile-lru".to_owned()], "command line".to_owned());
    assert_eq!(options["main.maxmemory-policy"], policy);
    assert_eq!(options["main.masterauth"], (vec!["***".to_owned()], "command line".to_owned()));
    for name in ["port", "unixsocket", "dir", "maxmemory-policy"] {
        let mut command = Command::new(&client);
        command.arg("-s").arg(&socket).args(["-a", "hunter2", "CONFIG", "GET", name]);
        let answer = output(command).lines().nth(1).unwrap_or_default().to_owned();
        let shown = &options[&format!("main.{name}")];
        assert_eq!(*shown, (vec![answer], "command line".to_owned()), "{name}");
    }
    drop(target);
}

/// Whether a value of redis's file is what it answers: sizes come in bytes, quotes off, and limits of
/// clients with all their classes.
fn equal(file: &str, answer: &str) -> bool {
    let size = |text: &str| {
        let text = text.to_lowercase();
        let units = [("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10)];
        let found = units.iter().find_map(|(unit, factor)| {
            Some(text.strip_suffix(unit)?.parse::<u64>().ok()? * factor)
        });
        found.map_or(text, |bytes| bytes.to_string())
    };
    let words = |text: &str| -> Vec<String> {
        let words = text.split_whitespace().map(|word| size(word.trim_matches('"')));
        // The class of clients has two names.
        let words = words.map(|word| if word == "slave" { "replica".to_owned() } else { word });
        words.filter(|word| !word.is_empty()).collect()
    };
    let (file, answer) = (words(file), words(answer));
    file == answer || (file.len() > 3 && file.iter().all(|word| answer.contains(word)))
}

/// The directory of PostgreSQL's programs.
fn postgres() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin"));
    let found =
        found.filter(|place| place.join("initdb").exists() && place.join("psql").exists()).max();
    if found.is_none() {
        skip("postgresql is not installed: tests/run does that");
    }
    found
}

/// A cluster of its own, with the files where Debian has them: not in the data directory.
fn cluster(programs: &Path, user: &str) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let here = place.path().display();
    let script = format!(
        "mkdir {here}/etc {here}/etc/conf.d {here}/run && chown -R {user} {here} && \
         setpriv --reuid {user} --regid {user} --clear-groups \
         {}/initdb -D {here}/data -A trust --no-sync >/dev/null && \
         mv {here}/data/*.conf {here}/etc && mv {here}/etc/postgresql.auto.conf {here}/data",
        programs.display()
    );
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &script]).current_dir("/");
    output(shell);
    place
}

#[test]
fn postgres_of_debian_is_shown_as_it_tells_its_file_settings() {
    let Some(programs) = postgres() else { return };
    if !rustix::process::geteuid().is_root() {
        return skip_impossible("only root can be the user postgres");
    }
    if !Command::new("setpriv")
        .args(["--reuid", "postgres", "true"])
        .status()
        .is_ok_and(|s| s.success())
    {
        return skip_impossible("there is no user postgres");
    }
    let place = cluster(&programs, "postgres");
    let here = place.path().to_str().unwrap();
    let main = place.path().join("etc/postgresql.conf");
    let mut text = fs::read_to_string(&main).unwrap();
    text.push_str(&format!(
        "data_directory = '{here}/data'\nhba_file = '{here}/etc/pg_hba.conf'\n\
         ident_file='{here}/etc/pg_ident.conf'\ninclude_dir = 'conf.d'\ninclude_if_exists 'none.conf'\n\
         Work_Mem = 6MB # over conf.d\napplication_name = 'it''s \\\\ odd'\n\
         guru.custom = 'x y'\n"
    ));
    fs::write(&main, text).unwrap();
    fs::write(place.path().join("etc/conf.d/10.conf"), "work_mem = 5MB\nmax_connections = 21\n")
        .unwrap();
    fs::write(place.path().join("etc/conf.d/20.conf"), "max_connections = 22\nport = 5499\n")
        .unwrap();
    let socket = place.path().join("run/.s.PGSQL.5499");
    let mut shell = Command::new("setpriv");
    shell.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "/bin/sh"]);
    shell.current_dir("/");
    let script = format!(
        "exec {}/postgres -D {here}/data -c config_file={} -c listen_addresses= \
         -c unix_socket_directories={here}/run -F -c work_mem=10MB --max-wal-senders=3 \
         2>{here}/run/log",
        programs.display(),
        main.display()
    );
    let target = serve(shell, &script, &socket);
    let ask = |query: &str| {
        let mut command = Command::new(programs.join("psql"));
        command.args(["-X", "-A", "-t", "-F", "|", "-U", "postgres", "-d", "postgres"]);
        command.args(["-p", "5499", "-h"]).arg(place.path().join("run")).args(["-c", query]);
        run(command)
    };
    await_some("it answers", || ask("select 1").status.success().then_some(()));
    assert!(ask("alter system set shared_buffers = '32MB'").status.success());
    assert!(ask("alter system set max_connections = 23").status.success());
    let altered =
        fs::File::options().append(true).open(place.path().join("data/postgresql.auto.conf"));
    altered.unwrap().set_modified(SystemTime::now() + Duration::from_secs(3600)).unwrap();
    let settings = "select lower(name), setting, sourcefile, sourceline from pg_file_settings f where \
                    seqno = (select max(seqno) from pg_file_settings g where lower(g.name) = lower(f.name))";
    let truth = ask(settings);
    assert!(truth.status.success(), "{truth:?}");
    let truth = String::from_utf8(truth.stdout).unwrap();
    // What the command line sets is in no file, or another value stands there.
    let given =
        ask("select name, current_setting(name) from pg_settings where source = 'command line' \
                     or name = 'config_file'");
    let given = String::from_utf8(given.stdout).unwrap();
    let given: BTreeMap<String, String> = given
        .lines()
        .map(|row| row.split_once('|').map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect::<Option<_>>()
        .unwrap();
    assert!(given.contains_key("work_mem") && given["fsync"] == "off", "{given:?}");

    // The first process, and a child whose title tells nothing.
    let children = format!("/proc/{0}/task/{0}/children", target.pid());
    let child = fs::read_to_string(&children).unwrap();
    let child: i32 = child.split_whitespace().next().unwrap().parse().unwrap();
    for pid in [target.pid(), child] {
        let report = report(pid);
        let shown = configuration(&report);
        assert_eq!(shown.len(), 3, "{shown:?}");
        let inside = |name: &str| format!("{here}/{name}");
        assert_eq!(
            paths(shown[0].0),
            [
                "etc/postgresql.conf",
                "etc/conf.d/10.conf",
                "etc/conf.d/20.conf",
                "data/postgresql.auto.conf"
            ]
            .map(inside)
        );
        assert_eq!(paths(shown[1].0), [inside("etc/pg_hba.conf")]);
        assert_eq!(paths(shown[2].0), [inside("etc/pg_ident.conf")]);
        assert!(shown[0].0[3].changed_since_start, "ALTER SYSTEM came after the start");
        let mut ours: BTreeMap<String, (Vec<String>, String)> = options(shown[0].1)
            .into_iter()
            .map(|(name, value)| (name.strip_prefix("main.").unwrap().to_lowercase(), value))
            .collect();
        ours.retain(|name, _| !name.starts_with("include"));
        let of_command_line: BTreeMap<String, String> = ours
            .extract_if(.., |_, (_, place)| place == "command line")
            .map(|(name, (mut values, _))| (name, values.pop().unwrap_or_default()))
            .collect();
        assert_eq!(of_command_line, given);
        let mut theirs = BTreeMap::new();
        for row in truth.lines() {
            let [name, value, file, line] = row.split('|').collect::<Vec<_>>()[..] else {
                panic!("{row}")
            };
            if given.contains_key(name) {
                continue;
            }
            theirs.insert(name.to_owned(), (vec![value.to_owned()], format!("{file}:{line}")));
        }
        assert_eq!(ours, theirs);
        assert_eq!(ours["max_connections"].1, inside("data/postgresql.auto.conf:4"));
    }
}
