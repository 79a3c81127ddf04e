//! What a start waits for, told when it takes long.

use std::time::Duration;

use tokio::sync::watch;

use crate::output;

/// A start should be done within this; then, and each time this passes again, it says what it waits for.
const PATIENCE: Duration = Duration::from_secs(3);

/// The step that a start is at.
pub(super) struct Progress {
    step: watch::Sender<String>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            step: watch::Sender::new(String::from("the data directory")),
        }
    }

    /// Goes on to a step, named as what is waited for.
    pub(super) fn waits_for(&self, step: impl Into<String>) {
        self.step.send_replace(step.into());
    }

    /// Runs a part of the start under watch.
    pub(super) async fn watched<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(PATIENCE) => {
                    output::note(&format!("not ready yet: still waiting for {}", *self.step.borrow()));
                }
            }
        }
    }
}
