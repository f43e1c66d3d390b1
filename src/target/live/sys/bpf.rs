//! Programs that the kernel runs for each task.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};

// Commands, kinds and sizes of bpf(2), of the kernel's `include/uapi/linux/bpf.h`.
const PROG_LOAD: u32 = 5;
const LINK_CREATE: u32 = 28;
const ITER_CREATE: u32 = 33;
const PROG_TYPE_TRACING: u32 = 26;
const TRACE_ITER: u32 = 28;
/// Of `union bpf_attr`, as far as it is filled, in words of 32 bits.
const ATTR: usize = 36;
/// Of `union bpf_iter_link_info`, in bytes.
const LINK_INFO: u32 = 16;

/// Calls bpf(2), which returns a descriptor.
///
/// # Safety
/// What `attr` points to must be there.
unsafe fn call_bpf(command: u32, attr: &[u32; ATTR]) -> io::Result<OwnedFd> {
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
    let mut attr = [0; ATTR];
    attr[0] = PROG_TYPE_TRACING;
    attr[1] = u32::try_from(program.len()).unwrap_or(u32::MAX);
    attr[2..4].copy_from_slice(&halves(program));
    attr[4..6].copy_from_slice(&halves(licence));
    attr[17] = TRACE_ITER;
    attr[27] = attached_to;
    // SAFETY: it points to the program and the licence, which outlive the call.
    unsafe { call_bpf(PROG_LOAD, &attr) }
}

/// Makes such a program one for the tasks of a process. Kernels before 6.1 run it for all tasks.
pub fn link_task_iterator(program: &OwnedFd, process: i32) -> io::Result<OwnedFd> {
    let info = [0, process.cast_unsigned(), 0, 0];
    let mut attr = [0; ATTR];
    attr[0] = program.as_raw_fd().cast_unsigned();
    attr[2] = TRACE_ITER;
    attr[4..6].copy_from_slice(&halves(&info));
    attr[6] = LINK_INFO;
    // SAFETY: it points to `info`, which has this length and outlives the call.
    unsafe { call_bpf(LINK_CREATE, &attr) }
}

/// Opens what the program writes: it runs when that is read.
pub fn open_task_iterator(link: &OwnedFd) -> io::Result<OwnedFd> {
    let mut attr = [0; ATTR];
    attr[0] = link.as_raw_fd().cast_unsigned();
    // SAFETY: it points to nothing.
    unsafe { call_bpf(ITER_CREATE, &attr) }
}
