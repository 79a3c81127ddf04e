//! One slot: dials until it has a connection, lets it run, and begins again.

mod upgrade;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_model::ConnectionIndex;
use adit_rpc::RpcLanes;
use adit_wire::registration::RegistrationRefusal;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::choice::Choice;
use crate::dial::{DialFailure, Dialers};
use crate::features::Features;
use crate::link::Link;
use crate::network::Horizon;
use crate::reconnects::Wishes;
use crate::redial::{Action, Attempt, DIAL_LIMIT, Patience, Redial};
use crate::serving::Proxy;
use crate::session::{Orders, Session, SessionEnd};
use crate::{ConnectorConfig, ConnectorError, Protocol, Shutdown, Status};
use upgrade::Upgrade;

/// So many failed dials of one outage are told; of those that follow, one in [`TOLD_OF`].
const TOLD: u32 = 3;
const TOLD_OF: u32 = 30;

/// What all slots of a connector share.
pub(crate) struct Shared {
    pub(crate) config: ConnectorConfig,
    pub(crate) dialers: Dialers,
    pub(crate) choice: Mutex<Choice>,
    pub(crate) horizon: watch::Sender<Horizon>,
    pub(crate) lanes: Arc<RpcLanes>,
    pub(crate) status: Status,
    pub(crate) proxy: Arc<Proxy>,
    pub(crate) wishes: Wishes,
    pub(crate) features: Features,
}

/// One slot.
pub(crate) struct Slot {
    index: ConnectionIndex,
    shared: Arc<Shared>,
    redial: Redial,
    dials: JoinSet<(Attempt, Protocol, Result<Link, DialFailure>)>,
    handles: BTreeMap<Attempt, (AbortHandle, Protocol)>,
    sessions: JoinSet<(u64, SessionEnd)>,
    /// The connection that the slot counts on, registered or about to be.
    current: Option<Running>,
    upgrade: Upgrade,
    sessions_begun: u64,
    registered: (mpsc::Sender<u64>, mpsc::Receiver<u64>),
    /// Since the slot went down.
    dials_begun: u32,
    dials_failed: u32,
    unanswered: u32,
}

/// A connection that runs.
struct Running {
    number: u64,
    edge: SocketAddr,
    protocol: Protocol,
    is_registered: bool,
    retire: CancellationToken,
}

impl Slot {
    pub(crate) fn new(index: ConnectionIndex, shared: Arc<Shared>) -> Self {
        let edges = shared.config.edges.len();
        let patience = match index.0 {
            0 => Patience::Scout,
            _ => Patience::Follower,
        };
        let place = usize::from(index.0);
        Self {
            index,
            redial: Redial::new(edges, place, patience, rand::random(), Instant::now()),
            shared,
            dials: JoinSet::new(),
            handles: BTreeMap::new(),
            sessions: JoinSet::new(),
            current: None,
            upgrade: Upgrade::default(),
            sessions_begun: 0,
            registered: mpsc::channel(4),
            dials_begun: 0,
            dials_failed: 0,
            unanswered: 0,
        }
    }

    /// Keeps one connection up until told to stop.
    ///
    /// # Errors
    /// [`ConnectorError::Refused`] if the edge says that trying again would not help.
    pub(crate) async fn run(mut self, shutdown: Shutdown) -> Result<(), ConnectorError> {
        let mut live = self.shared.status.watch();
        let mut horizon = self.shared.horizon.subscribe();
        loop {
            let now = Instant::now();
            self.redial.handle_timeout(now);
            self.act();
            self.begin_upgrade(now);
            let wake = self.poll_timeout(now);
            tokio::select! {
                () = shutdown.drain.cancelled() => break,
                () = tokio::time::sleep_until(wake.into()) => {}
                Some(dialled) = self.dials.join_next() => {
                    // A dial that was given up ends as cancelled.
                    if let Ok((attempt, protocol, outcome)) = dialled {
                        self.dialled(attempt, protocol, outcome, &shutdown);
                    }
                }
                Some(dialled) = self.upgrade.dialled() => self.upgrade_dialled(dialled, &shutdown),
                Some(delay) = self.shared.wishes.next(), if self.is_registered() => self.break_off(delay),
                Some(number) = self.registered.1.recv() => self.handle_registered(number),
                Some(ended) = self.sessions.join_next() => {
                    let (number, end) = ended.map_err(|panicked| ConnectorError::System(panicked.into()))?;
                    self.ended(number, end)?;
                }
                Ok(()) = live.changed() => {
                    // Another slot has a connection: there is one to be had.
                    if !live.borrow_and_update().is_empty() {
                        self.redial.handle_hint(Instant::now());
                    }
                }
                Ok(()) = horizon.changed() => {
                    let now = Instant::now();
                    self.redial.handle_hint(now);
                    self.shared.choice.lock().handle_network_change(now);
                }
            }
        }
        self.redial.stop();
        self.act();
        self.upgrade.stop();
        // They have been told as well, and take as long as the grace period lets them.
        while self.sessions.join_next().await.is_some() {}
        Ok(())
    }

