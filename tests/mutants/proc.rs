//! What `/proc` says: a process writes its names, its paths and its command line itself.

use std::hint::black_box;

use guru::processes;
use guru::target::live::proc::stat::Stat;
use guru::target::live::proc::status::Status;
use guru::target::live::{descriptor, fds, maps, mounts};
use guru::target::{MAX_THREADS, cgroup};

use crate::campaign;
use crate::files::Root;
use crate::recordings;

#[test]
fn mappings_and_mounts() {
    let seed = b"555555554000-555555558000 r-xp 00001000 08:01 7 /bin/a b (deleted)\n\
        7ffff7fc1000-7ffff7fc3000 r-xp 00000000 00:00 0 [vdso]\n\
        7f0000000000-7f0000001000 rw-s 00000000 00:05 9 /dev/zero\\012x\n";
    let parse = |bytes: &[u8]| drop(maps::parse(bytes, &|path| path));
    campaign::texts("maps", &[seed], &["-", " ", "\n", "ffffffffffffffff", "\\012"], parse);

    let seed = b"1 0 0:5 / / rw - overlay overlay rw\n\
        2 1 8:1 /c/ab/hosts /etc/hosts rw shared:1 master:2 - ext4 /dev/sda1 rw\n";
    let parse = |bytes: &[u8]| drop(mounts::parse(bytes));
    campaign::texts("mountinfo", &[seed], &[" - ", " ", "\n", "/etc/hosts", "\\040"], parse);
}

#[test]
fn states() {
    let seed = b"4711 (a) (b\n) S 1 4711 4711 34816 4711 4194304 9 0 0 0 1 2 0 0 20 0 3 0 99 4096 \
        12 18446744073709551615 93824992231424 1 140737488347136 0 0 0 0 0 0 1 0 0 17 1 0 0 0 0 0\n";
    let parse = |bytes: &[u8]| {
        let stat = Stat::parse(bytes);
        stat.map(|stat| stat.has_ended());
    };
    campaign::texts("stat", &[seed], &["(", ")", " ", "\n", "-1", "18446744073709551616"], parse);

    let seed = b"Name:\ta\\nb\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t7\nPid:\t7\nPPid:\t1\n\
        TracerPid:\t0\nUid:\t0\t1\t2\t3\nGid:\t0\t1\t2\t3\nGroups:\t4 5 \nNSpid:\t7\t3\t1\n\
        ShdPnd:\t0000000000000000\nSigQ:\t0/9\nSigBlk:\t0000000000010000\nSigCgt:\t00000001800004ec\n\
        CapEff:\t000001ffffffffff\nSeccomp:\t2\n";
    let parse = |bytes: &[u8]| {
        let status = Status::new(bytes.to_vec());
        black_box((status.tgid(), status.tracer(), status.users(), status.groups()));
        black_box((status.more_groups(), status.namespace_ids(), status.inner_id()));
        black_box((status.capabilities(), status.seccomp(), status.state(), status.lives()));
        black_box((status.signals("SigCgt"), status.signals("SigBlk")));
    };
    let words = ["\n", "\t", "Uid:\t", "State:\t", "SigCgt:\t", "-1", "99999999999999999999"];
    campaign::texts("status", &[seed], &words, parse);
}

#[test]
fn descriptors() {
    let seed = b"pos:\t4711\nflags:\t02102001\nmnt_id:\t15\nino:\t2\n\
        tfd:       12 events:       19 data:          c  pos:0 ino:1a sdev:8\n";
    let parse = |bytes: &[u8]| drop((fds::parse(bytes), descriptor::watched(bytes)));
    campaign::texts("fdinfo", &[seed], &["tfd:", "pos:", "flags:", "\t", "\n", "-1"], parse);

    let seed = b"ffff: 00000002 00000000 00010000 0001 01  1234 /run/a b";
    let parse = |bytes: &[u8]| drop(descriptor::unix(bytes));
    campaign::texts("net/unix", &[seed], &[" ", "/", "@", "18446744073709551616"], parse);
}

#[test]
fn control_groups_and_users() {
    let seed = b"0::/user.slice/user-1000.slice/user@1000.service/app.slice/a\\x2db.service\n\
        12:pids:/system.slice/nginx.service\n1:name=systemd:/docker/0123456789abcdef\n";
    let parse = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        cgroup::paths(&text);
        cgroup::unit(&text).map(|unit| unit.readable().len());
    };
    campaign::texts("cgroup", &[seed], &["\\x", "/", ".service", ".slice", ":", "@"], parse);

    let snapshot = recordings::load("threads-3.12").snapshot;
    let seed = b"root:x:0:0::/:/bin/sh\npanko:x:42:42::/:\n+@netgroup\n";
    let parse = |bytes: &[u8]| {
        let (tree, _) = processes::tree(&snapshot, &Root::of(&[("/etc/passwd", bytes)]));
        assert!(tree.children.len() <= MAX_THREADS);
    };
    campaign::texts("passwd", &[seed], &[":", "\n", "x", "4294967296"], parse);
}
