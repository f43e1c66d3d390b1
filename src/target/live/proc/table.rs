//! All processes, and who descends from whom.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use rustix::fs::{Dir, Mode, OFlags};

use super::{ProcDir, ROOM, Stat, small};
use crate::target::MAX_PROCESSES;

/// The most processes of the machine that are looked at: the kernel's limit of ids on 64 bits.
const MAX_IDS: usize = 1 << 22;

/// The ids of all processes.
pub fn ids() -> Vec<i32> {
    proc().map(|proc| listed(&proc)).unwrap_or_default()
}

fn proc() -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open("/proc", flags, Mode::empty()).ok()
}

fn listed(proc: &OwnedFd) -> Vec<i32> {
    let entries = Dir::read_from(proc).into_iter().flatten();
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse().ok());
    ids.filter(|id| *id > 0).take(MAX_IDS).collect()
}

/// The descendants of a process, sorted by their ids: the directory of each, and its `stat`. Of too
/// many, those that are nearest.
pub fn descendants(pid: i32) -> Vec<(ProcDir, Stat)> {
    let Some(proc) = proc() else { return Vec::new() };
    let mut buffer = [0; ROOM];
    let mut children: HashMap<i32, Vec<(i32, u64)>> = HashMap::new();
    for id in listed(&proc) {
        // Whatever it is called: a name is bytes.
        let text = small(std::os::fd::AsFd::as_fd(&proc), &format!("{id}/stat"), &mut buffer);
        if let Some(stat) = text.and_then(Stat::parse) {
            children.entry(stat.ppid).or_default().push((id, stat.starttime));
        }
    }
    let mut found = nearest(pid, &children);
    found.sort_unstable();
    let held = found.into_iter().filter_map(|(id, started)| {
        let directory = ProcDir::open(id).ok()?;
        let stat = directory.stat()?;
        // Not one that has got the same id since.
        (stat.starttime == started).then_some((directory, stat))
    });
    held.collect()
}

/// Those below `pid`, level by level.
fn nearest(pid: i32, children: &HashMap<i32, Vec<(i32, u64)>>) -> Vec<(i32, u64)> {
    let mut found: Vec<(i32, u64)> = Vec::new();
    let mut seen = std::collections::HashSet::from([pid]);
    let mut level = vec![pid];
    while !level.is_empty() {
        let below = level.iter().filter_map(|parent| children.get(parent)).flatten();
        // The table is of many moments: in it, one may seem to be below itself.
        let mut new: Vec<_> = below.copied().filter(|(id, _)| seen.insert(*id)).collect();
        new.sort_unstable();
        new.truncate(MAX_PROCESSES - found.len());
        level = new.iter().map(|(id, _)| *id).collect();
        found.append(&mut new);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_below_are_found_and_a_circle_ends() {
        let table = [(1, vec![(2, 0), (9, 0)]), (2, vec![(4, 0), (3, 0)]), (3, vec![(1, 0)])];
        let children = HashMap::from(table);
        assert_eq!(nearest(1, &children), [(2, 0), (9, 0), (3, 0), (4, 0)]);
        assert_eq!(nearest(4, &children), []);
    }

    #[test]
    fn of_too_many_the_nearest_are_kept() {
        let many = (10..10_000).map(|id| (id, 0)).collect();
        let children = HashMap::from([(1, vec![(2, 0), (3, 0)]), (2, many)]);
        let found = nearest(1, &children);
        assert_eq!(found.len(), MAX_PROCESSES);
        assert_eq!(found[..2], [(2, 0), (3, 0)]);
    }

    #[test]
    fn every_process_is_listed() {
        assert!(ids().contains(&std::process::id().cast_signed()));
    }
}
