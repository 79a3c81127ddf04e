//! The datagrams of one QUIC connection: who gets them, and what goes wrong with it.

mod calls;
mod receive;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_core::sessions::{Asking, Echoes, Stop};
use adit_model::SessionId;
use adit_net::quic::{DatagramRefused, QuicConnection};
use adit_wire::datagram::{MAX_PAYLOAD_BYTES, Version, v2, v3};
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, Semaphore};

pub(super) use calls::{register, unregister};
pub(super) use receive::carry;

use super::{counts::Dropped, icmp::EchoFlow, sessions::Flow};
use crate::{
    connection::{Connection, Place},
    route::Chosen,
    tunnels::Tunnel,
};

/// How often deadlines of flows are looked at.
const SWEEP: Duration = Duration::from_millis(250);
/// Calls to one connector at once; more wait for their turn.
const MAX_CALLS: usize = 32;

/// The flows on one connection. Made with the first of them, and there until the connection ends.
pub(super) struct Carrier {
    pub(super) tunnel: Arc<Tunnel>,
    pub(super) connection: Arc<Connection>,
    pub(super) quic: QuicConnection,
    version: Version,
    /// `None` once the connection has ended.
    sessions: RwLock<Option<HashMap<SessionId, Arc<Flow>>>>,
    echoes: Mutex<Option<Echoes<Arc<EchoFlow>>>>,
    calls: Semaphore,
    /// A flow has come.
    woken: Notify,
    /// The connection works while it has flows: its health is watched.
    place: Mutex<Option<Place>>,
}

impl Carrier {
    pub(super) fn new(tunnel: &Arc<Tunnel>, connection: &Arc<Connection>, quic: QuicConnection) -> Arc<Self> {
        quic.take_datagrams();
        Arc::new(Self {
            tunnel: Arc::clone(tunnel),
            connection: Arc::clone(connection),
            quic,
            version: Version::of_features(&connection.connector.features),
            sessions: RwLock::new(Some(HashMap::new())),
            echoes: Mutex::new(Some(Echoes::default())),
            calls: Semaphore::new(MAX_CALLS),
            woken: Notify::new(),
            place: Mutex::new(None),
        })
    }

    pub(super) fn stop(&self) -> Stop {
        Stop {
            connector: self.connection.connector.id,
            connection: self.connection.id,
        }
    }

    /// How a session is asked for here.
    pub(super) const fn asking(&self) -> Asking {
        match self.version {
            Version::V2 => Asking::Once,
            Version::V3 => Asking::Repeated,
        }
    }

    /// False if the connection has ended.
    pub(super) fn add(&self, flow: &Arc<Flow>) -> bool {
        let mut sessions = self.sessions.write();
        let Some(sessions) = sessions.as_mut() else {
            return false;
        };
        sessions.insert(flow.id, Arc::clone(flow));
        self.woken.notify_one();
        true
    }

    pub(super) fn remove(&self, session: SessionId) {
        if let Some(sessions) = self.sessions.write().as_mut() {
            sessions.remove(&session);
            if sessions.is_empty() {
                self.woken.notify_one();
            }
        }
    }

    fn session(&self, id: SessionId) -> Option<Arc<Flow>> {
        self.sessions.read().as_ref()?.get(&id).cloned()
    }

    /// Gives an echo flow its id; `None` if the connection has ended or has no id left.
    pub(super) fn add_echoes(&self, flow: &Arc<EchoFlow>) -> Option<u16> {
        let id = self.echoes.lock().as_mut()?.add(Arc::clone(flow));
        self.woken.notify_one();
        id
    }

    pub(super) fn remove_echoes(&self, id: u16) {
        if let Some(echoes) = self.echoes.lock().as_mut() {
            echoes.remove(id);
            if echoes.is_empty() {
                self.woken.notify_one();
            }
        }
    }

    /// True if the connection may have new flows.
    pub(super) fn is_in_service(&self) -> bool {
        let connections = self.tunnel.connections();
        connections
            .iter()
            .any(|other| Arc::ptr_eq(other, &self.connection))
    }

    /// Keeps a place on the connection while there are flows, so that its health is watched. Whoever closes a connection
    /// waits for its places: sessions keep theirs until they have moved, since a connector ends those that it has left
    /// with the connection. Echo flows need no time to leave. Tells whether there are any flows.
    fn settle_place(&self) -> bool {
        let has_sessions = self.sessions.read().as_ref().is_some_and(|all| !all.is_empty());
        let has_echoes = self.echoes.lock().as_ref().is_some_and(|all| !all.is_empty());
        let has_flows = has_sessions || has_echoes;
        let mut place = self.place.lock();
        let is_needed = has_sessions || (has_echoes && self.is_in_service());
        if !is_needed {
            *place = None;
        } else if place.is_none() {
            *place = Place::on(Chosen {
                tunnel: Arc::clone(&self.tunnel),
                connection: Arc::clone(&self.connection),
            });
        }
        has_flows
    }

    /// The most that a session's datagram may carry now.
    pub(super) fn max_payload(&self) -> usize {
        let path = self.quic.max_datagram_bytes().unwrap_or_default();
        path.saturating_sub(v3::PAYLOAD_HEADER_BYTES)
            .min(MAX_PAYLOAD_BYTES)
    }

    /// Sends a datagram of a session.
    pub(super) fn send_udp(&self, session: SessionId, payload: Bytes) -> Result<(), Dropped> {
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(Dropped::TooLarge);
        }
        self.offer(match self.version {
            Version::V2 => v2::ToConnector::Udp { session, payload }.encode(),
            Version::V3 => v3::ToConnector::Payload { session, payload }.encode(),
        })
    }

    /// Asks for a session, where that is done by datagram.
    pub(super) fn send_registration(&self, registration: v3::Registration) -> Result<(), Dropped> {
        self.offer(v3::ToConnector::Register(registration).encode())
    }

    /// Sends an IP packet.
    pub(super) fn send_packet(&self, packet: Bytes) -> Result<(), Dropped> {
        self.offer(match self.version {
            Version::V2 => v2::ToConnector::Ip(packet).encode(),
            Version::V3 => v3::ToConnector::Icmp(packet).encode(),
        })
    }

    fn offer(&self, datagram: Bytes) -> Result<(), Dropped> {
        self.quic
            .offer_datagram(datagram)
            .map_err(|refused| match refused {
                DatagramRefused::TooLarge => Dropped::TooLarge,
                DatagramRefused::Full => Dropped::SlowPath,
                DatagramRefused::Unsupported | DatagramRefused::Closed => Dropped::NoConnection,
            })
    }
}

impl std::fmt::Debug for Carrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Carrier")
            .field("connection", &self.connection)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// When the next look at deadlines is due.
fn next_sweep() -> tokio::time::Instant {
    (Instant::now() + SWEEP).into()
}
