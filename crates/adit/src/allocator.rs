//! Gives memory back that nobody uses any more.
//!
//! A thread's free memory can be given back by that thread alone. So the runtime's threads are asked to, and do it when
//! they next have nothing else to do.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// How often the allocator is asked.
const EACH: Duration = Duration::from_secs(3);

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

/// Gives back what is free, now and then, for ever.
pub(crate) async fn give_back_now_and_then() {
    let mut ticks = tokio::time::interval(EACH);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Off the threads that carry traffic.
        let _ = tokio::task::spawn_blocking(give_back).await;
    }
}
