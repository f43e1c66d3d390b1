//! Feeds one parser with mutated inputs and keeps count of what they cost it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};

use crate::random::{Random, damage};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Inputs of the long form.
const MANY: u64 = 1_000_000;

/// How long the short form may take.
const SHORT: Duration = Duration::from_secs(2);

/// No input may take longer.
const SLOWEST: Duration = Duration::from_secs(5);

/// The most memory that an input of 256 KiB at most may take, in bytes.
const MOST: usize = 64 << 20;

/// The allocator counts for all threads: one parser after the other.
static TURN: Mutex<()> = Mutex::new(());

/// Mutates these seeds in any way, and has them parsed.
pub fn texts(name: &str, seeds: &[&[u8]], words: &[&str], parse: impl Fn(&[u8])) {
    run(name, parse, |random| {
        let mut bytes = seeds[random.below(seeds.len())].to_vec();
        for _ in 0..1 << random.below(5) {
            damage(&mut bytes, words, random);
        }
        bytes
    });
}

/// Processor time of this thread: others may keep the machine busy.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap())
}

/// Has inputs parsed that are made of random numbers. The number of an input is its seed: a failure
/// names it, and `GURU_INPUT` begins there.
pub fn run(name: &str, parse: impl Fn(&[u8]), make: impl Fn(&mut Random) -> Vec<u8>) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let full = std::env::var_os("GURU_FULL").is_some();
    let begun = Instant::now();
    let (mut slowest, mut most) = ((Duration::ZERO, 0), (0, 0));
    let first = std::env::var("GURU_INPUT").map_or(0, |number| number.parse().unwrap());
    let mut inputs = first;
    while inputs < MANY && (full || begun.elapsed() < SHORT) {
        let bytes = make(&mut Random::new(inputs));
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let started = now();
        let parsed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| parse(&bytes)));
        let took = now() - started;
        assert!(parsed.is_ok(), "{name}: input {inputs} panics");
        let peak = MEMORY.peak_usage().saturating_sub(before);
        slowest = slowest.max((took, inputs));
        most = most.max((peak, inputs));
        assert!(took < SLOWEST, "{name}: input {inputs} took {took:?}");
        assert!(peak < MOST, "{name}: input {inputs} took {peak} bytes");
        inputs += 1;
    }
    println!(
        "{name}: {inputs} inputs in {:?}; slowest {:?} (input {}), most memory {} KiB (input {})",
        begun.elapsed(),
        slowest.0,
        slowest.1,
        most.0 >> 10,
        most.1
    );
    assert!(inputs > first + 100, "{name}: only {inputs} inputs in {SHORT:?}");
}

/// The most memory that something took at any time, in bytes.
pub fn peak_of(work: impl FnOnce()) -> usize {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    work();
    MEMORY.peak_usage().saturating_sub(before)
}
