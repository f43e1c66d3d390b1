//! Applying unwind rules: from the registers of a frame to those of its caller.

use gimli::{CfaRule, EvaluationResult, Location, RegisterRule, Value};

use crate::addr::Addr;
use crate::arch::Registers;
use crate::native::cfi::{Cfi, Rules};
use crate::symbol::reader::SectionReader;
use crate::target::memory::{Fault, Memory, MemoryExt as _};

/// The most operations of one expression.
const MAX_OPERATIONS: u32 = 1000;

/// Why the caller's registers can not be found.
pub enum Failure {
    /// A value can not be read.
    Memory(Fault),
    /// The rules make no sense, or ask for a register that is not known.
    Rules,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        Failure::Memory(fault)
    }
}

/// The registers of the caller, or `None` where the rules say that there is none.
pub fn caller(
    registers: &Registers,
    cfi: &Cfi<'_>,
    rules: &Rules,
    memory: &dyn Memory,
) -> Result<Option<Registers>, Failure> {
    let frame = Frame { registers, cfi, rules, memory };
    let numbers = registers.arch.numbers();
    let cfa = frame.cfa()?;
    let mut next = registers.clone();
    next.set(numbers.sp, Some(cfa));
    // On arm64 a leaf function leaves its return address in the register it came in.
    let mut return_address = registers.get(rules.return_address.0);
    for (register, rule) in &rules.registers {
        let value = frame.value(*register, rule, cfa);
        if *register == rules.return_address {
            match value? {
                None => return Ok(None),
                found => return_address = found,
            }
        } else {
            // A register that can not be read is unknown, and only matters if it is needed.
            next.set(register.0, value.unwrap_or(None));
        }
    }
    next.pc = Addr(return_address.ok_or(Failure::Rules)?);
    next.set(rules.return_address.0, None);
    Ok(Some(next))
}

struct Frame<'f, 'a> {
    registers: &'f Registers,
    cfi: &'f Cfi<'a>,
    rules: &'f Rules,
    memory: &'f dyn Memory,
}

impl Frame<'_, '_> {
    fn cfa(&self) -> Result<u64, Failure> {
        match &self.rules.cfa {
            CfaRule::RegisterAndOffset { register, offset } => {
                let base = self.registers.get(register.0).ok_or(Failure::Rules)?;
                Ok(base.wrapping_add_signed(*offset))
            }
            CfaRule::Expression(expression) => self.expression(expression, None),
        }
    }

    fn value(
        &self,
        register: gimli::Register,
        rule: &RegisterRule<usize>,
        cfa: u64,
    ) -> Result<Option<u64>, Failure> {
        Ok(match rule {
            RegisterRule::Undefined => None,
            RegisterRule::SameValue => self.registers.get(register.0),
            RegisterRule::Offset(offset) => {
                Some(self.memory.u64(Addr(cfa.wrapping_add_signed(*offset)))?)
            }
            RegisterRule::ValOffset(offset) => Some(cfa.wrapping_add_signed(*offset)),
            RegisterRule::Register(other) => self.registers.get(other.0),
            RegisterRule::Expression(expression) => {
                Some(self.memory.u64(Addr(self.expression(expression, Some(cfa))?))?)
            }
            RegisterRule::ValExpression(expression) => {
                Some(self.expression(expression, Some(cfa))?)
            }
            RegisterRule::Constant(value) => Some(*value),
            _ => return Err(Failure::Rules),
        })
    }

    /// Evaluates a DWARF expression; `initial` is on its stack at the start.
    fn expression(
        &self,
        expression: &gimli::UnwindExpression<usize>,
        initial: Option<u64>,
    ) -> Result<u64, Failure> {
        let evaluated = self.cfi.guarded(|| Some(self.evaluate(expression, initial)));
        evaluated.unwrap_or(Err(Failure::Rules))
    }

    fn evaluate(
        &self,
        expression: &gimli::UnwindExpression<usize>,
        initial: Option<u64>,
    ) -> Result<u64, Failure> {
        /// 64-bit addresses, in the 32-bit format of DWARF 4, as in every `.eh_frame`.
        const ENCODING: gimli::Encoding =
            gimli::Encoding { address_size: 8, format: gimli::Format::Dwarf32, version: 4 };

        let code = self.cfi.expression(self.rules, expression).ok_or(Failure::Rules)?;
        let mut evaluation = code.evaluation(ENCODING);
        evaluation.set_max_iterations(MAX_OPERATIONS);
        if let Some(initial) = initial {
            evaluation.set_initial_value(initial);
        }
        let mut state = evaluation.evaluate();
        loop {
            state = match state.map_err(|_| Failure::Rules)? {
                EvaluationResult::Complete => break,
                EvaluationResult::RequiresMemory { address, size, .. } => {
                    let value = self.memory_value(Addr(address), size)?;
                    evaluation.resume_with_memory(value)
                }
                EvaluationResult::RequiresRegister { register, .. } => {
                    let value = self.registers.get(register.0).ok_or(Failure::Rules)?;
                    evaluation.resume_with_register(Value::Generic(value))
                }
                _ => return Err(Failure::Rules),
            };
        }
        let pieces: Vec<gimli::Piece<SectionReader<'_>>> = evaluation.result();
        match pieces.first().map(|piece| &piece.location) {
            Some(Location::Address { address }) => Ok(*address),
            _ => Err(Failure::Rules),
        }
    }

    fn memory_value(&self, addr: Addr, size: u8) -> Result<Value, Failure> {
        let mut bytes = [0; 8];
        let wanted = bytes.get_mut(..usize::from(size)).ok_or(Failure::Rules)?;
        self.memory.read(addr, wanted)?;
        Ok(Value::Generic(u64::from_le_bytes(bytes)))
    }
}
