//! What the Package section says of the packages of real programs and their libraries, held against
//! the package managers' own tools.

use crate::support::sections::section;
use crate::support::{
    Target, await_some, guru, python, report, skip, skip_impossible, stdout_of, thread_states,
};
use guru::report::{Block, Field};
use guru::text::Text;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A child that does not outlive its test, however that ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Killed {
    fn spawn(command: &mut Command) -> Killed {
        Killed(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }

    fn pid(&self) -> i32 {
        self.0.id().cast_signed()
    }
}

/// The fields and notes of the section, by guru itself.
fn package(pid: i32) -> (Vec<Field>, Vec<String>) {
    let report = report(pid);
    let section = report.sections.into_iter().find(|section| section.id == "package").unwrap();
    let fields = section.blocks.into_iter().find_map(|block| match block {
        Block::Fields { fields } => Some(fields),
        _ => None,
    });
    (fields.unwrap(), section.notes.iter().map(|note| note.message.raw().to_owned()).collect())
}

fn value<'a>(fields: &'a [Field], name: &str) -> Option<&'a str> {
    fields.iter().find(|field| field.name == name)?.value.as_ref().map(Text::raw)
}

fn values<'a>(fields: &'a [Field], name: &str) -> Vec<&'a str> {
    let named = fields.iter().filter(|field| field.name == name);
    named.filter_map(|field| field.value.as_ref()).map(Text::raw).collect()
}

/// What a tool prints; nothing if there is no such tool or it fails.
fn output(command: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(command).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// The mapped files with code in them.
fn mapped(pid: i32) -> BTreeSet<String> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let code = maps.lines().map(words).filter(|words| words[1].contains('x'));
    code.filter_map(|words| words.into_iter().nth(5)).filter(|path| path.starts_with('/')).collect()
}

/// What dpkg says of these files: `NAME VERSION (dpkg)` with the names of its files.
fn by_dpkg(paths: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in paths {
        let packed = [path.as_str(), path.strip_prefix("/usr").unwrap_or(path)];
        let found = packed.iter().find_map(|path| output("dpkg", &["-S", path]));
        let Some(found) = found else { continue };
        let package = found.split(": ").next().unwrap();
        let version = output("dpkg-query", &["-W", "-f", "${Package} ${Version} (dpkg)", package]);
        let name = path.rsplit('/').next().unwrap().to_owned();
        packages.entry(version.unwrap()).or_default().insert(name);
    }
    packages
}

/// Holds the packages of the mapped libraries of a process against what dpkg says.
fn check_libraries(pid: i32) {
    let (fields, notes) = package(pid);
    let executable = value(&fields, "executable").unwrap();
    let mut files = mapped(pid);
    assert!(files.remove(executable), "{files:?}");
    let shown = values(&fields, "library package").into_iter().map(|line| {
        let (package, names) = line.split_once(": ").unwrap();
        (package.to_owned(), names.split(", ").map(str::to_owned).collect::<BTreeSet<_>>())
    });
    let shown: BTreeMap<_, _> = shown.collect();
    assert_eq!(shown, by_dpkg(&files), "{fields:?} {notes:?}");
    assert!(!shown.is_empty());
    let own = by_dpkg(&BTreeSet::from([executable.to_owned()])).into_keys().next();
    assert_eq!(value(&fields, "distribution package"), own.as_deref());
}

fn has_dpkg() -> bool {
    let has = output("dpkg", &["--version"]).is_some();
    if !has {
        skip_impossible("this distribution does not use dpkg");
    }
    has
}

