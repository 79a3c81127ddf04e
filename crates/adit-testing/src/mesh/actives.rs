//! How many replicas of a site the API shows as active, again and again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::Api;

const PACE: Duration = Duration::from_millis(20);

/// Asks every 20 ms until it is dropped.
#[derive(Debug)]
pub(super) struct Actives {
    seen: Arc<Seen>,
    _task: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Seen {
    polls: AtomicUsize,
    most: AtomicUsize,
}

impl Actives {
    pub(super) fn poll(api: Api, tunnel: String) -> Self {
        let seen = Arc::new(Seen::default());
        let noted = Arc::clone(&seen);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut ticks = interval(PACE);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                // A server that is just being restarted has nothing to say.
                let Ok(replicas) = api.replicas(&tunnel).await else {
                    continue;
                };
                let active = replicas.iter().filter(|replica| replica.status == "active");
                noted.most.fetch_max(active.count(), Ordering::Relaxed);
                noted.polls.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { seen, _task: task }
    }

    /// How often it was answered, and the most active replicas in one answer.
    pub(super) fn seen(&self) -> (usize, usize) {
        let Seen { polls, most } = &*self.seen;
        (polls.load(Ordering::Relaxed), most.load(Ordering::Relaxed))
    }
}
