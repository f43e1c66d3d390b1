//! The only unsafe code of guru, and the only code that knows the processor it runs on.
//!
//! nix is right for most of ptrace, but its `Signal` has no real-time signals: `waitpid` fails
//! with EINVAL on such a stop and consumes it, and `detach` cannot hand one back. 282 of 20,000
//! real-time signals were lost that way in a measurement.
#![expect(unsafe_code, reason = "ptrace calls that no safe library offers whole")]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use nix::sys::ptrace::regset::NT_PRSTATUS;
use nix::unistd::Pid;

use crate::addr::Addr;
use crate::arch::{Arch, Registers};
use crate::target::Tid;

/// What became of a traced thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing yet.
    None,
    /// It stopped because it was asked to, or because SIGCONT ended a group stop: it is on its way
    /// to no signal.
    Interrupted,
    /// It stands still with all threads of its process because of SIGSTOP or its like, which it has
    /// taken already.
    GroupStop,
    /// It stopped at the beginning or the end of a system call.
    Call,
    /// It stopped on its way to a signal, which must be handed back.
    Signal(i32),
    /// It is gone.
    Gone,
}

/// `PTRACE_EVENT_STOP`, in the second byte of the status that `waitid` gives.
const EVENT_STOP: i32 = 128;

/// What `PTRACE_O_TRACESYSGOOD` makes of the status at a system call.
const CALL_STOP: i32 = libc::SIGTRAP | 0x80;

/// What became of a traced thread, without waiting.
///
/// The answer is not consumed (`WNOWAIT`): a signal that stopped the thread stays with it until it
/// is let go, even if guru is killed before that. Measured with a tracer killed in between: the
/// handler ran in 0 of 1 tries after `waitpid`, in 1 of 1 after this.
pub fn poll(tid: Tid) -> io::Result<Event> {
    let Ok(id) = libc::id_t::try_from(tid) else { return Ok(Event::Gone) };
    let options = libc::WSTOPPED | libc::WEXITED | libc::WNOWAIT | libc::WNOHANG | libc::__WALL;
    // SAFETY: a siginfo_t may be all zeros, and the kernel writes no more than one of it.
    let (done, info) = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        (libc::waitid(libc::P_PID, id, &raw mut info, options), info)
    };
    if done < 0 {
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(libc::ECHILD) => Ok(Event::Gone),
            Some(libc::EINTR) => Ok(Event::None),
            _ => Err(error),
        };
    }
    // SAFETY: waitid fills these two fields; with nothing to tell, they are zero.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    Ok(match info.si_code {
        _ if pid == 0 => Event::None,
        libc::CLD_TRAPPED | libc::CLD_STOPPED => match (status >> 8, status & 0xff) {
            (EVENT_STOP, libc::SIGTRAP) => Event::Interrupted,
            (EVENT_STOP, _) => Event::GroupStop,
            (_, CALL_STOP) => Event::Call,
            (_, signal) => Event::Signal(signal & 0x7f),
        },
        _ => Event::Gone,
    })
}

/// Takes note of the end of a traced thread, if it has ended: only then is it gone.
///
/// Not without a look before: the kernel tells a tracer of a stop, too, whatever it is asked for, and
/// the signal that the thread stopped for is lost with the answer.
pub fn reap(tid: Tid) {
    let Ok(id) = libc::id_t::try_from(tid) else { return };
    if !matches!(poll(tid), Ok(Event::Gone)) {
        return;
    }
    let options = libc::WEXITED | libc::WNOHANG | libc::__WALL;
    // SAFETY: a siginfo_t may be all zeros, and the kernel writes no more than one of it.
    let _ = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        libc::waitid(libc::P_PID, id, &raw mut info, options)
    };
}

