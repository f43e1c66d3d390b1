//! Memory of the living process: single reads while it runs, batches while it is held.
//!
//! What another program may have to serve is read only where the kernel has it already
//! ([`super::served`]): a server that never answers would never let go of who reads.

use std::io::{ErrorKind, IoSliceMut};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use remoteprocess::ProcessMemory as _;

use crate::addr::Addr;
use crate::target::live::served::Served;
use crate::target::memory::{BatchRead, Fault, FaultKind, Memory};

/// The most ranges in one call: the kernel's `UIO_MAXIOV`.
const MAX_RANGES: usize = 1024;

/// The size of a page, in bytes: what a failed read is skipped by. Larger pages are multiples.
const PAGE: u64 = 4096;

/// Memory of a living process.
pub struct LiveMemory {
    pid: i32,
    process: remoteprocess::Process,
    served: Option<Served>,
    /// How many pages were not read because they would have to be served.
    unserved: AtomicU64,
}

impl LiveMemory {
    /// The memory of this process.
    pub fn new(pid: i32) -> LiveMemory {
        LiveMemory::guarded(pid, None)
    }

    /// The same, of which this may have to be served.
    pub fn guarded(pid: i32, served: Option<Served>) -> LiveMemory {
        let (process, unserved) = (remoteprocess::Process { pid }, AtomicU64::new(0));
        LiveMemory { pid, process, served, unserved }
    }

    /// How many pages were not read because another program would have to serve them.
    pub fn unserved(&self) -> u64 {
        self.unserved.load(Ordering::Relaxed)
    }

    /// The first byte of these that would have to be served.
    fn first_to_serve(&self, addr: Addr, len: usize) -> Option<Addr> {
        let served = self.served.as_ref()?;
        let end = addr.0.saturating_add(len as u64);
        let pages = (addr.0 / PAGE..end.div_ceil(PAGE)).map(|page| Addr(page * PAGE));
        let first = pages.map(|page| page.max(addr)).find(|page| !served.is_there(*page));
        self.unserved.fetch_add(first.is_some().into(), Ordering::Relaxed);
        first
    }

    /// As [`BatchRead::read_ranges`], for memory of which some may have to be served: what is there
    /// is read, and what is not is missing.
    fn read_guarded(
        &self,
        ranges: &[(Addr, usize)],
        out: &mut [u8],
        missing: &mut dyn FnMut(usize, usize),
    ) {
        let mut done = 0;
        for (addr, len) in ranges {
            let end = addr.0.saturating_add(*len as u64);
            let mut at = *addr;
            while at.0 < end {
                let left = usize::try_from(end - at.0).unwrap_or(0);
                let there = match self.first_to_serve(at, left) {
                    Some(absent) => usize::try_from(absent.0 - at.0).unwrap_or(0),
                    None => left,
                };
                let Some(room) = out.get_mut(done..done + there) else { return };
                let before = done;
                self.read_all(&[(at, there)], room, &mut |at, len| missing(before + at, len));
                done += there;
                at = at.wrapping_add(there as u64);
                if there < left {
                    let page = usize::try_from(PAGE - at.0 % PAGE).unwrap_or(0).min(left - there);
                    missing(done, page);
                    done += page;
                    at = at.wrapping_add(page as u64);
                }
            }
        }
    }

    fn read_all(
        &self,
        ranges: &[(Addr, usize)],
        out: &mut [u8],
        missing: &mut dyn FnMut(usize, usize),
    ) {
        let mut done = 0;
        let mut queue = ranges.iter().copied();
        let mut batch: Vec<(Addr, usize)> = Vec::with_capacity(ranges.len().min(MAX_RANGES));
        loop {
            batch.extend(queue.by_ref().take(MAX_RANGES - batch.len()));
            let wanted: usize = batch.iter().map(|(_, len)| len).sum();
            let Some(buf) = out.get_mut(done..done + wanted).filter(|buf| !buf.is_empty()) else {
                return;
            };
            let got = self.read_batch(&batch, buf);
            done += got;
            drop_front(&mut batch, got);
            // The first page of what is left could not be read: skip it and go on behind it.
            if let Some((addr, len)) = batch.first().copied() {
                let page = usize::try_from(PAGE - addr.0 % PAGE).unwrap_or(len).min(len);
                missing(done, page);
                done += page;
                drop_front(&mut batch, page);
            }
        }
    }

