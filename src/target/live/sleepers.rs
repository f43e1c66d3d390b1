//! Threads that sleep, looked at without touching them.
//!
//! Who sleeps does not move: registers and stack stay as they are until it is given a processor
//! again, and the kernel counts that. So what was read of a thread is exact if that number is the
//! same before and after; nothing needs to be stopped, and no call of it is disturbed.

use std::collections::HashMap;
use std::io;
use std::sync::LazyLock;

use procfs::process::Syscall;

use crate::addr::Addr;
use crate::arch::Registers;
use crate::target::Tid;
use crate::target::live::bpf::TaskIterator;
use crate::target::live::sys;
use crate::target::live::tasks::Tasks;

/// Opens the way that tells all registers, when it is needed.
type Open = Box<dyn FnOnce() -> io::Result<TaskIterator> + Send>;

/// How the threads of a process are looked at.
#[derive(Debug)]
pub struct Sleepers {
    tasks: Tasks,
    /// The way that tells all registers. Without it `/proc` tells program counter and stack pointer.
    iterator: LazyLock<io::Result<TaskIterator>, Open>,
}

/// Of so many threads `/proc` tells more quickly how often they ran than the other way is opened.
const FEW: usize = 32;

/// A thread that sleeps.
#[derive(Clone, Debug, PartialEq)]
pub struct Asleep {
    /// How often it had been given a processor. Its registers are these as long as that stays.
    pub turns: u64,
    /// Its registers, as far as they can be had.
    pub registers: Registers,
}

impl Sleepers {
    /// Those of these threads. `open` loads a program into the kernel, or waits for who does.
    pub fn new(
        tasks: &Tasks,
        open: impl FnOnce() -> io::Result<TaskIterator> + Send + 'static,
    ) -> Sleepers {
        Sleepers { tasks: tasks.clone(), iterator: LazyLock::new(Box::new(open)) }
    }

    /// How often each thread has been given a processor.
    pub fn turns(&self) -> HashMap<Tid, u64> {
        if self.tasks.count().is_some_and(|count| count <= FEW) {
            return turns(&self.tasks);
        }
        match self.iterator.as_ref().map(TaskIterator::read) {
            Ok(Ok(tasks)) => tasks.into_iter().map(|task| (task.tid, task.turns)).collect(),
            Ok(Err(_)) | Err(_) => turns(&self.tasks),
        }
    }

    /// The threads that sleep now.
    pub fn look(&self) -> HashMap<Tid, Asleep> {
        if let Ok(Ok(tasks)) = self.iterator.as_ref().map(TaskIterator::read) {
            let asleep = tasks.into_iter().filter_map(|task| {
                Some((task.tid, Asleep { turns: task.turns, registers: task.asleep? }))
            });
            return asleep.collect();
        }
        let tids = self.tasks.list().into_iter();
        tids.filter_map(|tid| Some((tid, asleep(&self.tasks, tid)?))).collect()
    }
}

/// How often each thread has been given a processor, by `/proc`.
pub fn turns(tasks: &Tasks) -> HashMap<Tid, u64> {
    tasks.list().into_iter().filter_map(|tid| Some((tid, tasks.turns(tid)?))).collect()
}

/// What `/proc` tells of a thread that sleeps.
fn asleep(tasks: &Tasks, tid: Tid) -> Option<Asleep> {
    let turns = tasks.turns(tid)?;
    let Syscall::Blocked { stack_pointer, program_counter, .. } = tasks.call(tid)? else {
        return None;
    };
    let mut registers = Registers::new(sys::HOST, Addr(program_counter));
    registers.set(sys::HOST.numbers().sp, Some(stack_pointer));
    Some(Asleep { turns, registers })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn both_ways_tell_the_same_of_who_sleeps() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pid = child.id().cast_signed();
        let tasks = Tasks::open(pid).unwrap();
        let by_proc = Sleepers::new(&tasks, || Err(io::Error::other("not wanted")));
        let by_kernel = Sleepers::new(&tasks, move || TaskIterator::open(pid));
        let end = Instant::now() + Duration::from_secs(60);
        let asleep = loop {
            // Until it has started, and reads.
            assert!(Instant::now() < end, "cat does not sleep");
            let (one, other) = (by_proc.look(), by_kernel.look());
            let turns = by_proc.turns();
            if let (Some(one), Some(other)) = (one.get(&pid), other.get(&pid))
                && turns.get(&pid) == Some(&one.turns)
                && one.turns == other.turns
            {
                break (one.clone(), other.clone());
            }
        };
        let (one, other) = asleep;
        assert_eq!(
            (one.registers.pc, one.registers.sp()),
            (other.registers.pc, other.registers.sp())
        );
        assert_eq!(by_kernel.turns()[&pid], one.turns);
        let all = other.registers.fp().is_some() && other.registers.thread_pointer.is_some();
        assert_eq!(by_kernel.iterator.is_ok(), all);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
