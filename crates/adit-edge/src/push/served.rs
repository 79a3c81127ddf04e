//! One tunnel that has a configuration, and those who are to take it.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use adit_core::{
    port::{ConnectorConfigured, PresenceEvent},
    rollout::{Offer, Rollout, RolloutLimits, Standing},
};
use adit_model::{ConnectionId, TunnelKey};
use tracing::{info, warn};

use crate::{connection::Connection, context::Context, tunnels::Tunnel};

/// Offers of one tunnel that are under way at once.
const LIMITS: RolloutLimits = RolloutLimits {
    at_once: 256,
    again_at_once: 32,
};
/// What a connector announces that takes configurations.
/// Source: cloudflare/cloudflared: features/features.go.
const TAKES_CONFIGURATIONS: &str = "allow_remote_config";

pub(super) struct Served {
    key: TunnelKey,
    pub(super) rollout: Rollout,
    connections: BTreeMap<ConnectionId, Arc<Connection>>,
    /// Its configuration is being read.
    pub(super) reading: bool,
    /// It is not to be read before.
    pub(super) read_after: Duration,
    /// When the pusher comes back to it.
    pub(super) wake: Option<Duration>,
}

impl Served {
    pub(super) const fn new(key: TunnelKey) -> Self {
        Self {
            key,
            rollout: Rollout::new(LIMITS),
            connections: BTreeMap::new(),
            reading: false,
            read_after: Duration::ZERO,
            wake: None,
        }
    }

    /// As the tunnel is now; `None` if nobody takes its configuration.
    pub(super) fn with(mut self, tunnel: &Tunnel, now: Duration) -> Option<Self> {
        self.connections = tunnel
            .connections()
            .iter()
            .filter(|connection| {
                let mut features = connection.connector.features.iter();
                features.any(|feature| feature == TAKES_CONFIGURATIONS)
            })
            .map(|connection| (connection.id, Arc::clone(connection)))
            .collect();
        let present = self.connections.values();
        let present = present.map(|connection| (connection.connector.id, connection.id, connection.index));
        self.rollout.connected(present, now);
        self.rollout.want(tunnel.wanted_configuration(), now);
        (!self.connections.is_empty()).then_some(self)
    }

    pub(super) fn may_read(&self, now: Duration) -> bool {
        !self.reading && self.read_after <= now
    }

    pub(super) fn next_offer(&mut self, now: Duration) -> Option<(Offer, Arc<Connection>)> {
        let offer = self.rollout.poll_offer(now)?;
        let connection = self.connections.get(&offer.connection)?;
        Some((offer, Arc::clone(connection)))
    }

    /// When something is to be done that nobody tells of.
    pub(super) fn next_wake(&self, now: Duration) -> Option<Duration> {
        let read = (self.read_after > now).then_some(self.read_after);
        let paused = self.rollout.poll_timeout();
        read.into_iter().chain(paused).min()
    }
}

impl std::fmt::Debug for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Served")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Tells how a connector stands now.
pub(super) fn report(context: &Context, tunnel: TunnelKey, offer: &Offer, standing: Standing) {
    let connector = offer.connector;
    match &standing.refused {
        Some(refused) if refused.version == offer.version => warn!(
            tunnel.id = %tunnel.tunnel, connector.id = %connector, configuration.version = refused.version.0,
            reason = refused.sentence, "configuration refused"
        ),
        _ => info!(
            tunnel.id = %tunnel.tunnel, connector.id = %connector,
            configuration.version = standing.running.map(|version| version.0), "configuration applied"
        ),
    }
    context
        .presence
        .report(PresenceEvent::Configured(ConnectorConfigured {
            tunnel,
            connector,
            standing,
            at: SystemTime::now().into(),
        }));
}