    /// Whether the kernel refuses to have it read, whatever is there.
    pub fn is_refused(&self) -> bool {
        // It asks for the right before it looks whether there is a byte.
        let read = self.process.read(0, &mut [0]);
        matches!(read, Err(remoteprocess::Error::IOError(error))
            if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported))
    }

    fn read_batch(&self, batch: &[(Addr, usize)], buf: &mut [u8]) -> usize {
        let remote: Vec<RemoteIoVec> = batch
            .iter()
            .map(|(addr, len)| RemoteIoVec { base: addr.0 as usize, len: *len })
            .collect();
        match process_vm_readv(Pid::from_raw(self.pid), &mut [IoSliceMut::new(buf)], &remote) {
            // A filter forbids this call, as many containers have it.
            Err(Errno::EPERM | Errno::ENOSYS) => self.read_in_turn(batch, buf),
            read => read.unwrap_or(0),
        }
    }

    /// The same page by page, which `read-process-memory` does by `/proc/PID/mem` then.
    fn read_in_turn(&self, batch: &[(Addr, usize)], buf: &mut [u8]) -> usize {
        let mut done = 0;
        for (addr, len) in batch {
            let (mut at, end) = (addr.0, addr.0.saturating_add(*len as u64));
            while at < end {
                let len = usize::try_from((PAGE - at % PAGE).min(end - at)).unwrap_or(0);
                let Some(room) = buf.get_mut(done..done + len) else { return done };
                if self.process.read(at as usize, room).is_err() {
                    return done;
                }
                done += len;
                at += len as u64;
            }
        }
        done
    }
}

impl BatchRead for LiveMemory {
    fn read_ranges(
        &self,
        ranges: &[(Addr, usize)],
        out: &mut [u8],
        missing: &mut dyn FnMut(usize, usize),
    ) {
        match self.served {
            Some(_) => self.read_guarded(ranges, out, missing),
            None => self.read_all(ranges, out, missing),
        }
    }
}

/// Forgets the first `bytes` bytes of the ranges.
fn drop_front(ranges: &mut Vec<(Addr, usize)>, mut bytes: usize) {
    let mut whole = 0;
    for (addr, len) in ranges.iter_mut() {
        if bytes < *len {
            *addr = addr.wrapping_add(bytes as u64);
            *len -= bytes;
            break;
        }
        bytes -= *len;
        whole += 1;
    }
    ranges.drain(..whole);
}

impl Memory for LiveMemory {
    fn read(&self, addr: Addr, buf: &mut [u8]) -> Result<(), Fault> {
        if self.first_to_serve(addr, buf.len()).is_some() {
            return Err(Fault { addr, kind: FaultKind::Served });
        }
        let unmapped = |_| Fault { addr, kind: FaultKind::Unmapped };
        self.process.read(addr.0 as usize, buf).map_err(unmapped)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_page_that_cannot_be_read_is_skipped_and_told() {
        let own = [7u8; 64];
        let here = Addr(own.as_ptr() as u64);
        let memory = LiveMemory::new(std::process::id().cast_signed());
        let mut out = [0; 136];
        let mut missing = Vec::new();
        let ranges = [(here, 64), (Addr(PAGE), 8), (here, 64)];
        memory.read_ranges(&ranges, &mut out, &mut |at, len| missing.push((at, len)));
        assert_eq!(missing, [(64, 8)]);
        assert_eq!(out[..64], own);
        assert_eq!(out[72..], own);
        assert!(memory.read(Addr(PAGE), &mut [0]).is_err());
        assert!(!memory.is_refused());
        memory.read(here, &mut [0; 8]).unwrap();
    }

    #[test]
    fn more_ranges_than_one_call_takes_are_read_in_turn() {
        let own: Vec<u8> = (0..5000u32).map(|n| n as u8).collect();
        let ranges: Vec<_> = own.iter().map(|byte| (Addr(&raw const *byte as u64), 1)).collect();
        let mut out = vec![0; own.len()];
        let memory = LiveMemory::new(std::process::id().cast_signed());
        let mut missing = Vec::new();
        memory.read_ranges(&ranges, &mut out, &mut |at, _| missing.push(at));
        assert!(missing.is_empty(), "{missing:?}");
        assert_eq!(out, own);
    }
}
