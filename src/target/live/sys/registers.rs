//! The registers of a stopped thread.

use std::io;

use nix::sys::ptrace::regset::NT_PRSTATUS;
use nix::unistd::Pid;

use super::HOST;
use crate::addr::Addr;
use crate::arch::Registers;
use crate::target::Tid;

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
    /// its arguments.
    #[cfg(target_arch = "x86_64")]
    pub fn interrupted_call(&self) -> Option<(u64, [u64; 6])> {
        let raw = &self.raw;
        let returned_eintr = raw.rax.cast_signed() == -i64::from(libc::EINTR);
        let arguments = [raw.rdi, raw.rsi, raw.rdx, raw.r10, raw.r8, raw.r9];
        (returned_eintr && self.in_call()).then_some((raw.orig_rax, arguments))
    }

    /// Not measured on this architecture, so never repaired.
    #[cfg(target_arch = "aarch64")]
    pub fn interrupted_call(&self) -> Option<(u64, [u64; 6])> {
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
