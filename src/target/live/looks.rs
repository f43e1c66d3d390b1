//! How often one looks whether a thread stands still.

use std::time::Duration;

/// So many looks are taken one after the other: a stop takes microseconds.
const AT_ONCE: u32 = 50;

/// So many more, giving way to whoever wants the processor.
const GIVING_WAY: u32 = 150;

/// So many more with a short doze between, which is some 150 ms.
const DOZING: u32 = 1500;

/// That doze; the kernel adds some 50 µs.
const DOZE: Duration = Duration::from_micros(50);

/// The doze of who has waited that long: at most a hundredth of it.
const LONG_DOZE: Duration = Duration::from_millis(1);

/// Paces the looks at a thread that will stop.
#[derive(Debug, Default)]
pub struct Looks {
    taken: u32,
}

impl Looks {
    /// Looks that give way from the first on. Whoever waits for stop after stop of one thread is
    /// put on its processor by the kernel, and would spin in its way: 10 µs for a stop instead of 20 (medians
    /// of nine, on two processors with much else to do).
    pub fn giving_way() -> Looks {
        Looks { taken: AT_ONCE }
    }

    /// Waits a little before the next look.
    pub fn pause(&mut self) {
        self.taken = self.taken.saturating_add(1);
        match self.taken.saturating_sub(AT_ONCE) {
            0 => std::hint::spin_loop(),
            1..=GIVING_WAY => std::thread::yield_now(),
            late if late <= GIVING_WAY + DOZING => std::thread::sleep(DOZE),
            _ => std::thread::sleep(LONG_DOZE),
        }
    }

    /// Whether it has waited for long enough to be in no hurry.
    pub fn dozes(&self) -> bool {
        self.taken > AT_ONCE + GIVING_WAY
    }
}
