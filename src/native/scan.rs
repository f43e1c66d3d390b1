//! Frames whose base is counted from a register that is not known: they are found by what their call
//! left on the stack.
//!
//! Of a thread that sleeps `/proc` tells program counter and stack pointer alone. That does for most
//! functions; one that counts from its frame pointer (`alloca`, `-fno-omit-frame-pointer`, `-O0`) has
//! its caller's address somewhere above. That must lie behind a call, and the call lead to the
//! function: then the base follows from where it lies. It is a guess all the same, for what earlier
//! calls left is on the stack, too.

use gimli::{CfaRule, RegisterRule};

use super::cfi::Rules;
use crate::addr::Addr;
use crate::arch::{Arch, Registers};
use crate::module::{Module, Modules};
use crate::target::memory::{Memory, MemoryExt as _};

/// How far above the stack pointer is looked, in words. Frames of this kind have tables and buffers on
/// the stack; 99 % have less.
const MAX_WORDS: u64 = 4096;

/// How many places that may be it are tried, beside those that certainly are.
const MAX_TRIES: usize = 8;

/// The longest call of x86-64 through a register or memory, in bytes.
const LONGEST_CALL: u64 = 7;

/// Where a function's caller may be.
#[derive(Clone, Debug)]
pub struct Found {
    /// The registers with the one that was missing.
    pub registers: Registers,
    /// Whether the call before it leads to this very function.
    pub certain: bool,
}

/// A call before an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// To this address.
    To(Addr),
    /// To what a register or memory says, or a stub that jumps there.
    Elsewhere,
}

/// Looks for the callers that a frame may have whose base can not be counted. The certain one ends
/// the search.
pub fn candidates(
    registers: &Registers,
    rules: &Rules,
    module: &Module<'_>,
    modules: &Modules<'_>,
    memory: &dyn Memory,
) -> Vec<Found> {
    let mut found = Vec::new();
    let (Some(sp), Some(base)) = (registers.sp(), Base::of(registers, rules)) else { return found };
    let Some(function) = module.bias().map(|bias| Addr(rules.function.0.wrapping_add(bias))) else {
        return found;
    };
    for word in 0..MAX_WORDS {
        let place = sp.wrapping_add(word * 8);
        let Ok(address) = memory.ptr(place) else { break };
        let certain = match call_before(address, registers.arch, modules) {
            Some(Call::To(target)) if target == function => true,
            Some(Call::Elsewhere) if found.len() < MAX_TRIES => false,
            _ => continue,
        };
        let mut registers = registers.clone();
        registers.set(base.register, Some(base.value(place)));
        found.push(Found { registers, certain });
        if certain {
            break;
        }
    }
    found
}

/// How the base of a frame is counted.
struct Base {
    /// From this register.
    register: u16,
    /// So far.
    offset: i64,
    /// So far from the base the caller's address lies.
    return_address: i64,
}

impl Base {
    /// `None` if that is not what is missing.
    fn of(registers: &Registers, rules: &Rules) -> Option<Base> {
        let CfaRule::RegisterAndOffset { register, offset } = rules.cfa else { return None };
        let mut saved = rules.registers.iter();
        let (_, rule) = saved.find(|(register, _)| *register == rules.return_address)?;
        let RegisterRule::Offset(return_address) = *rule else { return None };
        let unknown = registers.get(register.0).is_none();
        unknown.then_some(Base { register: register.0, offset, return_address })
    }

    /// What the register holds, if the caller's address lies at `place`.
    fn value(&self, place: Addr) -> u64 {
        let base = place.0.wrapping_add_signed(self.return_address.wrapping_neg());
        base.wrapping_add_signed(self.offset.wrapping_neg())
    }
}

/// The call that ends before an address, if there is one.
fn call_before(address: Addr, arch: Arch, modules: &Modules<'_>) -> Option<Call> {
    // The instructions of other architectures are not looked at.
    if arch != Arch::X86_64 {
        return None;
    }
    let module = modules.find(address)?;
    let text = module.image().ok()?.section(".text")?;
    let at = module.file_addr(address)?.0.checked_sub(text.addr.0)?;
    let before = LONGEST_CALL.min(at);
    let piece = text.bytes.piece_from(at - before).ok()?;
    let bytes = piece.get(..usize::try_from(before).ok()?)?;
    if let [.., 0xe8, a, b, c, d] = *bytes {
        let displacement = i64::from(i32::from_le_bytes([a, b, c, d]));
        let target = Addr(address.0.wrapping_add_signed(displacement));
        let inside = module.file_addr(target).is_some_and(|target| {
            target.0.checked_sub(text.addr.0).is_some_and(|inside| inside < text.bytes.len())
        });
        // What is outside of the text is a stub of the linker's.
        return Some(if inside { Call::To(target) } else { Call::Elsewhere });
    }
    is_indirect(bytes).then_some(Call::Elsewhere)
}

/// Whether bytes end with a call through a register or memory: `FF /2`, and what its ModRM byte asks
/// for (Intel SDM, volume 2, 2.1.3).
fn is_indirect(bytes: &[u8]) -> bool {
    (2..=bytes.len()).any(|len| {
        let Some([0xff, modrm, ..]) = bytes.get(bytes.len() - len..) else { return false };
        let (mode, field, register) = (modrm >> 6, modrm >> 3 & 7, modrm & 7);
        let displaced = match (mode, register) {
            (0, 5) | (2, _) => 4,
            (1, _) => 1,
            _ => 0,
        };
        let scaled = usize::from(mode != 3 && register == 4);
        field == 2 && len == 2 + scaled + displaced
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_through_registers_and_memory_are_known_by_their_bytes() {
        for (call, what) in [
            (&[0xff, 0xd0][..], "call *%rax"),
            (&[0x41, 0xff, 0xd4], "call *%r12"),
            (&[0xff, 0x13], "call *(%rbx)"),
            (&[0xff, 0x50, 0x18], "call *0x18(%rax)"),
            (&[0xff, 0x14, 0xc7], "call *(%rdi,%rax,8)"),
            (&[0xff, 0x15, 1, 2, 3, 4], "call *0x4030201(%rip)"),
            (&[0xff, 0x94, 0x24, 1, 2, 3, 4], "call *0x4030201(%rsp)"),
        ] {
            assert!(is_indirect(call), "{what}");
        }
        for (other, what) in [
            (&[0xff, 0xe0][..], "jmp *%rax"),
            (&[0xff, 0x30], "push (%rax)"),
            (&[0xff, 0x15, 1, 2, 3], "a call that is cut"),
            (&[0x90, 0x90], "nop"),
            (&[], "nothing"),
        ] {
            assert!(!is_indirect(other), "{what}");
        }
    }

    #[test]
    fn the_base_follows_from_where_the_callers_address_lies() {
        // `push %rbp; mov %rsp, %rbp`: the base is rbp + 16, the address 8 below it.
        let base = Base { register: 6, offset: 16, return_address: -8 };
        assert_eq!(base.value(Addr(0x7008)), 0x7000);
    }
}
