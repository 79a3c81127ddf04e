//! Where memory comes from, and how what nobody uses any more is given back.
//!
//! A thread's free memory can be given back by that thread alone. So the runtime's threads are asked to, and do it when
//! they next have nothing else to do.

mod large;
mod program;

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use mimalloc::MiMalloc;

/// mimalloc: requests allocate small things in one thread and free them in another, which it is made for. What is large
/// comes from the system itself: such buffers are often larger than what is ever written to them, mimalloc may clear
/// those that come from memory it had lent before, and cleared memory is taken. See docs/performance.md.
pub(crate) struct Allocator;

#[expect(unsafe_code, reason = "an allocator is given and gives raw memory")]
// SAFETY: memory goes back to where it came from, since that follows from its layout alone, which callers must tell
// again; both allocators keep the rest of the contract.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if large::is_large(layout) {
            return large::take(layout.size());
        }
        // SAFETY: as promised to this method.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if large::is_large(layout) {
            // The system's memory is zero.
            return large::take(layout.size());
        }
        // SAFETY: as promised to this method.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if large::is_large(layout) {
            // SAFETY: a block of this layout came from `large`.
            return unsafe { large::give_back(block, layout.size()) };
        }
        // SAFETY: a block of this layout came from mimalloc.
        unsafe { MiMalloc.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: callers promise that the new size, rounded up to the alignment, is a size.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        match (large::is_large(layout), large::is_large(new_layout)) {
            // SAFETY: a block of this layout came from mimalloc, and the new one would.
            (false, false) => unsafe { MiMalloc.realloc(block, layout, new_size) },
            // SAFETY: a block of this layout came from `large`, and the new one would.
            (true, true) => unsafe { large::resize(block, layout.size(), new_size) },
            (true, false) | (false, true) => {
                // SAFETY: as promised to this method.
                let moved = unsafe { self.alloc(new_layout) };
                if !moved.is_null() {
                    // SAFETY: both are that long, and a new block overlaps no other; the old one is given back once.
                    unsafe {
                        std::ptr::copy_nonoverlapping(block, moved, layout.size().min(new_size));
                        self.dealloc(block, layout);
                    }
                }
                moved
            }
        }
    }
}

/// How often the allocator is asked.
const EACH: Duration = Duration::from_secs(3);

/// The first time but these.
const START_IS_OVER: u64 = 1;

/// How often threads were asked.
static ASKED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Up to which time this thread has done it.
    static DONE: Cell<u64> = const { Cell::new(0) };
}

/// Gives back what this thread can reach, and asks the runtime's threads to do the same.
pub(crate) fn give_back() {
    ASKED.fetch_add(1, Ordering::Relaxed);
    collect();
}

/// Gives back what this thread can reach, if it was asked to since it last did. For a thread that is about to wait.
pub(crate) fn give_back_if_asked() {
    let asked = ASKED.load(Ordering::Relaxed);
    if DONE.replace(asked) != asked {
        collect();
    }
}

fn collect() {
    #[expect(unsafe_code, reason = "mimalloc offers this as a C function only")]
    // SAFETY: mi_collect takes no pointer, may be called from any thread at any time, and frees only what is unused.
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}

/// Gives back what is free, now and then, for ever; and once, when the start is over, what only the start needed.
pub(crate) async fn give_back_now_and_then() {
    let mut ticks = tokio::time::interval(EACH);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for tick in 0_u64.. {
        ticks.tick().await;
        // Off the threads that carry traffic.
        let given_back = tokio::task::spawn_blocking(move || {
            if tick == START_IS_OVER {
                program::give_back();
            }
            give_back();
        });
        let _ = given_back.await;
    }
}
