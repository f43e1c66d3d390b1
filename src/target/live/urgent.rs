//! Being in a hurry, for the moment that running threads stand still.
//!
//! On a host with more to do than it can, guru would wait for a processor like everybody else, and they
//! with it: ten times as long as on a quiet one. So the system threads that stop, read and let go are
//! put before all others meanwhile, where guru may; and after a fifth of a second of that the kernel
//! ends guru, and with it the stop.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::target::live::sys::{self, Class};

/// How long a system thread may be urgent without waiting for anything, in microseconds.
const MAX_RUN: u64 = 200_000;

/// This system thread is urgent as long as this is there.
#[derive(Debug)]
pub struct Urgent {
    before: Option<Class>,
}

impl Urgent {
    /// From now on. Who may not, stays as it is.
    pub fn begin() -> Urgent {
        let Rlimit { maximum, .. } = getrlimit(Resource::Rttime);
        let current = Some(maximum.map_or(MAX_RUN, |maximum| maximum.min(MAX_RUN)));
        // Without the limit it could take a processor for ever.
        let limited = setrlimit(Resource::Rttime, Rlimit { current, maximum });
        let before = limited.ok().and_then(|()| sys::class().ok());
        let before = before.filter(|before| *before == Class::Usual);
        Urgent { before: before.filter(|_| sys::set_class(Class::Realtime).is_ok()) }
    }
}

impl Drop for Urgent {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            // It had that class a moment ago.
            let _ = sys::set_class(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_urgent_for_a_moment_at_most() {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let before = sys::class().ok();
                let urgent = Urgent::begin();
                let expected = if urgent.before.is_some() { Some(Class::Realtime) } else { before };
                assert_eq!(sys::class().ok(), expected);
                drop(urgent);
                assert_eq!(sys::class().ok(), before);
            });
        });
    }
}
