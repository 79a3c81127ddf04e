//! Where sessions are let in, listed and ended.

use std::{
    fmt::Display,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime},
};

use adit_core::{
    ha::election::{Election, Granted, Leave},
    mesh::session::{Claim, Proofs, Refusal, Verdict, judge},
    port::{
        Change, ChangeNumber, CloseReason, ConnectionClosed, ConnectionOpened, ConnectorInfo, LinkError,
        MeshLinks, NewLink, Presence, PresenceEvent, Snapshot,
    },
};
use adit_model::{
    ConnectionId, ConnectionIndex, ConnectorId, IdentityKey, PeerKey, SecretDigest, TransportProtocol,
    TunnelKey,
};
use adit_wire::mesh::{Challenge, EnrolProof, Exporter, HostInfo, IdentitySignature, Lease, Role};
use metrics::gauge;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{
    Forwarding, MeshServerConfig, Trouble,
    carriers::CarrierPlaces,
    complaints::Complaints,
    seat::{Ending, Orders, Seat, Seated},
    state::{Concluded, Gone, Stale, State},
};

/// The most bytes of a connector's version, platform and the like, as [`ConnectorInfo`] has them.
const MOST_INFO: usize = 64;

/// What every session of a server shares.
pub(crate) struct Desk {
    pub(super) config: MeshServerConfig,
    /// Where carriers are taken, once that is known.
    pub(super) carriers: OnceLock<CarrierPlaces>,
    links: Arc<dyn MeshLinks>,
    presence: Arc<dyn Presence>,
    pub(super) forwarding: Arc<dyn Forwarding>,
    pub(super) state: Mutex<State>,
    /// How far the store's history is applied; nothing before the first snapshot.
    applied: watch::Sender<Option<ChangeNumber>>,
    /// How far the hub's table is made of what is applied. Behind `applied` for a moment after each change.
    installed: watch::Sender<Option<ChangeNumber>>,
    /// Something is to be told to nodes or to the hub.
    pub(super) changed: Notify,
    /// Something has happened that elections may draw conclusions from.
    pub(super) to_conclude: Notify,
    stopping: CancellationToken,
    complaints: Complaints,
}

/// A node that says who it is.
pub(crate) struct Arrival {
    pub(crate) claim: Claim,
    pub(crate) proven: Proven,
    pub(crate) host: HostInfo,
    pub(crate) remote: SocketAddr,
}

/// What it proves it with.
pub(crate) struct Proven {
    pub(crate) challenge: Challenge,
    pub(crate) exporter: Exporter,
    /// Of one that enrols.
    pub(crate) secret: Option<EnrolProof>,
    pub(crate) identity: IdentitySignature,
}

impl Proofs for Proven {
    fn of_secret(&self, secret: &SecretDigest) -> bool {
        let proof = self.secret.as_ref();
        proof.is_some_and(|proof| proof.proves(secret, &self.challenge, &self.exporter))
    }

    fn of_identity(&self, identity: &IdentityKey) -> bool {
        self.identity.proves(identity, &self.exporter)
    }
}

impl Desk {
    pub(super) fn new(
        config: MeshServerConfig,
        links: Arc<dyn MeshLinks>,
        presence: Arc<dyn Presence>,
        forwarding: Arc<dyn Forwarding>,
    ) -> Self {
        Self {
            config,
            carriers: OnceLock::new(),
            links,
            presence,
            forwarding,
            state: Mutex::default(),
            applied: watch::Sender::new(None),
            installed: watch::Sender::new(None),
            changed: Notify::new(),
            to_conclude: Notify::new(),
            stopping: CancellationToken::new(),
            complaints: Complaints::default(),
        }
    }

    /// Lets a node in, or not.
    pub(crate) async fn admit(self: &Arc<Self>, arrival: Arrival) -> Result<Seat, Refusal> {
        let Claim {
            site, replica, key, ..
        } = arrival.claim;
        let (verdict, identity) = self.judge(&arrival)?;
        let change = match verdict {
            Verdict::Known => None,
            Verdict::NewKey => Some(self.links.change_key(site, replica, key).await),
            Verdict::Link(identity, proven) => {
                let new = NewLink {
                    tunnel: site,
                    connector: replica,
                    identity,
                    key,
                    proven,
                };
                Some(self.links.link(new).await.map(|(_, change)| change))
            }
        };
        if let Some(change) = change {
            let change = change.map_err(|error| refusal(error, site))?;
            self.until_applied(change).await;
        }
        self.join(arrival, identity)
    }

