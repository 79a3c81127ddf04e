//! Gives memory back that nobody uses any more.

use std::time::Duration;

/// How often the allocator is asked.
const EACH: Duration = Duration::from_secs(10);

/// Gives back what is free, as far as the calling thread can reach it; each thread of the allocator gives back its own as
/// it goes on working.
pub(crate) fn give_back() {
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