#[test]
fn the_libraries_of_servers_are_those_of_their_packages() {
    if !has_dpkg() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let conf = format!(
        "daemon off; master_process off; pid {}; error_log {};\n\
         events {{}}\nhttp {{ access_log off; server {{ listen unix:{}; }} }}\n",
        path("pid"),
        path("log"),
        path("nginx.sock")
    );
    fs::write(path("conf"), conf).unwrap();
    let redis =
        ["--port", "0", "--save", "", "--unixsocket", &path("redis.sock")].map(str::to_owned);
    let servers = [
        ("/usr/sbin/nginx", vec!["-c".into(), path("conf")], path("nginx.sock")),
        ("/usr/bin/redis-server", redis.to_vec(), path("redis.sock")),
    ];
    for (program, args, socket) in servers {
        if !Path::new(program).exists() {
            skip(&format!("{program} is not installed"));
            continue;
        }
        let server = Killed::spawn(Command::new(program).args(args).current_dir(directory.path()));
        await_some("it listens", || Path::new(&socket).exists().then_some(()));
        check_libraries(server.pid());
    }
}

#[test]
fn the_libraries_of_debians_python_are_those_of_their_packages() {
    if !has_dpkg() {
        return;
    }
    let Ok(program) = Path::new("/usr/bin/python3").canonicalize() else {
        skip("there is no /usr/bin/python3");
        return;
    };
    let script = "import bz2, ctypes, decimal, json, lzma, sqlite3, ssl, uuid, os; \
                  print('ready', os.getpid(), flush=True); input()";
    let mut command = Command::new(program);
    command.args(["-c", script]);
    let target = Target::start(command);
    check_libraries(target.pid());
}