/// Lets a stopped thread run on, with the signal that it was about to get, or 0.
pub fn detach(tid: Tid, signal: i32) -> io::Result<()> {
    let signal = libc::c_long::from(signal);
    // SAFETY: PTRACE_DETACH takes numbers only.
    match unsafe { libc::ptrace(libc::PTRACE_DETACH, tid, 0usize, signal) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// How far a stopped thread that stays in our hands runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until a signal comes.
    Signal,
    /// Until a signal comes, or a system call begins or ends.
    Call,
}

/// Lets a stopped thread run on, with the signal that it was about to get, or 0.
///
/// It may be called without the stop having been consumed: the kernel tells of the stop no more.
pub fn go_on(tid: Tid, until: Until, signal: i32) -> io::Result<()> {
    let request = match until {
        Until::Signal => libc::PTRACE_CONT,
        Until::Call => libc::PTRACE_SYSCALL,
    };
    let signal = libc::c_long::from(signal);
    // SAFETY: PTRACE_CONT and PTRACE_SYSCALL take numbers only.
    match unsafe { libc::ptrace(request, tid, 0usize, signal) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Leaves a thread in its group stop, to be told when SIGCONT ends it.
pub fn listen(tid: Tid) -> io::Result<()> {
    // SAFETY: PTRACE_LISTEN takes numbers only.
    match unsafe { libc::ptrace(libc::PTRACE_LISTEN, tid, 0usize, 0usize) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The system call that a thread stopped at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// It begins.
    Entry {
        /// Its number, on the architecture of this guru.
        number: i64,
        /// Its arguments; as many as it has mean something.
        arguments: [u64; 6],
    },
    /// It ends, with this result or error number.
    Exit(Result<u64, i32>),
    /// It is one of another architecture, whose numbers mean something else.
    Foreign,
}

/// The system call that a thread stopped at; `None` if it stopped elsewhere, was killed, or if the
/// kernel does not tell (it does since 5.3).
pub fn call(tid: Tid) -> Option<Call> {
    /// Of the kernel's `include/uapi/linux/ptrace.h`, as all that follows.
    const GET_SYSCALL_INFO: u32 = 0x420e;
    const ENTRY: u64 = 1;
    const EXIT: u64 = 2;
    // struct ptrace_syscall_info in words: op, padding and arch; ip; sp; then of an entry nr and
    // args, of an exit rval and is_error.
    let mut info = [0u64; 11];
    // SAFETY: the kernel writes at most as many bytes to `info` as it is told that it has.
    let done =
        unsafe { libc::ptrace(GET_SYSCALL_INFO as _, tid, size_of_val(&info), info.as_mut_ptr()) };
    if done < 0 {
        return None;
    }
    let [head, _ip, _sp, first, rest @ ..] = info;
    match (head & 0xff, head >> 32) {
        (ENTRY, AUDIT_ARCH) => {
            let [a, b, c, d, e, f, _] = rest;
            Some(Call::Entry { number: first.cast_signed(), arguments: [a, b, c, d, e, f] })
        }
        (EXIT, AUDIT_ARCH) => Some(Call::Exit(match rest[0] & 0xff {
            0 => Ok(first),
            _ => Err(i32::try_from(-first.cast_signed()).unwrap_or(i32::MAX)),
        })),
        (ENTRY | EXIT, _) => Some(Call::Foreign),
        _ => None,
    }
}

/// Sends a signal to the process of a pidfd.
///
/// Signals go by number: neither nix nor rustix name those of real time.
pub fn send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the kernel reads no siginfo_t from a null pointer.
    let done = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, no_info, 0u32)
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Commands, kinds and sizes of bpf(2), of the kernel's `include/uapi/linux/bpf.h`.
mod bpf {
    pub const PROG_LOAD: u32 = 5;
    pub const LINK_CREATE: u32 = 28;
    pub const ITER_CREATE: u32 = 33;
    pub const PROG_TYPE_TRACING: u32 = 26;
    pub const TRACE_ITER: u32 = 28;
    /// Of `union bpf_attr`, as far as it is filled, in words of 32 bits.
    pub const ATTR: usize = 36;
    /// Of `union bpf_iter_link_info`, in bytes.
    pub const LINK_INFO: u32 = 16;
}

/// Calls bpf(2), which returns a descriptor.
///
/// # Safety
/// What `attr` points to must be there.
unsafe fn call_bpf(command: u32, attr: &[u32; bpf::ATTR]) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads no more of `attr` than it has; for its pointers the caller stands.
    let done = unsafe { libc::syscall(libc::SYS_bpf, command, attr.as_ptr(), size_of_val(attr)) };
    match RawFd::try_from(done) {
        // SAFETY: the kernel has just opened it, for nobody else.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The two halves of an address.
fn halves<T: ?Sized>(of: &T) -> [u32; 2] {
    let address = std::ptr::from_ref(of).cast::<u8>() as u64;
    [address as u32, (address >> 32) as u32]
}

/// Loads a program that is run for each task, attached to the kernel's function of this id.
pub fn load_task_iterator(program: &[[u8; 8]], attached_to: u32) -> io::Result<OwnedFd> {
    // Some helpers are for programs under this licence only.
    let licence = c"GPL";
    let mut attr = [0; bpf::ATTR];
    attr[0] = bpf::PROG_TYPE_TRACING;
    attr[1] = u32::try_from(program.len()).unwrap_or(u32::MAX);
    attr[2..4].copy_from_slice(&halves(program));
    attr[4..6].copy_from_slice(&halves(licence));
    attr[17] = bpf::TRACE_ITER;
    attr[27] = attached_to;
    // SAFETY: it points to the program and the licence, which outlive the call.
    unsafe { call_bpf(bpf::PROG_LOAD, &attr) }
}

/// Makes such a program one for the tasks of a process. Kernels before 6.1 run it for all tasks.
pub fn link_task_iterator(program: &OwnedFd, process: i32) -> io::Result<OwnedFd> {
    let info = [0, process.cast_unsigned(), 0, 0];
    let mut attr = [0; bpf::ATTR];
    attr[0] = program.as_raw_fd().cast_unsigned();
    attr[2] = bpf::TRACE_ITER;
    attr[4..6].copy_from_slice(&halves(&info));
    attr[6] = bpf::LINK_INFO;
    // SAFETY: it points to `info`, which has this length and outlives the call.
    unsafe { call_bpf(bpf::LINK_CREATE, &attr) }
}

/// Opens what the program writes: it runs when that is read.
pub fn open_task_iterator(link: &OwnedFd) -> io::Result<OwnedFd> {
    let mut attr = [0; bpf::ATTR];
    attr[0] = link.as_raw_fd().cast_unsigned();
    // SAFETY: it points to nothing.
    unsafe { call_bpf(bpf::ITER_CREATE, &attr) }
}

/// The kernel's own types, mapped to be read: they are copied nowhere.
pub struct KernelTypes {
    start: NonNull<libc::c_void>,
    len: usize,
}

impl KernelTypes {
    /// Maps them. Kernels before 6.16 let nobody do that.
    pub fn map(path: &CStr) -> io::Result<KernelTypes> {
        // SAFETY: takes a path that ends, and numbers.
        let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just opened it, for nobody else.
        let file = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(fd) });
        let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let null = std::ptr::null_mut();
        // SAFETY: a new mapping, which takes the place of none.
        let start = unsafe {
            libc::mmap(null, len, libc::PROT_READ, libc::MAP_PRIVATE, file.as_raw_fd(), 0)
        };
        match NonNull::new(start) {
            Some(start) if start.as_ptr() != libc::MAP_FAILED => Ok(KernelTypes { start, len }),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl std::ops::Deref for KernelTypes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: it is mapped as long as this is there, and the kernel's types never change.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.len) }
    }
}

impl Drop for KernelTypes {
    fn drop(&mut self) {
        // SAFETY: it was mapped so, and nobody refers to it any more.
        let _ = unsafe { libc::munmap(self.start.as_ptr(), self.len) };
    }
}

/// The exit status of a child of [`fork`] that panicked.
pub const PANICKED: u8 = 101;

/// Runs `work` in a child process, whose exit status it returns; returns the child's id. Nothing of
/// this process is flushed, removed or run at the child's end.
///
/// Only the thread that calls this lives on in the child. Another one may have held a lock at that
/// moment, and nobody will ever release it there: `work` uses none of the standard library's (no
/// output, no environment, no threads). It may allocate: the C library keeps its heap usable.
pub fn fork(work: impl FnOnce() -> u8) -> io::Result<rustix::process::Pid> {
    // SAFETY: see above; the child never returns from here, and so neither do its callers there.
    let pid = unsafe { libc::fork() };
    match rustix::process::Pid::from_raw(pid) {
        _ if pid < 0 => Err(io::Error::last_os_error()),
        Some(pid) => Ok(pid),
        None => {
            let status = catch_unwind(AssertUnwindSafe(work)).unwrap_or(PANICKED);
            // SAFETY: ends the process, without anything that was prepared for the end of guru.
            unsafe { libc::_exit(status.into()) }
        }
    }
}

/// Closes every descriptor of this process, whoever owns it, but those that are given (of which none
/// is below 3). Standard input, output and error become the first of them, which must be one that
/// cannot be read or written (`O_PATH`).
///
/// For a child of [`fork`] only: nothing that it inherited may be used any more.
pub fn keep_only(kept: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut kept: Vec<RawFd> = kept.iter().map(|fd| fd.as_raw_fd()).collect();
    let Some(first) = kept.first().copied() else { return Ok(()) };
    for standard in 0..3 {
        // SAFETY: takes numbers only.
        if unsafe { libc::dup2(first, standard) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    kept.sort_unstable();
    let mut from = 3;
    for fd in kept {
        close_range(from, fd - 1)?;
        from = from.max(fd + 1);
    }
    close_range(from, RawFd::MAX)
}

/// Closes the descriptors with these numbers, the last included.
fn close_range(first: RawFd, last: RawFd) -> io::Result<()> {
    if first > last {
        return Ok(());
    }
    // SAFETY: takes numbers only; whoever owned these descriptors uses them no more, see above.
    match unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// How a system thread is given processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// As most are (`SCHED_OTHER`).
    Usual,
    /// Before all of these, at the lowest priority of its kind (`SCHED_FIFO`, 1).
    Realtime,
    /// In another way.
    Other,
}

/// How this system thread is given processors.
pub fn class() -> io::Result<Class> {
    // SAFETY: takes a number; 0 is this system thread.
    match unsafe { libc::sched_getscheduler(0) } {
        -1 => Err(io::Error::last_os_error()),
        policy => Ok(match policy & !libc::SCHED_RESET_ON_FORK {
            libc::SCHED_OTHER => Class::Usual,
            libc::SCHED_FIFO => Class::Realtime,
            _ => Class::Other,
        }),
    }
}

/// Sets how this system thread is given processors; not those that it makes.
pub fn set_class(class: Class) -> io::Result<()> {
    let (policy, sched_priority) = match class {
        Class::Usual => (libc::SCHED_OTHER, 0),
        Class::Realtime => (libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, 1),
        Class::Other => return Err(io::Error::other("it is not known which")),
    };
    let parameter = libc::sched_param { sched_priority };
    // SAFETY: the kernel reads one sched_param; 0 is this system thread.
    match unsafe { libc::sched_setscheduler(0, policy, &raw const parameter) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// How the clock of `/proc/PID/stat` ticks, in ticks per second.
pub fn clock_ticks() -> u64 {
    // SAFETY: sysconf reads a number.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).unwrap_or(100).max(1)
}

/// The architecture that guru runs on: the only one whose processes it can stop.
#[cfg(target_arch = "x86_64")]
pub const HOST: Arch = Arch::X86_64;
/// The architecture that guru runs on: the only one whose processes it can stop.
#[cfg(target_arch = "aarch64")]
pub const HOST: Arch = Arch::Aarch64;

/// `AUDIT_ARCH_X86_64` of the kernel's `include/uapi/linux/audit.h`.
#[cfg(target_arch = "x86_64")]
const AUDIT_ARCH: u64 = 0xc000_003e;
/// `AUDIT_ARCH_AARCH64` of the kernel's `include/uapi/linux/audit.h`.
#[cfg(target_arch = "aarch64")]
const AUDIT_ARCH: u64 = 0xc000_00b7;

/// The registers of a stopped thread, and what its system call returned.
pub struct Stopped {
    raw: libc::user_regs_struct,
    tid: Tid,
}

impl Stopped {
    /// Reads the registers of a stopped thread.
    pub fn read(tid: Tid) -> io::Result<Stopped> {
        let raw = nix::sys::ptrace::getregset::<NT_PRSTATUS>(Pid::from_raw(tid))?;
        Ok(Stopped { raw, tid })
    }

    /// The registers by their DWARF numbers.
    #[cfg(target_arch = "x86_64")]
    pub fn registers(&self) -> Registers {
        let raw = &self.raw;
        let mut registers = Registers::new(HOST, Addr(raw.rip));
        // DWARF numbers of the System V psABI, figure 3.36.
        let by_number = [
            raw.rax, raw.rdx, raw.rcx, raw.rbx, raw.rsi, raw.rdi, raw.rbp, raw.rsp, raw.r8, raw.r9,
            raw.r10, raw.r11, raw.r12, raw.r13, raw.r14, raw.r15,
        ];
        for (number, value) in (0..).zip(by_number) {
            registers.set(number, Some(value));
        }
        registers.thread_pointer = Some(Addr(raw.fs_base));
        registers
    }

    /// The registers by their DWARF numbers.
    #[cfg(target_arch = "aarch64")]
    pub fn registers(&self) -> Registers {
        let mut registers = Registers::new(HOST, Addr(self.raw.pc));
        for (number, value) in (0..).zip(self.raw.regs) {
            registers.set(number, Some(value));
        }
        registers.set(31, Some(self.raw.sp));
        registers.thread_pointer = thread_pointer(self.tid).map(Addr);
        registers
    }

    /// Whether it stopped in a system call.
    #[cfg(target_arch = "x86_64")]
    pub fn in_call(&self) -> bool {
        self.raw.orig_rax.cast_signed() >= 0
    }

    /// Not told here on this architecture: taken to have run.
    #[cfg(target_arch = "aarch64")]
    pub fn in_call(&self) -> bool {
        false
    }

    /// The number of the system call that returned EINTR because of this stop, if one did, with
    /// its first two arguments.
    #[cfg(target_arch = "x86_64")]
    pub fn interrupted_call(&self) -> Option<(u64, [u64; 2])> {
        let returned_eintr = self.raw.rax.cast_signed() == -i64::from(libc::EINTR);
        (returned_eintr && self.in_call())
            .then_some((self.raw.orig_rax, [self.raw.rdi, self.raw.rsi]))
    }

    /// Not measured on this architecture, so never repaired.
    #[cfg(target_arch = "aarch64")]
    pub fn interrupted_call(&self) -> Option<(u64, [u64; 2])> {
        None
    }

    /// Makes the interrupted system call start again, as if nothing had happened, unless a real
    /// signal has a handler to run: the kernel's own rule for `ERESTARTNOHAND`.
    #[cfg(target_arch = "x86_64")]
    pub fn restart_call(&mut self) -> io::Result<()> {
        /// From the kernel's `include/linux/errno.h`.
        const ERESTARTNOHAND: i64 = 514;
        let mut raw = self.raw;
        raw.rax = (-ERESTARTNOHAND).cast_unsigned();
        nix::sys::ptrace::setregset::<NT_PRSTATUS>(Pid::from_raw(self.tid), raw)?;
        Ok(())
    }

    /// Not measured on this architecture, so never repaired.
    #[cfg(target_arch = "aarch64")]
    pub fn restart_call(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `tpidr_el0` of a stopped thread.
#[cfg(target_arch = "aarch64")]
fn thread_pointer(tid: Tid) -> Option<u64> {
    /// From the kernel's `include/uapi/linux/elf.h`.
    const NT_ARM_TLS: usize = 0x401;
    let mut value = 0u64;
    let mut iov = libc::iovec { iov_base: (&raw mut value).cast(), iov_len: size_of::<u64>() };
    // SAFETY: the kernel writes at most `iov_len` bytes to `value`, which outlives the call.
    let done = unsafe { libc::ptrace(libc::PTRACE_GETREGSET, tid, NT_ARM_TLS, &raw mut iov) };
    (done == 0).then_some(value)
}
