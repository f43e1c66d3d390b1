//! The program that runs in the kernel: for each task of one process it writes a record.
//!
//! It is put together here, because a compiler for it is no part of a build, and it is short. The
//! instructions are those of the kernel's `Documentation/bpf/standardization/instruction-set.rst`, the
//! helpers those of `bpf-helpers(7)`:
//!
//! ```text
//! r6 = context;  r7 = context->task
//! if (r7 == NULL || r7->tgid != PROCESS) return 0
//! record = { r7->pid, r7->__state, r7->on_cpu, r7->sched_info.pcount, r7->thread.fsbase }
//! bpf_probe_read_kernel(record.registers, …, bpf_task_pt_regs(r7))
//! bpf_seq_write(context->meta->seq, record, …)
//! return 0
//! ```

use super::btf::Kernel;

/// How many registers of a task the kernel saves when it leaves user mode, and a program may ask for:
/// `struct pt_regs` of `arch/x86/include/asm/ptrace.h`, from `r15` to `ss`.
#[cfg(target_arch = "x86_64")]
pub const SAVED: usize = 21;
/// How many registers of a task the kernel saves when it leaves user mode, and a program may ask for:
/// `struct user_pt_regs` of `arch/arm64/include/uapi/asm/ptrace.h`: x0 to x30, sp, pc, pstate.
#[cfg(target_arch = "aarch64")]
pub const SAVED: usize = 34;

/// The numbers in front of the registers.
pub const HEAD: usize = 5;

/// The length of a record, in bytes.
pub const RECORD: usize = (HEAD + SAVED) * 8;
const _: () = assert!(RECORD <= 512, "a program has no more room");

/// An instruction, as the kernel takes it.
pub type Instruction = [u8; 8];

const R0: u8 = 0;
const R1: u8 = 1;
const R2: u8 = 2;
const R3: u8 = 3;
const R6: u8 = 6;
const R7: u8 = 7;
/// The frame pointer: below it lie the 512 bytes that a program has.
const R10: u8 = 10;

/// `bpf_probe_read_kernel`, `bpf_seq_write` and `bpf_task_pt_regs`, by their numbers.
const PROBE_READ_KERNEL: i32 = 113;
const SEQ_WRITE: i32 = 127;
const TASK_PT_REGS: i32 = 175;

fn instruction(code: u8, to: u8, from: u8, offset: i16, number: i32) -> Instruction {
    let [low, high] = offset.to_le_bytes();
    let [a, b, c, d] = number.to_le_bytes();
    [code, from << 4 | to, low, high, a, b, c, d]
}

fn copy(to: u8, from: u8) -> Instruction {
    instruction(0xbf, to, from, 0, 0)
}

fn set(to: u8, number: i32) -> Instruction {
    instruction(0xb7, to, 0, 0, number)
}

fn add(to: u8, number: i32) -> Instruction {
    instruction(0x07, to, 0, 0, number)
}

fn load32(to: u8, from: u8, offset: i16) -> Instruction {
    instruction(0x61, to, from, offset, 0)
}

fn load64(to: u8, from: u8, offset: i16) -> Instruction {
    instruction(0x79, to, from, offset, 0)
}

fn store64(to: u8, offset: i16, from: u8) -> Instruction {
    instruction(0x7b, to, from, offset, 0)
}

fn call(helper: i32) -> Instruction {
    instruction(0x85, 0, 0, 0, helper)
}

/// The program for one process, by the id that the kernel itself uses for it.
pub fn program(kernel: &Kernel, process: i32) -> Vec<Instruction> {
    let Kernel { fields: [tgid, pid, state, on_cpu, turns, thread_pointer], .. } = *kernel;
    let record = -(RECORD as i16);
    let body = [
        load32(R1, R7, pid),
        store64(R10, record, R1),
        load32(R1, R7, state),
        store64(R10, record + 8, R1),
        load32(R1, R7, on_cpu),
        store64(R10, record + 16, R1),
        load64(R1, R7, turns),
        store64(R10, record + 24, R1),
        load64(R1, R7, thread_pointer),
        store64(R10, record + 32, R1),
        copy(R1, R7),
        call(TASK_PT_REGS),
        copy(R3, R0),
        copy(R1, R10),
        add(R1, i32::from(record) + HEAD as i32 * 8),
        set(R2, SAVED as i32 * 8),
        call(PROBE_READ_KERNEL),
        load64(R1, R6, 0),
        load64(R1, R1, 0),
        copy(R2, R10),
        add(R2, record.into()),
        set(R3, RECORD as i32),
        call(SEQ_WRITE),
    ];
    let past_body = body.len() as i16;
    let mut program = vec![
        copy(R6, R1),
        load64(R7, R6, 8),
        // If it is 0, past the two that follow and the body.
        instruction(0x15, R7, 0, past_body + 2, 0),
        load32(R1, R7, tgid),
        // If its lower half is another number, past the body.
        instruction(0x56, R1, 0, past_body, process),
    ];
    program.extend(body);
    program.extend([set(R0, 0), instruction(0x95, 0, 0, 0, 0)]);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_written_as_the_kernel_reads_them() {
        // As `clang -target bpf` writes `r7 = *(u64 *)(r6 + 8)`, `r1 += -168` and `call 113`.
        assert_eq!(load64(R7, R6, 8), [0x79, 0x67, 8, 0, 0, 0, 0, 0]);
        assert_eq!(add(R1, -168), [0x07, 0x01, 0, 0, 0x58, 0xff, 0xff, 0xff]);
        assert_eq!(call(113), [0x85, 0, 0, 0, 113, 0, 0, 0]);
    }

    #[test]
    fn every_jump_leads_to_the_end() {
        let kernel = Kernel { iterator: 1, fields: [1, 2, 3, 4, 5, 6] };
        let program = program(&kernel, 4711);
        let end = program.len() - 2;
        for (nth, [code, _, low, high, ..]) in program.iter().enumerate() {
            if matches!(code, 0x15 | 0x56) {
                let skip = usize::from(u16::from_le_bytes([*low, *high]));
                assert_eq!(nth + 1 + skip, end, "{nth}");
            }
        }
    }
}
