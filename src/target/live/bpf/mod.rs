//! Registers of threads that sleep, read by a program in the kernel: nothing is stopped, and no call
//! of the process is touched.
//!
//! A thread that left user mode has its registers on its kernel stack, all of them, where an iterator
//! over the tasks of a process reads them (`bpf_task_pt_regs`, since Linux 5.15). That takes the rights
//! `CAP_BPF` and `CAP_PERFMON`, and a kernel that tells its types. 10,001 threads took 25 ms.

pub mod btf;
mod program;

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;

use crate::addr::Addr;
use crate::arch::Registers;
use crate::target::Tid;
use crate::target::access::FIRST_PID_NAMESPACE;
use crate::target::live::sys::{self, KernelTypes};
use btf::Kernel;
use program::{HEAD, RECORD, SAVED};

/// Where the kernel tells its types.
const BTF: &CStr = c"/sys/kernel/btf/vmlinux";

/// The largest that is read: it has 5 to 10 MiB.
const MAX_BTF: u64 = 64 << 20;

/// The most records that are read at once.
const MAX_RECORDS: usize = crate::target::MAX_THREADS;

/// A program in the kernel that tells of the tasks of one process.
#[derive(Debug)]
pub struct TaskIterator {
    link: OwnedFd,
}

/// A thread, as the kernel has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its id.
    pub tid: Tid,
    /// How often it was given a processor.
    pub turns: u64,
    /// Its registers in user mode, if it sleeps. Read after `turns`: they are those of its sleep as
    /// long as that number stays.
    pub asleep: Option<Registers>,
}

impl TaskIterator {
    /// Loads the program for this process.
    ///
    /// # Errors
    /// The kernel is too old or does not tell its types, or guru may not: the answer of the kernel.
    pub fn open(process: i32) -> io::Result<TaskIterator> {
        // In which alone the kernel's ids are those that guru sees.
        if std::fs::read_link("/proc/self/ns/pid")?.as_os_str() != FIRST_PID_NAMESPACE {
            return Err(io::Error::other("guru is in a pid namespace of its own"));
        }
        let unknown = || io::Error::other("the kernel's types are not as expected");
        let kernel = kernel()?.ok_or_else(unknown)?;
        let program =
            sys::load_task_iterator(&program::program(&kernel, process), kernel.iterator)?;
        Ok(TaskIterator { link: sys::link_task_iterator(&program, process)? })
    }

    /// Reads all tasks of the process.
    ///
    /// # Errors
    /// The kernel's, and if it writes something else than the program does.
    pub fn read(&self) -> io::Result<Vec<Task>> {
        let output = File::from(sys::open_task_iterator(&self.link)?);
        let mut bytes = Vec::new();
        output.take((MAX_RECORDS * RECORD) as u64).read_to_end(&mut bytes)?;
        if !bytes.len().is_multiple_of(RECORD) {
            return Err(io::Error::other("the kernel wrote half a record"));
        }
        Ok(bytes.chunks_exact(RECORD).filter_map(task).collect())
    }
}

/// What is needed of the kernel's types.
fn kernel() -> io::Result<Option<Kernel>> {
    // To read it takes five milliseconds, to map it none.
    if let Ok(btf) = KernelTypes::map(BTF) {
        return Ok(Kernel::find(&btf));
    }
    let mut btf = Vec::new();
    File::open(OsStr::from_bytes(BTF.to_bytes()))?.take(MAX_BTF).read_to_end(&mut btf)?;
    Ok(Kernel::find(&btf))
}

