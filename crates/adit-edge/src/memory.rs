//! Keeps the process within its memory budget, whatever peers do.
//!
//! Two things together bound it. What connectors' windows may come to hold is reserved before it is granted. What
//! cannot be known before is measured: above three quarters of the budget nothing new is taken, and above seven
//! eighths public connections are cut until it is below.

mod measure;
mod windows;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::watch;
use tracing::warn;

pub(crate) use windows::{Wanted, WindowGrant, Windows};

/// How often the process is measured: two to three times within what a fast network fills of an eighth of 256 MiB.
const LOOK_EACH: Duration = Duration::from_millis(100);
/// How often the allocator is asked for what it keeps, at most.
const RELIEF_EACH: Duration = Duration::from_secs(1);
/// How often the shortage is logged.
const WARN_EACH: Duration = Duration::from_secs(30);
/// Of so many public connections one is cut at each look.
const CUT_ONE_OF: u8 = 4;

/// The budget and what is left of it.
pub(crate) struct MemoryBudget {
    bytes: u64,
    pub(crate) windows: Windows,
    held: AtomicU64,
    cuts: watch::Sender<u64>,
    relieve: fn(),
}

impl MemoryBudget {
    /// A budget of so many bytes for the whole process. `relieve` makes the allocator give back what is free.
    pub(crate) fn new(bytes: u64, relieve: fn()) -> Arc<Self> {
        Arc::new(Self {
            bytes,
            windows: Windows::new(bytes),
            held: AtomicU64::new(0),
            cuts: watch::Sender::new(0),
            relieve,
        })
    }

    /// Whether anything new may be taken.
    pub(crate) fn has_room(&self) -> bool {
        self.held.load(Ordering::Relaxed) < self.bytes / 4 * 3
    }

    /// Completes when whoever waits must end to make room. Each time there is too little, a quarter of all is meant.
    pub(crate) async fn cut(&self) {
        let mut cuts = self.cuts.subscribe();
        // The sender is here.
        while cuts.changed().await.is_ok() {
            if rand::random::<u8>().is_multiple_of(CUT_ONE_OF) {
                return;
            }
        }
    }

    /// Measures the process for ever. Where it cannot be measured, only what is reserved is bounded.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut relieved: Option<Instant> = None;
        let mut warned: Option<Instant> = None;
        let mut looks = tokio::time::interval(LOOK_EACH);
        while let Some(held) = measure::process_bytes() {
            self.note(held);
            if !self.has_room() {
                let now = Instant::now();
                let due = |last: Option<Instant>, each| last.is_none_or(|last| now - last >= each);
                if due(warned, WARN_EACH) {
                    warned = Some(now);
                    warn!(
                        held_bytes = held,
                        budget_bytes = self.bytes,
                        "memory is short; nothing new is taken"
                    );
                }
                if due(relieved, RELIEF_EACH) {
                    relieved = Some(now);
                    let _ = tokio::task::spawn_blocking(self.relieve).await;
                    self.note(measure::process_bytes().unwrap_or(held));
                }
                self.cut_if_needed();
            }
            looks.tick().await;
        }
    }

    fn note(&self, held: u64) {
        self.held.store(held, Ordering::Relaxed);
    }

    fn cut_if_needed(&self) {
        if self.held.load(Ordering::Relaxed) >= self.bytes / 8 * 7 {
            self.cuts.send_modify(|cuts| *cuts += 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_new_is_taken_above_three_quarters() {
        let budget = MemoryBudget::new(400, || {});
        assert!(budget.has_room());
        budget.note(299);
        assert!(budget.has_room());
        budget.note(300);
        assert!(!budget.has_room());
    }

    #[tokio::test]
    async fn above_seven_eighths_whoever_waits_is_cut_sooner_or_later() {
        let budget = MemoryBudget::new(800, || {});
        let cut = budget.cut();
        tokio::pin!(cut);
        let calm = async {
            for _ in 0..100 {
                budget.note(699);
                budget.cut_if_needed();
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = &mut cut => panic!("cut while there was room"),
            () = calm => {}
        }
        let short = async {
            loop {
                budget.note(700);
                budget.cut_if_needed();
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = cut => {}
            () = short => {}
        }
    }
}
