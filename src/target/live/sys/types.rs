//! The kernel's own types.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::ptr::NonNull;

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
