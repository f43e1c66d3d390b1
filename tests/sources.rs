//! Where configuration is found beside the command line: in the environment, in open files, in
//! systemd's units.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::configuration::{configuration, directory, paths, values};
use crate::support::{Target, python, report, skip_impossible};

#[test]
fn what_the_environment_names_and_what_is_held_open_is_shown() {
    let Some(python) = python() else { return skip_impossible("no Python 3.11") };
    let files = directory(&[
        (
            "app.py",
            "import os, sys\nread = open(sys.argv[1])\nwritten = open(sys.argv[2], 'a')\n\
                    print('ready', os.getpid(), flush=True)\nsys.stdin.read()\n",
        ),
        ("named", "[a]\nb = 1\npassword = hunter2\n"),
        ("held.yaml", "c:\n  d: 2\n  token: hunter2\n"),
        ("state.json", "{}"),
    ]);
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let mut command = Command::new(python);
    command.env_clear().env("APP_CONFIG", path("named")).env("APP_SETTINGS_FILE", "/no/such/file");
    command.env("OTHER_CONFIG", "{\"password\": \"hunter2\"}");
    // Neither name stands out on the command line.
    let (held, state) = (files.path().join("held"), files.path().join("state"));
    symlink("held.yaml", &held).unwrap();
    symlink("state.json", &state).unwrap();
    let target = Target::start({
        command.arg(path("app.py")).args([&held, &state]);
        command
    });
    let report = report(target.pid());
    let shown = configuration(&report);
    let whys: Vec<(&str, &str)> =
        shown.iter().map(|(files, _)| (files[0].path.raw(), files[0].why.as_str())).collect();
    let (named, held) = (path("named"), path("held.yaml"));
    let gone = ("/no/such/file", "named by APP_SETTINGS_FILE");
    let expected = [(named.as_str(), "named by APP_CONFIG"), gone, (held.as_str(), "held open")];
    assert_eq!(whys, expected);
    assert_eq!(values(shown[0].1)["a.b"], ["1"]);
    assert_eq!(values(shown[2].1)["c.d"], ["2"]);
    // What is inherited may well name what this program has no use for: nothing is missing.
    assert!(!report.is_partial());
    assert!(!format!("{report:?}").contains("hunter2"));
}

/// Takes a process out of a control group and removes that.
struct Group(PathBuf);

impl Drop for Group {
    fn drop(&mut self) {
        let outer = self.0.ancestors().nth(2).unwrap().join("cgroup.procs");
        for pid in fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default().lines() {
            let _ = fs::write(&outer, pid);
        }
        let _ = fs::remove_dir(&self.0);
        let _ = fs::remove_dir(self.0.parent().unwrap());
    }
}

#[test]
fn the_unit_of_a_process_is_shown_with_its_drop_ins_and_its_environment() {
    if !rustix::process::geteuid().is_root() {
        return skip_impossible("only root can start a process in another root");
    }
    let Some(python) = python() else { return skip_impossible("no Python 3.11") };
    let hierarchies = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
    let unit = format!("guru-test-{}.service", std::process::id());
    let made = hierarchies.iter().find_map(|hierarchy| {
        let hierarchy = Path::new(hierarchy);
        let group = hierarchy.join("guru-test.slice").join(&unit);
        let is_one = hierarchy.join("cgroup.procs").exists();
        (is_one && fs::create_dir_all(&group).is_ok()).then_some(Group(group))
    });
    let Some(group) = made else { return skip_impossible("no control group can be made") };
    let root = directory(&[
        (
            &format!("usr/lib/systemd/system/{unit}"),
            "[Service]\nExecStart=/x \\\n  -y\nUser=a\n\
                                                     EnvironmentFile=-/etc/default/x\n",
        ),
        (&format!("etc/systemd/system/{unit}.d/10.conf"), "[Service]\nUser=b\n"),
        ("etc/default/x", "OPTS=\"-v\"\nDB_PASSWORD=hunter2\n"),
    ]);
    let enter = "import os, sys; os.chroot(sys.argv[1]); os.chdir('/'); \
                 print('ready', os.getpid(), flush=True); sys.stdin.read()";
    let mut command = Command::new(python);
    command.env_clear().args(["-c", enter]).arg(root.path());
    let target = Target::start(command);
    if fs::write(group.0.join("cgroup.procs"), target.pid().to_string()).is_err() {
        return skip_impossible("no process can be put into a control group");
    }
    let report = report(target.pid());
    let shown = configuration(&report);
    let paths: Vec<Vec<&str>> = shown.iter().map(|(files, _)| paths(files)).collect();
    let lib = format!("/usr/lib/systemd/system/{unit}");
    let drop_in = format!("/etc/systemd/system/{unit}.d/10.conf");
    assert_eq!(paths, [vec![lib.as_str(), &drop_in], vec!["/etc/default/x"]]);
    assert_eq!(values(shown[0].1)["Service.ExecStart"], ["/x -y"]);
    assert_eq!(values(shown[0].1)["Service.User"], ["a", "b"]);
    assert_eq!(values(shown[1].1)["main.OPTS"], ["-v"]);
    assert_eq!(values(shown[1].1)["main.DB_PASSWORD"], ["***"]);
    drop((target, group));
}
