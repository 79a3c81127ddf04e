//! How a connection leaves: with what runs on it finished, if that does not take too long.

use std::pin::pin;
use std::time::{Duration, Instant};

use adit_rpc::RegistrationClient;

use super::{Control, Session, log_panic};
use crate::Shutdown;
use crate::metrics::Procedure;

/// A connection that another one has replaced serves at least this long: what the edge sent before it knew arrives.
const LINGER: Duration = Duration::from_secs(1);

impl Session {
    /// Unregisters, and lets what runs finish: at most the grace period, and no longer than needed.
    pub(super) async fn drain(
        &mut self,
        edge: &RegistrationClient,
        mut control: Control<'_>,
        shutdown: &Shutdown,
    ) {
        let mut grace = pin!(tokio::time::sleep(self.shared.config.grace_period));
        let began = Instant::now();
        let mut unregister = pin!(edge.unregister());
        let (mut unregistered, mut control_ended) = (false, false);
        while !unregistered || !self.streams.is_empty() {
            tokio::select! {
                answer = &mut unregister, if !unregistered => {
                    unregistered = true;
                    let metrics = &self.shared.proxy.metrics;
                    metrics.called(Procedure::UNREGISTER, began, answer.is_ok());
                    match answer {
                        Ok(()) => tracing::info!(connIndex = self.index.0, event = 0, "Unregistered tunnel connection"),
                        Err(error) => tracing::warn!(connIndex = self.index.0, %error, "the edge did not unregister"),
                    }
                }
                // Sent before the edge had the call: it still expects an answer.
                opened = self.link.accept() => match opened {
                    Ok(opened) => self.take(opened),
                    Err(_gone) => return,
                },
                Some(done) = self.streams.join_next() => log_panic(done),
                // Also how some edges answer.
                _ = control.as_mut(), if !control_ended => (unregistered, control_ended) = (true, true),
                () = &mut grace => return,
                () = shutdown.abort.cancelled() => return,
            }
        }
    }

    /// Lets what runs finish while another connection has this one's place already.
    pub(super) async fn linger(&mut self, shutdown: &Shutdown) {
        let mut grace = pin!(tokio::time::sleep(self.shared.config.grace_period));
        let mut least = pin!(tokio::time::sleep(LINGER));
        let mut lingered = false;
        while !lingered || !self.streams.is_empty() {
            tokio::select! {
                opened = self.link.accept() => match opened {
                    Ok(opened) => self.take(opened),
                    Err(_gone) => return,
                },
                Some(done) = self.streams.join_next() => log_panic(done),
                () = &mut least, if !lingered => lingered = true,
                () = &mut grace => return,
                () = shutdown.abort.cancelled() => return,
            }
        }
    }
}