fn task(record: &[u8]) -> Option<Task> {
    let numbers = record.chunks_exact(8).filter_map(|bytes| bytes.try_into().ok());
    let numbers: Vec<u64> = numbers.map(u64::from_le_bytes).collect();
    let (head, saved) = numbers.split_first_chunk::<HEAD>()?;
    let [tid, state, on_cpu, turns, thread_pointer] = *head;
    let sleeps = state != 0 && on_cpu == 0;
    let asleep = sleeps.then(|| {
        let mut registers = registers(saved.try_into().ok()?)?;
        registers.thread_pointer = Some(Addr(thread_pointer)).filter(|pointer| !pointer.is_null());
        Some(registers)
    });
    Some(Task { tid: Tid::try_from(tid).ok()?, turns, asleep: asleep.flatten() })
}

/// The registers by their DWARF numbers; `None` if they are none of user mode.
#[cfg(target_arch = "x86_64")]
fn registers(saved: &[u64; SAVED]) -> Option<Registers> {
    /// `struct pt_regs`: the DWARF number of each, up to `rdi`.
    const NUMBERS: [u16; 15] = [15, 14, 13, 12, 6, 3, 11, 10, 9, 8, 0, 2, 1, 4, 5];
    let [.., _orig_rax, rip, cs, _flags, rsp, _ss] = *saved;
    if cs & 3 != 3 {
        return None;
    }
    let mut registers = Registers::new(sys::HOST, Addr(rip));
    for (number, value) in NUMBERS.into_iter().zip(saved) {
        registers.set(number, Some(*value));
    }
    registers.set(sys::HOST.numbers().sp, Some(rsp));
    Some(registers)
}

/// The registers by their DWARF numbers; `None` if they are none of user mode.
#[cfg(target_arch = "aarch64")]
fn registers(saved: &[u64; SAVED]) -> Option<Registers> {
    let [general @ .., sp, pc, pstate] = saved;
    if pstate & 0xf != 0 {
        return None;
    }
    let mut registers = Registers::new(sys::HOST, Addr(*pc));
    for (number, value) in (0..).zip(general) {
        registers.set(number, Some(*value));
    }
    registers.set(sys::HOST.numbers().sp, Some(*sp));
    Some(registers)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    #[test]
    fn only_who_sleeps_in_user_mode_has_registers() {
        let record = |state: u64, on_cpu: u64, user: bool| {
            let mut numbers = vec![7, state, on_cpu, 3, 0x7000];
            numbers.extend(vec![5; SAVED]);
            if cfg!(target_arch = "x86_64") {
                numbers[HEAD + 17] = if user { 0x33 } else { 0x10 };
            } else {
                numbers[HEAD + 33] = if user { 0 } else { 5 };
            }
            task(&numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())
        };
        let found = record(1, 0, true).unwrap();
        assert_eq!((found.tid, found.turns), (7, 3));
        let registers = found.asleep.unwrap();
        assert_eq!((registers.pc, registers.thread_pointer), (Addr(5), Some(Addr(0x7000))));
        for (state, on_cpu, user) in [(0, 0, true), (1, 1, true), (1, 0, false)] {
            assert_eq!(record(state, on_cpu, user).unwrap().asleep, None);
        }
    }

    #[test]
    fn a_sleeper_is_read_where_the_kernel_says_that_it_sleeps() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pid = child.id().cast_signed();
        // Who may not is told by the kernel; the other way is tested elsewhere.
        if let Ok(iterator) = TaskIterator::open(pid) {
            let end = Instant::now() + Duration::from_secs(60);
            let (task, told) = loop {
                assert!(Instant::now() < end, "cat does not sleep");
                let tasks = iterator.read().unwrap();
                let told = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap();
                assert_eq!(tasks.len(), 1);
                if tasks[0].asleep.is_some() && !told.starts_with("running") {
                    break (tasks[0].clone(), told);
                }
            };
            let registers = task.asleep.unwrap();
            let told: Vec<&str> = told.split_whitespace().rev().take(2).collect();
            let shown = |number: u64| format!("{number:#x}");
            assert_eq!(told, [shown(registers.pc.0), shown(registers.sp().unwrap().0)]);
            assert_eq!((task.tid, iterator.read().unwrap()[0].turns), (pid, task.turns));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
