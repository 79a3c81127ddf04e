//! Keeps the process within its memory budget, whatever peers do.
//!
//! Two things together bound it. What connectors' windows may come to hold is reserved before it is granted. What
//! cannot be known before is measured, by a thread of its own, since a flood fills the runtime's queues as well
//! ([`watch`]): above three quarters of the budget nothing new is taken; above seven eighths public connections are
//! cut until it is below, first of all those that send more ([`Gated`]).

mod gate;
mod measure;
mod watch;
mod windows;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

pub(crate) use self::{
    gate::Gated,
    watch::Watch,
    windows::{Wanted, WindowGrant, Windows},
};

/// Of so many public connections one is cut each time.
const CUT_ONE_OF: u8 = 4;

/// The budget and what is left of it.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    bytes: u64,
    pub(crate) windows: Windows,
    held: AtomicU64,
    cuts: tokio::sync::watch::Sender<u64>,
    relieve: fn(),
}

impl MemoryBudget {
    /// A budget of so many bytes for the whole process. `relieve` makes the allocator give back what is free.
    pub(crate) fn new(bytes: u64, relieve: fn()) -> Arc<Self> {
        Arc::new(Self {
            bytes,
            windows: Windows::new(bytes),
            held: AtomicU64::new(0),
            cuts: tokio::sync::watch::Sender::new(0),
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

    /// Whether whoever sends more must go.
    fn is_spent(&self) -> bool {
        self.held.load(Ordering::Relaxed) >= self.bytes / 8 * 7
    }

    fn note(&self, held: u64) {
        self.held.store(held, Ordering::Relaxed);
    }

    fn cut_if_needed(&self) {
        if self.is_spent() {
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