    fn judge(&self, arrival: &Arrival) -> Result<(Verdict, IdentityKey), Refusal> {
        let claim = &arrival.claim;
        let state = self.state.lock();
        if self.known().is_none() {
            return Err(Refusal::Unavailable("the edge is starting"));
        }
        if state.sessions() >= self.config.max_sessions {
            return Err(Refusal::Unavailable("the edge has as many sessions as it may"));
        }
        let linked = state.members.replica(claim.site, claim.replica).cloned();
        let entry = state.tunnels.get(&claim.site).cloned();
        // Signatures take a while to verify: not under the lock.
        drop(state);
        let verdict = judge(claim, &arrival.proven, entry.as_ref(), linked.as_ref())?;
        let identity = match verdict {
            Verdict::Link(identity, _) => identity,
            Verdict::Known | Verdict::NewKey => linked.ok_or(Refusal::NotLinked)?.identity,
        };
        Ok((verdict, identity))
    }

    fn join(self: &Arc<Self>, arrival: Arrival, identity: IdentityKey) -> Result<Seat, Refusal> {
        let Claim { site, replica, .. } = arrival.claim;
        let connection = ConnectionId::random();
        let (orders, told) = watch::channel(Orders::default());
        let seated = Seated {
            connection,
            orders,
            mtu: None,
            priority: arrival.host.priority,
        };
        {
            let mut state = self.state.lock();
            if self.stopping.is_cancelled() {
                return Err(Refusal::Unavailable("the edge stops"));
            }
            let replaced = state.join(site, replica, &identity, seated, Instant::now())?;
            self.report_gone(replaced);
            self.report_opened(&arrival, connection);
        }
        self.to_conclude.notify_one();
        self.changed.notify_one();
        Ok(Seat::new(Arc::clone(self), site, replica, connection, told))
    }

    /// Lets a replica have another key.
    pub(crate) async fn change_key(
        self: Arc<Self>,
        site: TunnelKey,
        replica: ConnectorId,
        key: PeerKey,
    ) -> Result<(), Refusal> {
        let changed = self.links.change_key(site, replica, key).await;
        changed.map(drop).map_err(|error| refusal(error, site))
    }

    /// A replica says how long packets to it may be.
    pub(crate) fn note_mtu(&self, site: TunnelKey, replica: ConnectorId, mtu: Option<u16>) {
        if self.state.lock().note_mtu(site, replica, mtu) {
            self.changed.notify_one();
        }
    }

    /// Whether the hub heard of a replica once, and nothing for so long: a node asks for an answer each second.
    pub(crate) fn is_silent(&self, site: TunnelKey, replica: ConnectorId, time: Duration) -> bool {
        let heard = self.last_heard(site, replica);
        heard.is_some_and(|heard| heard.elapsed() > time)
    }

    /// When a packet of a replica was last taken, under whichever of its keys.
    fn last_heard(&self, site: TunnelKey, replica: ConnectorId) -> Option<Instant> {
        let keys = self.state.lock().keys_of(site, replica);
        let heard = keys.iter().filter_map(|key| self.forwarding.last_heard(key));
        heard.max()
    }

    /// Says so if the hub has heard nothing of a replica that has been there for a while.
    pub(crate) fn look_for_packets(&self, site: TunnelKey, replica: ConnectorId, remote: SocketAddr) {
        let is_known = !self.state.lock().keys_of(site, replica).is_empty();
        if is_known && self.last_heard(site, replica).is_none() {
            let what = format!(
                "replica {replica} of site {} is linked, and none of its packets has reached the hub: is UDP to port {} let through?",
                site.tunnel, self.config.hub.port
            );
            self.complain(Trouble::NoPackets, Some(remote), &what);
        }
    }

    /// Draws the elections' conclusions.
    pub(super) fn conclude(&self, now: Instant) -> Concluded {
        if self.is_stopping() {
            return Concluded::default();
        }
        let mut state = self.state.lock();
        let concluded = state.conclude(now);
        let has_news = state.stale != Stale::default();
        drop(state);
        if has_news {
            self.changed.notify_one();
        }
        concluded
    }

    /// A replica said something that may count in its site's election.
    pub(crate) fn elect(&self, site: TunnelKey, act: impl FnOnce(&mut Election, Duration)) {
        let is_pending = self.state.lock().elect(site, Instant::now(), |election, at| {
            act(election, at);
            election.is_pending()
        });
        if is_pending == Some(true) {
            self.to_conclude.notify_one();
        }
    }

    /// What a replica may do for a while, if it has a session. Its time runs from here.
    pub(crate) fn lease(&self, site: TunnelKey, replica: ConnectorId, seq: u64) -> Option<Lease> {
        let granted = self.state.lock().lease(site, replica, Instant::now());
        let Granted { epoch, active, ttl } = granted?;
        Some(Lease {
            epoch: epoch.0,
            role: if active { Role::Active } else { Role::Passive },
            ttl_ms: u32::try_from(ttl.as_millis()).unwrap_or(u32::MAX),
            seq,
        })
    }

    /// The session of that connection is over, if it was not before.
    pub(super) fn leave(
        &self,
        site: TunnelKey,
        replica: ConnectorId,
        connection: ConnectionId,
        reason: (CloseReason, Leave),
    ) {
        {
            let mut state = self.state.lock();
            let gone = state.leave(site, replica, connection, reason, Instant::now());
            self.report_gone(gone);
        }
        self.to_conclude.notify_one();
        self.changed.notify_one();
    }