#[test]
fn a_library_that_was_replaced_or_deleted_is_told_of() {
    let Some(python) = python() else {
        skip_impossible("no Python 3.11");
        return;
    };
    let Some(known) = mapped(std::process::id().cast_signed())
        .into_iter()
        .find(|path| path.contains("/libc.so") || path.contains("/libm.so"))
    else {
        skip_impossible("the tests are linked without a library of C");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let paths = ["gone.so", "other.so", "same.so"].map(|name| directory.path().join(name));
    for path in &paths {
        fs::copy(&known, path).unwrap();
    }
    let script = "import ctypes, os, sys\nfor path in sys.argv[1:]: ctypes.CDLL(path)\n\
                  print('ready', os.getpid(), flush=True); input()";
    let mut command = Command::new(python);
    command.args(["-c", script]).args(&paths);
    let target = Target::start(command);
    fs::remove_file(&paths[0]).unwrap();
    fs::remove_file(&paths[1]).unwrap();
    fs::copy(&known, &paths[1]).unwrap();
    let (fields, _) = package(target.pid());
    let of = |nth: usize, state: &str| format!("{}: {state}", paths[nth].display());
    let expected = [of(0, "deleted since it was loaded"), of(1, "replaced since it was loaded")];
    assert_eq!(values(&fields, "stale library"), expected, "{fields:?}");
}

#[test]
fn a_go_program_tells_of_its_modules() {
    let Some(program) = Some("/usr/bin/gron").filter(|path| Path::new(path).exists()) else {
        skip("gron is not installed");
        return;
    };
    let gron = Killed::spawn(&mut Command::new(program));
    // Its path is there before its memory is made and its threads are.
    await_some("it waits for its input", || {
        let threads = thread_states(gron.pid());
        let asleep = threads.len() > 1 && threads.values().all(|thread| thread.state == 'S');
        (asleep && mapped(gron.pid()).contains(program)).then_some(())
    });
    let (fields, notes) = package(gron.pid());
    let go = value(&fields, "go version").unwrap_or_else(|| panic!("{fields:?} {notes:?}"));
    // As Go's own runtime has it in the program.
    let bytes = fs::read(program).unwrap();
    assert!(go.starts_with("go1.") && memchr::memmem::find(&bytes, go.as_bytes()).is_some());
    assert_eq!(value(&fields, "go package"), Some("github.com/tomnomnom/gron"));
}

#[test]
fn a_rust_program_built_with_cargo_auditable_tells_of_its_crates() {
    let Some(program) = Target::program("stacks-O2") else { return };
    let Some(python) = python() else {
        skip_impossible("no Python 3.11");
        return;
    };
    // cargo-auditable puts its list there in the same way: as a section, made by a linker.
    let directory = tempfile::tempdir().unwrap();
    let (list, path) = (directory.path().join("list"), directory.path().join("tool"));
    let script = "import sys, zlib, json; open(sys.argv[1], 'wb').write(zlib.compress(json.dumps(\
        {'packages': [{'name': 'tool', 'version': '0.3.1', 'source': 'local', 'root': True},\
        {'name': 'libc', 'version': '0.2.1', 'source': 'crates.io'}]}).encode()))";
    assert!(Command::new(python).args(["-c", script]).arg(&list).status().unwrap().success());
    let mut objcopy = Command::new("objcopy");
    objcopy.arg(format!("--add-section=.dep-v0={}", list.display())).args([&program, &path]);
    if !objcopy.status().is_ok_and(|status| status.success()) {
        skip("objcopy (binutils) is not installed");
        return;
    }
    let target = Target::start(Command::new(&path));
    let (fields, _) = package(target.pid());
    assert_eq!(value(&fields, "rust crate"), Some("tool 0.3.1"), "{fields:?}");
    assert_eq!(value(&fields, "rust crates"), Some("2 in it"));
    // A program of no package has the version that it knows itself.
    assert_eq!(
        (value(&fields, "product"), value(&fields, "version")),
        (Some("tool"), Some("0.3.1"))
    );
}

/// Makes a root with a package of rpm's in it, which has a program that sleeps, and what that needs
/// of libraries. `None` records a skip.
fn rpm_root(directory: &Path) -> Option<()> {
    if output("rpmbuild", &["--version"]).is_none() || output("rpm", &["--version"]).is_none() {
        skip("rpm and rpmbuild are not installed");
        return None;
    }
    let path = |name: &str| directory.join(name).to_str().unwrap().to_owned();
    let libraries = output("ldd", &["/bin/sleep"]).unwrap();
    let libraries: Vec<&str> =
        libraries.split_whitespace().filter(|word| word.starts_with('/')).collect();
    let copies: Vec<String> =
        libraries.iter().map(|path| format!("install -D {path} %{{buildroot}}{path}\n")).collect();
    let spec = format!(
        "%define debug_package %{{nil}}\n%define __os_install_post %{{nil}}\nName: tiny\n\
         Version: 1.2\nRelease: 3\nEpoch: 1\nSummary: x\nLicense: none\nVendor: Tiny Makers\n\
         AutoReqProv: no\n%description\nx\n%install\ninstall -D /bin/sleep \
         %{{buildroot}}/usr/bin/tiny\n{}mkdir -p %{{buildroot}}/usr/share/tiny\n\
         for n in $(seq 3000); do echo > %{{buildroot}}/usr/share/tiny/tiny-$n; done\n\
         %files\n/usr/bin/tiny\n/usr/share/tiny\n{}\n",
        // As many files as make the database's pages split.
        copies.concat(),
        libraries.join("\n"),
    );
    fs::write(path("tiny.spec"), spec).unwrap();
    let topdir = format!("_topdir {}", path("build"));
    let built = output("rpmbuild", &["-bb", "--define", &topdir, &path("tiny.spec")]);
    assert!(built.is_some(), "rpmbuild failed");
    let packages: Vec<_> = fs::read_dir(path(&format!("build/RPMS/{}", std::env::consts::ARCH)))
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    let root = path("root");
    fs::create_dir(&root).unwrap();
    let sqlite = ["--root", &root, "--dbpath", "/var/lib/rpm", "--define", "_db_backend sqlite"];
    let mut install = sqlite.to_vec();
    install.extend(["-i", "--nodeps", &packages[0]]);
    assert!(output("rpm", &install).is_some(), "rpm -i failed");
    Some(())
}

#[test]
fn a_program_of_rpms_is_found_in_its_database_and_a_damaged_one_does_no_harm() {
    if !rustix::process::geteuid().is_root() {
        skip_impossible("only root may run a program in a root of its own");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let Some(()) = rpm_root(directory.path()) else { return };
    let root = directory.path().join("root");
    let target = Killed::spawn(Command::new("chroot").arg(&root).args(["/usr/bin/tiny", "1000"]));
    await_some("it sleeps", || {
        let call = thread_states(target.pid()).get(&target.pid())?.call;
        (call == Some(libc::SYS_clock_nanosleep)).then_some(())
    });
    let (fields, notes) = package(target.pid());
    let gmr = ["product", "vendor", "version"].map(|name| value(&fields, name));
    assert_eq!(gmr, [Some("tiny"), Some("Tiny Makers"), Some("1:1.2-3")], "{fields:?} {notes:?}");
    assert_eq!(value(&fields, "distribution package"), Some("tiny 1:1.2-3 (rpm)"));

    let libraries = values(&fields, "library package");
    assert_eq!(libraries.len(), 1, "{fields:?} {notes:?}");
    assert!(libraries[0].starts_with("tiny 1:1.2-3 (rpm): "), "{libraries:?}");
    assert!(
        ["libc.so", "ld-linux"].iter().all(|name| libraries[0].contains(name)),
        "{libraries:?}"
    );

    let database = root.join("var/lib/rpm/rpmdb.sqlite");
    let whole = fs::read(&database).unwrap();
    let mut damages: Vec<(String, Vec<u8>)> = [0, 50, 100, 4096, whole.len() / 2]
        .map(|len| (format!("cut to {len}"), whole[..len].to_vec()))
        .to_vec();
    // Numbers of cells, lengths, pages that lead to themselves: one page after the other is filled.
    for page in (0..whole.len() / 4096).step_by(whole.len() / 4096 / 12 + 1) {
        for byte in [0xff, 0x00, 0x05, 0x02] {
            let mut damaged = whole.clone();
            let from = page * 4096 + if page == 0 { 100 } else { 0 };
            damaged[from..(page + 1) * 4096].fill(byte);
            damages.push((format!("page {page} of {byte:#x}"), damaged));
        }
    }
    for (what, damaged) in damages {
        fs::write(&database, damaged).unwrap();
        let (fields, notes) = package(target.pid());
        let found = value(&fields, "distribution package");
        let told = notes.iter().any(|note| note.contains("rpmdb.sqlite"));
        assert!(found == Some("tiny 1:1.2-3 (rpm)") || told, "{what}: {fields:?} {notes:?}");
    }
}

#[test]
fn the_unit_of_systemd_is_told_by_the_control_group() {
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    let mount = mounts.lines().find_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        (words[2] == "cgroup2" || words[3].contains("name=systemd")).then(|| words[1].to_owned())
    });
    let slice =
        mount.map(|mount| Path::new(&mount).join(format!("guru{}.slice", std::process::id())));
    let Some(slice) = slice.filter(|slice| fs::create_dir(slice).is_ok()) else {
        skip_impossible("no control group can be made here");
        return;
    };
    /// Goes away when the process in it has.
    struct Group(std::path::PathBuf);
    impl Drop for Group {
        fn drop(&mut self) {
            let _ = fs::remove_dir(&self.0);
        }
    }
    let slice = Group(slice);
    let unit = Group(slice.0.join("nova\\x2dapi@1.service"));
    fs::create_dir(&unit.0).unwrap();
    let sleep = Killed::spawn(Command::new("/bin/sleep").arg("1000"));
    fs::write(unit.0.join("cgroup.procs"), sleep.pid().to_string()).unwrap();
    let (fields, _) = package(sleep.pid());
    assert_eq!(value(&fields, "systemd unit"), Some("nova\\x2dapi@1.service"), "{fields:?}");
    let name = slice.0.file_name().unwrap().to_str();
    assert_eq!(value(&fields, "systemd slice"), name);
    drop(sleep);
    await_some("the groups can be removed", || fs::remove_dir(&unit.0).ok());
}

#[test]
fn only_what_a_gmr_has_is_in_that_format() {
    let Some(target) = Target::spawn("threads.py", &[] as &[&str]) else { return };
    let text = stdout_of(&guru(&["report", "--format", "gmr", &target.pid().to_string()]));
    let section = section(&text, "Package");
    let names: Vec<&str> = section.lines().filter_map(|line| line.split(" = ").next()).collect();
    let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
    assert_eq!(names[..3], ["product", "vendor", "version"], "{section}");
    assert!(!section.contains("library"), "{section}");
}
