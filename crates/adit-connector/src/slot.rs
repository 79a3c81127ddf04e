//! One slot: dials until it has a connection, runs it, and begins again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_model::ConnectionIndex;
use adit_net::quic::{DialError, QuicConnection, QuicDialer};
use adit_net::tls::QUIC_SERVER_NAME;
use adit_rpc::RpcLanes;
use tokio::task::{AbortHandle, JoinSet};

use crate::exchange::Proxy;
use crate::redial::{Action, Attempt, DIAL_LIMIT, Redial};
use crate::session::{Session, SessionEnd};
use crate::{ConnectorConfig, ConnectorError, EdgeAddress, Shutdown, Status};

/// The last packets of a closed connection leave within this.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);

/// What all slots of a connector share.
pub(crate) struct Shared {
    pub(crate) config: ConnectorConfig,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    pub(crate) lanes: RpcLanes,
    pub(crate) status: Status,
    pub(crate) proxy: Arc<Proxy>,
}

/// One slot.
pub(crate) struct Slot {
    index: ConnectionIndex,
    shared: Arc<Shared>,
    dialer: Arc<QuicDialer>,
    redial: Redial,
    dials: JoinSet<(Attempt, Result<QuicConnection, DialError>)>,
    handles: BTreeMap<Attempt, AbortHandle>,
}

impl Slot {
    pub(crate) fn new(index: ConnectionIndex, shared: Arc<Shared>) -> Result<Self, ConnectorError> {
        let dialer = QuicDialer::new(Arc::clone(&shared.tls), shared.config.bind_address);
        let edges = shared.config.edges.len();
        Ok(Self {
            index,
            dialer: Arc::new(dialer.map_err(ConnectorError::System)?),
            redial: Redial::new(edges, usize::from(index.0), rand::random(), Instant::now()),
            shared,
            dials: JoinSet::new(),
            handles: BTreeMap::new(),
        })
    }

    /// Keeps one connection up until told to stop.
    ///
    /// # Errors
    /// [`ConnectorError::Refused`] if the edge says that trying again would not help.
    pub(crate) async fn run(mut self, shutdown: Shutdown) -> Result<(), ConnectorError> {
        loop {
            let now = Instant::now();
            self.redial.handle_timeout(now);
            self.act();
            let wake = self.redial.poll_timeout().unwrap_or(now + DIAL_LIMIT);
            tokio::select! {
                () = shutdown.drain.cancelled() => break,
                () = tokio::time::sleep_until(wake.into()) => {}
                Some(dialled) = self.dials.join_next() => {
                    // A dial that was given up ends as cancelled.
                    let Ok((attempt, outcome)) = dialled else { continue };
                    self.handles.remove(&attempt);
                    match outcome {
                        Ok(connection) => {
                            if self.redial.handle_dialled(attempt) {
                                self.act();
                                if !self.run_session(connection, &shutdown).await? {
                                    break;
                                }
                            }
                        }
                        Err(error) => {
                            self.redial.handle_dial_failed(attempt);
                            let error = &error as &dyn std::error::Error;
                            tracing::warn!(connIndex = self.index.0, error, "Failed to dial a quic connection");
                        }
                    }
                }
            }
        }
        self.redial.stop();
        self.act();
        drop(tokio::time::timeout(CLOSE_LIMIT, self.dialer.wait_idle()).await);
        Ok(())
    }

    /// Runs one connection to its end; whether the slot goes on.
    async fn run_session(
        &mut self,
        connection: QuicConnection,
        shutdown: &Shutdown,
    ) -> Result<bool, ConnectorError> {
        self.shared.proxy.metrics.dialled.increment(1);
        let attempts = u8::try_from(self.redial.refusals()).unwrap_or(u8::MAX);
        let session = Session::new(self.index, Arc::clone(&self.shared), connection, attempts);
        let end = session.run(shutdown, || self.redial.handle_registered()).await;
        self.shared.proxy.metrics.closed.increment(1);
        let now = Instant::now();
        match end {
            SessionEnd::Stopped => return Ok(false),
            SessionEnd::Lost(reason) => {
                tracing::warn!(connIndex = self.index.0, reason, "Lost connection with the edge");
                self.redial.handle_lost(now);
            }
            SessionEnd::Refused(refusal) if is_permanent(&refusal.cause, refusal.should_retry) => {
                tracing::error!(
                    connIndex = self.index.0,
                    error = refusal.cause,
                    "the edge refused the tunnel"
                );
                return Err(ConnectorError::Refused(refusal.cause));
            }
            SessionEnd::Refused(refusal) => {
                tracing::warn!(
                    connIndex = self.index.0,
                    error = refusal.cause,
                    "Retrying connection in up to {:?}",
                    refusal.retry_after
                );
                let elsewhere = refusal.cause == "EDUPCONN";
                self.redial.handle_refused(refusal.retry_after, elsewhere, now);
            }
        }
        Ok(true)
    }

    /// Carries out what the core wants.
    fn act(&mut self) {
        while let Some(action) = self.redial.poll_action() {
            match action {
                Action::Dial { attempt, edge } => {
                    // The core knows edges by their places in this list.
                    let Some(edge) = self.shared.config.edges.get(edge).cloned() else {
                        continue;
                    };
                    let dialer = Arc::clone(&self.dialer);
                    let handle = self
                        .dials
                        .spawn(async move { (attempt, dial(&dialer, &edge).await) });
                    self.handles.insert(attempt, handle);
                }
                Action::Abandon(attempt) => {
                    if let Some(handle) = self.handles.remove(&attempt) {
                        handle.abort();
                    }
                }
            }
        }
    }
}

/// Refusals that no later attempt turns: the edge says so, or names the credentials.
fn is_permanent(cause: &str, should_retry: bool) -> bool {
    cause != "EDUPCONN" && (!should_retry || cause.starts_with("Unauthorized: "))
}

async fn dial(dialer: &QuicDialer, edge: &EdgeAddress) -> Result<QuicConnection, DialError> {
    let looked_up = tokio::time::timeout(DIAL_LIMIT, tokio::net::lookup_host(edge.as_str())).await;
    let timed_out = |elapsed: tokio::time::error::Elapsed| DialError::Socket(elapsed.into());
    let mut found: Vec<_> = looked_up
        .map_err(timed_out)?
        .map_err(DialError::Socket)?
        .collect();
    if found.is_empty() {
        return Err(DialError::Socket(std::io::Error::other(
            "the edge's name has no address",
        )));
    }
    // Dials come in a row while an edge is away, so every address of a name gets its turn.
    let addr = found.swap_remove(rand::random_range(0..found.len()));
    dialer.dial(addr, QUIC_SERVER_NAME, DIAL_LIMIT).await
}