    /// Ends sessions of a site, and tells how many.
    pub(super) fn evict(&self, site: TunnelKey, only: Option<ConnectorId>) -> usize {
        let ended = {
            let mut state = self.state.lock();
            let gone = state.end(site, only, Ending::Evicted, Instant::now());
            let ended = gone.len();
            self.report_gone(gone);
            ended
        };
        self.to_conclude.notify_one();
        self.changed.notify_one();
        ended
    }

    pub(super) fn restore(&self, snapshot: &Snapshot, upto: ChangeNumber) {
        {
            let mut state = self.state.lock();
            let gone = state.restore(snapshot, Instant::now());
            self.report_gone(gone);
            self.applied.send_replace(Some(upto));
        }
        self.to_conclude.notify_one();
        self.changed.notify_one();
    }

    pub(super) fn apply(&self, changes: &[Change], upto: ChangeNumber) {
        {
            let mut state = self.state.lock();
            let gone = state.apply(changes, Instant::now());
            self.report_gone(gone);
            self.applied.send_replace(Some(upto));
        }
        self.to_conclude.notify_one();
        self.changed.notify_one();
    }

    /// How far the store's history is applied. The same as the state's for as long as that is locked.
    pub(super) fn known(&self) -> Option<ChangeNumber> {
        *self.applied.borrow()
    }

    /// The hub forwards by what was applied so far.
    pub(super) fn note_installed(&self, upto: Option<ChangeNumber>) {
        self.installed.send_replace(upto);
    }

    /// Waits until the hub forwards by the store's history so far: who left by then is heard no more.
    pub(super) async fn until_installed(&self, upto: ChangeNumber) {
        let mut installed = self.installed.subscribe();
        // The sender is a part of this desk.
        let _ = installed.wait_for(|installed| *installed >= Some(upto)).await;
    }

    /// Waits until the store's history is applied so far.
    pub(super) async fn until_applied(&self, upto: ChangeNumber) {
        let mut applied = self.applied.subscribe();
        // The sender is a part of this desk.
        let _ = applied.wait_for(|applied| *applied >= Some(upto)).await;
    }

    /// Takes no more sessions and ends those that there are.
    pub(super) fn stop(&self) {
        let mut state = self.state.lock();
        self.stopping.cancel();
        let gone = state.end_all(Ending::Stopping, Instant::now());
        self.report_gone(gone);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Completes when the server stops.
    pub(crate) async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    pub(crate) fn complain(&self, kind: Trouble, remote: Option<SocketAddr>, what: &dyn Display) {
        self.complaints.say(kind, remote, what);
    }

    fn report_opened(&self, arrival: &Arrival, connection: ConnectionId) {
        let Arrival {
            claim, host, remote, ..
        } = arrival;
        gauge!("adit_mesh_sessions").increment(1);
        info!(
            tunnel.id = %claim.site.tunnel, connector.id = %claim.replica, connection.id = %connection, %remote,
            connector.version = host.version, host = host.hostname, "mesh replica linked"
        );
        let opened = ConnectionOpened {
            tunnel: claim.site,
            connection,
            connector: ConnectorInfo {
                id: claim.replica,
                version: host.version.clone(),
                arch: cut(format!("{}_{}", host.os, host.arch)),
                features: host.features.clone(),
                hostname: Some(host.hostname.clone()).filter(|name| !name.is_empty()),
            },
            index: ConnectionIndex(0),
            protocol: TransportProtocol::Mesh,
            origin_ip: remote.ip().to_canonical(),
            location: self.config.location.clone(),
            opened_at: SystemTime::now().into(),
        };
        self.presence.report(PresenceEvent::Opened(Box::new(opened)));
    }

    fn report_gone(&self, gone: impl IntoIterator<Item = Gone>) {
        for gone in gone {
            gauge!("adit_mesh_sessions").decrement(1);
            info!(
                tunnel.id = %gone.site.tunnel, connector.id = %gone.replica, connection.id = %gone.connection,
                reason = gone.reason.as_str(), "mesh replica gone"
            );
            self.presence.report(PresenceEvent::Closed(ConnectionClosed {
                tunnel: gone.site,
                connection: gone.connection,
                reason: gone.reason,
                closed_at: SystemTime::now().into(),
            }));
        }
    }
}

fn refusal(error: LinkError, site: TunnelKey) -> Refusal {
    if let LinkError::Store(failure) = &error {
        error!(tunnel.id = %site.tunnel, error = %failure, cause = ?failure.cause, "cannot link a replica");
    }
    error.into()
}

fn cut(mut text: String) -> String {
    let end = text.floor_char_boundary(MOST_INFO);
    text.truncate(end);
    text
}

/// For a limit on how long an admission takes.
pub(crate) const ADMISSION: Duration = Duration::from_secs(5);
