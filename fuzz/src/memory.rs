//! A bound on what an input may cost.

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Runs a decoder and panics if it held more than `limit` bytes at any moment, over what was held before.
pub fn bounded<T>(limit: usize, decode: impl FnOnce() -> T) -> T {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let done = decode();
    let held = MEMORY.peak_usage().saturating_sub(before);
    assert!(held <= limit, "held {held} bytes, more than {limit}");
    done
}