    fn is_registered(&self) -> bool {
        self.current.as_ref().is_some_and(|running| running.is_registered)
    }

    /// Ends the connection because somebody wants to see it come back.
    fn break_off(&mut self, delay: Duration) {
        if let Some(running) = self.current.take() {
            tracing::info!(connIndex = self.index.0, "Reconnecting in {delay:.1?}, as told");
            running.retire.cancel();
            self.redial.handle_sent_away(delay, Instant::now());
        }
    }

    fn poll_timeout(&self, now: Instant) -> Instant {
        let dial = self.redial.poll_timeout();
        let upgrade = self.upgrade_timeout();
        dial.into_iter().chain(upgrade).min().unwrap_or(now + DIAL_LIMIT)
    }

    fn dialled(
        &mut self,
        attempt: Attempt,
        protocol: Protocol,
        outcome: Result<Link, DialFailure>,
        shutdown: &Shutdown,
    ) {
        self.handles.remove(&attempt);
        match outcome {
            Ok(link) => {
                if self.redial.handle_dialled(attempt) {
                    self.current = Some(self.start(link, shutdown));
                    self.act();
                }
            }
            Err(failure) => {
                self.redial.handle_dial_failed(attempt);
                self.dials_failed += 1;
                let error = &failure as &dyn std::error::Error;
                self.shared.status.failed(self.index, words(error));
                if self.dials_failed <= TOLD || self.dials_failed.is_multiple_of(TOLD_OF) {
                    tracing::warn!(
                        connIndex = self.index.0,
                        event = 0,
                        error,
                        "Failed to dial a {protocol} connection"
                    );
                } else {
                    tracing::debug!(
                        connIndex = self.index.0,
                        event = 0,
                        error,
                        "Failed to dial a {protocol} connection"
                    );
                }
                if failure.is_unanswered_quic() {
                    self.count_unanswered();
                }
            }
        }
    }

    /// A QUIC dial had no answer.
    fn count_unanswered(&mut self) {
        let now = Instant::now();
        self.unanswered += 1;
        if self.shared.choice.lock().handle_unanswered(self.unanswered, now) {
            tracing::info!(connIndex = self.index.0, "Switching to fallback protocol http2");
            self.redial.handle_hint(now);
        }
    }

    /// Lets a connection run in a task of the slot's.
    fn start(&mut self, link: Link, shutdown: &Shutdown) -> Running {
        self.sessions_begun += 1;
        let number = self.sessions_begun;
        let running = Running {
            number,
            edge: link.remote(),
            protocol: link.protocol(),
            is_registered: false,
            retire: CancellationToken::new(),
        };
        let orders = Orders {
            shutdown: shutdown.clone(),
            retire: running.retire.clone(),
        };
        if running.protocol == Protocol::Quic {
            self.shared.proxy.metrics.dialled.increment(1);
        }
        let attempts = u8::try_from(self.redial.refusals()).unwrap_or(u8::MAX);
        let session = Session::new(self.index, Arc::clone(&self.shared), link, attempts);
        let registered = self.registered.0.clone();
        self.sessions
            .spawn(async move { (number, session.run(orders, number, registered).await) });
        running
    }

