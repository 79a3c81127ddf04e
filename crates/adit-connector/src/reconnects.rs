//! Breaking one connection on purpose, for whoever wants to see how things come back.

use std::time::Duration;

use tokio::sync::{Mutex, mpsc};

/// Wishes that may wait for a connection; a further one waits with its sender.
const WAITING: usize = 1;

/// Breaks connections of a running connector.
#[derive(Clone, Debug)]
pub struct Reconnects(mpsc::Sender<Duration>);

impl Reconnects {
    /// Ends whichever registered connection hears of it first; it is dialled anew after `delay`. Returns once a connection
    /// is about to hear of it, and at once when the connector has ended.
    pub async fn reconnect(&self, delay: Duration) {
        // Without a connector there is nothing to break.
        let _ = self.0.send(delay).await;
    }

    /// As [`Reconnects::reconnect`], for a thread that may block.
    pub fn reconnect_blocking(&self, delay: Duration) {
        let _ = self.0.blocking_send(delay);
    }
}

/// Where the slots hear of it.
#[derive(Debug)]
pub(crate) struct Wishes {
    sender: mpsc::Sender<Duration>,
    wishes: Mutex<mpsc::Receiver<Duration>>,
}

impl Default for Wishes {
    fn default() -> Self {
        let (sender, wishes) = mpsc::channel(WAITING);
        Self {
            sender,
            wishes: Mutex::new(wishes),
        }
    }
}

impl Wishes {
    pub(crate) fn reconnects(&self) -> Reconnects {
        Reconnects(self.sender.clone())
    }

    /// The next wish, for one of those that wait. Cancel safe.
    pub(crate) async fn next(&self) -> Option<Duration> {
        self.wishes.lock().await.recv().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_wish_is_heard_once() {
        let wishes = Wishes::default();
        let reconnects = wishes.reconnects();
        for seconds in 0..3 {
            let delay = Duration::from_secs(seconds);
            let ((), heard) = tokio::join!(reconnects.reconnect(delay), async {
                tokio::select! {
                    heard = wishes.next() => heard,
                    heard = wishes.next() => heard,
                }
            });
            assert_eq!(heard, Some(delay));
        }
    }
}
