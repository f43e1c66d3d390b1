//! Which of glibc's records a futex word belongs to: the C library's private layouts.
//!
//! Any program may wait on a word of its own that looks like one of them. So a record is
//! recognized by more than its word, and everything else has neither an owner nor a name.

use crate::addr::Addr;
use crate::arch::Arch;
use crate::target::ids::ClaimedTid;
use crate::target::memory::{Memory, MemoryExt as _};

/// The thread, by the process's own number, for whose end `pthread_join` waits at `at`: on the
/// field `tid` of glibc's `struct pthread`, for it to become 0. Nothing where the record does
/// not point at itself as its header must, and on machines where it does not.
pub fn joined(memory: &dyn Memory, arch: Arch, at: Addr, expected: u64) -> Option<ClaimedTid> {
    /// `offsetof (struct pthread, tid)`, unchanged since glibc 2.3 (`nptl/descr.h`).
    const TID: u64 = 0x2d0;
    /// `offsetof (tcbhead_t, self)` (`sysdeps/x86_64/nptl/tls.h`).
    const SELF: u64 = 0x10;
    if arch != Arch::X86_64 {
        return None;
    }
    let record = Addr(at.0.checked_sub(TID)?);
    let word = memory.u32(at).ok().filter(|word| u64::from(*word) == expected & 0xffff_ffff)?;
    memory.ptr(record.wrapping_add(SELF)).ok().filter(|own| *own == record)?;
    Some(ClaimedTid::new(word))
}

/// The owner, by the process's own number, of a `pthread_mutex_t`, whose first words are `lock`,
/// `count`, `owner`, `nusers` and `kind` (glibc, `sysdeps/nptl/bits/struct_mutex.h`). A waiter of
/// a mutex expects 2, "locked and wanted"; so do other locks (those of Rust and Go), but without
/// a kind and users where a mutex has them.
pub fn mutex_owner(memory: &dyn Memory, at: Addr, expected: u64) -> Option<ClaimedTid> {
    const WANTED: u64 = 2;
    /// The largest type of a mutex that is neither robust nor of a priority protocol.
    const ADAPTIVE: u32 = 3;
    /// The type and the protocol; above are `PTHREAD_MUTEX_PSHARED_BIT` and two bits for elision.
    const TYPE: u32 = 0x7f;
    const FLAGS: u32 = 0x380;
    if expected != WANTED || u64::from(memory.u32(at).ok()?) != WANTED {
        return None;
    }
    let users = memory.u32(at.wrapping_add(12)).ok()?;
    let kind = memory.u32(at.wrapping_add(16)).ok()?;
    if users == 0 || kind & TYPE > ADAPTIVE || kind & !(TYPE | FLAGS) != 0 {
        return None;
    }
    memory.u32(at.wrapping_add(8)).ok().map(ClaimedTid::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::memory::{Fault, FaultKind};

    /// Zeros, but for some bytes.
    struct Bytes(Vec<u8>);

    impl Bytes {
        fn with(words: &[(usize, u32)]) -> Bytes {
            let mut bytes = vec![0; 0x1000];
            for (at, word) in words {
                bytes[*at..at + 4].copy_from_slice(&word.to_le_bytes());
            }
            Bytes(bytes)
        }
    }

    impl Memory for Bytes {
        fn read(&self, addr: Addr, buf: &mut [u8]) -> Result<(), Fault> {
            let start = usize::try_from(addr.0).unwrap_or(usize::MAX);
            let piece = self.0.get(start..start.saturating_add(buf.len()));
            let fault = Fault { addr, kind: FaultKind::Unmapped };
            buf.copy_from_slice(piece.ok_or(fault)?);
            Ok(())
        }
    }

    #[test]
    fn a_join_waits_in_a_thread_record_that_points_at_itself() {
        let record = Bytes::with(&[(0x110, 0x100), (0x3d0, 7)]);
        assert_eq!(joined(&record, Arch::X86_64, Addr(0x3d0), 7), Some(ClaimedTid::new(7u32)));
        assert_eq!(joined(&record, Arch::X86_64, Addr(0x3d0), 8), None);
        assert_eq!(joined(&record, Arch::Aarch64, Addr(0x3d0), 7), None);
        let counter = Bytes::with(&[(0x3d0, 7)]);
        assert_eq!(joined(&counter, Arch::X86_64, Addr(0x3d0), 7), None);
        assert_eq!(joined(&counter, Arch::X86_64, Addr(7), 0), None);
    }

    #[test]
    fn only_a_mutex_with_users_and_a_kind_has_an_owner() {
        let mutex = |users, kind| Bytes::with(&[(0, 2), (8, 7), (12, users), (16, kind)]);
        assert_eq!(mutex_owner(&mutex(1, 0), Addr(0), 2), Some(ClaimedTid::new(7u32)));
        assert_eq!(mutex_owner(&mutex(2, 0x80 | 1), Addr(0), 2), Some(ClaimedTid::new(7u32)));
        assert_eq!(mutex_owner(&mutex(1, 0), Addr(0), 1), None);
        assert_eq!(mutex_owner(&mutex(0, 0), Addr(0), 2), None);
        assert_eq!(mutex_owner(&mutex(1, 0x10), Addr(0), 2), None);
        assert_eq!(mutex_owner(&mutex(1, 0xdead), Addr(0), 2), None);
    }
}