    /// The edge has taken a registration.
    fn handle_registered(&mut self, number: u64) {
        let protocol = match self.current.as_mut().filter(|running| running.number == number) {
            Some(running) => {
                running.is_registered = true;
                running.protocol
            }
            None => match self.promote(number) {
                Some(protocol) => protocol,
                // It has ended meanwhile.
                None => return,
            },
        };
        self.redial.handle_registered();
        (self.dials_begun, self.dials_failed, self.unanswered) = (0, 0, 0);
        if protocol == Protocol::Quic && self.shared.choice.lock().handle_quic_works() {
            tracing::info!("QUIC comes through; leaving the fallback protocol http2");
        }
    }

    /// A connection has ended.
    fn ended(&mut self, number: u64, end: SessionEnd) -> Result<(), ConnectorError> {
        let Some(ended) = self.current.take_if(|running| running.number == number) else {
            if self.upgrade.drop_candidate(number) {
                tracing::info!(connIndex = self.index.0, "QUIC does not come through yet");
            }
            return Ok(());
        };
        let now = Instant::now();
        match end {
            SessionEnd::Stopped | SessionEnd::Retired => {}
            SessionEnd::Lost(reason) => {
                tracing::warn!(
                    connIndex = self.index.0, event = 0, ip = %ended.edge.ip(), protocol = %ended.protocol,
                    error = reason, "Lost connection with the edge"
                );
                self.shared.status.failed(self.index, reason);
                self.redial.handle_lost(!ended.is_registered, now);
                let seconds = self.seconds_to_dial(now);
                tracing::info!(
                    connIndex = self.index.0, event = 0, ip = %ended.edge.ip(),
                    "Retrying connection in up to {seconds}s"
                );
            }
            SessionEnd::Refused(refusal) => return self.refused(refusal, now),
        }
        Ok(())
    }

    fn refused(&mut self, refusal: RegistrationRefusal, now: Instant) -> Result<(), ConnectorError> {
        let RegistrationRefusal {
            cause, retry_after, ..
        } = refusal;
        self.shared.status.failed(self.index, cause.clone());
        if is_permanent(&cause, refusal.should_retry) {
            tracing::error!(
                connIndex = self.index.0,
                event = 0,
                error = cause,
                "the edge refused the tunnel"
            );
            return Err(ConnectorError::Refused(cause));
        }
        let elsewhere = cause == "EDUPCONN";
        self.redial.handle_refused(retry_after, elsewhere, now);
        let seconds = self.seconds_to_dial(now);
        tracing::warn!(
            connIndex = self.index.0,
            event = 0,
            error = cause,
            "Retrying connection in up to {seconds}s"
        );
        Ok(())
    }

    /// Within how many seconds it dials again, for the log: at least one.
    fn seconds_to_dial(&self, now: Instant) -> u64 {
        let wake = self.redial.poll_timeout().unwrap_or(now);
        let wait = wake.saturating_duration_since(now);
        wait.as_secs() + u64::from(wait.subsec_nanos() > 0 || wait.is_zero())
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
                    let protocol = self.shared.choice.lock().for_dial(self.dials_begun);
                    self.dials_begun += 1;
                    let shared = Arc::clone(&self.shared);
                    let handle = self.dials.spawn(async move {
                        (attempt, protocol, shared.dialers.dial(&edge, protocol).await)
                    });
                    self.handles.insert(attempt, (handle, protocol));
                }
                Action::Abandon(attempt) => {
                    if let Some((handle, protocol)) = self.handles.remove(&attempt) {
                        handle.abort();
                        // Not for another dial that won: its time was over.
                        if protocol == Protocol::Quic && self.current.is_none() {
                            self.count_unanswered();
                        }
                    }
                }
            }
        }
    }
}

/// An error with its causes.
fn words(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |words, cause| format!("{words}: {cause}"))
}

/// Refusals that no later attempt turns: the edge says so, or names the credentials.
fn is_permanent(cause: &str, should_retry: bool) -> bool {
    cause != "EDUPCONN" && (!should_retry || cause.starts_with("Unauthorized: "))
}
