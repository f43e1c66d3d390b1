//! The processor of the target, as data: which register is which. Not the one guru runs on.

pub mod aarch64;
pub mod x86_64;

use serde::{Deserialize, Serialize};

use crate::addr::Addr;

/// A processor architecture that guru knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arch {
    /// AMD64, 64-bit.
    X86_64,
    /// ARMv8, 64-bit.
    Aarch64,
}

/// The DWARF numbers of the registers that an unwinder must know by name.
#[derive(Clone, Copy, Debug)]
pub struct RegisterNumbers {
    /// The stack pointer.
    pub sp: u16,
    /// The frame pointer.
    pub fp: u16,
    /// The column that stands for the return address.
    pub ra: u16,
    /// How many registers are tracked: numbers below this.
    pub count: u16,
}

impl Arch {
    /// The ELF `e_machine` value, from the System V ABI.
    pub fn elf_machine(self) -> u16 {
        match self {
            Arch::X86_64 => x86_64::ELF_MACHINE,
            Arch::Aarch64 => aarch64::ELF_MACHINE,
        }
    }

    /// The registers by their DWARF numbers.
    pub fn numbers(self) -> RegisterNumbers {
        match self {
            Arch::X86_64 => x86_64::NUMBERS,
            Arch::Aarch64 => aarch64::NUMBERS,
        }
    }

    /// The name of a system call by its number.
    pub fn syscall_name(self, number: u64) -> Option<&'static str> {
        let table = match self {
            Arch::X86_64 => x86_64::SYSCALLS,
            Arch::Aarch64 => aarch64::SYSCALLS,
        };
        let at = table.binary_search_by_key(&number, |(known, _)| *known).ok()?;
        table.get(at).map(|(_, name)| *name)
    }
}

/// How many registers [`Registers`] holds: the larger of the architectures' counts.
pub const MAX_REGISTERS: usize = 33;

/// The registers of a thread, by DWARF number. What is not known is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registers {
    /// The architecture whose numbers are used.
    pub arch: Arch,
    /// The program counter.
    pub pc: Addr,
    /// The thread pointer: what `pthread_self` returns under glibc on x86-64.
    pub thread_pointer: Option<Addr>,
    values: Vec<Option<u64>>,
}

impl Registers {
    /// Registers of which only the program counter is known yet.
    pub fn new(arch: Arch, pc: Addr) -> Registers {
        let values = vec![None; MAX_REGISTERS];
        Registers { arch, pc, thread_pointer: None, values }
    }

    /// The register with this DWARF number.
    pub fn get(&self, number: u16) -> Option<u64> {
        self.values.get(usize::from(number)).copied().flatten()
    }

    /// Sets or forgets the register with this DWARF number; a number out of range is ignored,
    /// as unwind rules of the target may name any.
    pub fn set(&mut self, number: u16, value: Option<u64>) {
        if let Some(place) = self.values.get_mut(usize::from(number)) {
            *place = value;
        }
    }

    /// The stack pointer.
    pub fn sp(&self) -> Option<Addr> {
        self.get(self.arch.numbers().sp).map(Addr)
    }

    /// The first argument of the system call that the thread is in, if a call leaves it where it
    /// was: on aarch64 its register is that of the result.
    pub fn first_argument(&self) -> Option<Addr> {
        match self.arch {
            Arch::X86_64 => self.get(x86_64::RDI).map(Addr),
            Arch::Aarch64 => None,
        }
    }

    /// The frame pointer.
    pub fn fp(&self) -> Option<Addr> {
        self.get(self.arch.numbers().fp).map(Addr)
    }
}
