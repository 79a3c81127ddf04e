//! One QUIC connection, as far as datagrams go.

use std::sync::Arc;

use adit_model::ConnectionIndex;
use adit_net::quic::{DatagramRefused, QuicConnection};
use adit_wire::datagram::{Version, v2, v3};
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Private;
use super::metrics::{Dropped, Drops};
use super::sessions::Sessions;

/// Calls to the edge at once on one connection; more wait for their turn.
const MAX_CALLS: usize = 8;

/// One connection and what datagrams carry on it.
pub(crate) struct Carrier {
    pub(super) private: Arc<Private>,
    pub(super) quic: QuicConnection,
    pub(super) index: u8,
    pub(super) version: Version,
    pub(super) drops: Drops,
    pub(super) calls: Semaphore,
    /// The connection is gone.
    pub(super) ended: CancellationToken,
    /// Calls are answered on threads that serve no sockets.
    pub(super) runtime: Handle,
    /// Sessions of datagrams of version 2, which stay where they were registered.
    staying: Sessions,
}

/// The connection's own hold on its [`Carrier`]: dropping it tells everybody else that the connection is gone.
pub(crate) struct Carried(Arc<Carrier>);

impl Carried {
    /// Must be called inside a tokio runtime.
    pub(crate) fn new(private: Arc<Private>, quic: QuicConnection, index: u8, version: Version) -> Self {
        Self(Carrier::new(private, quic, index, version))
    }

    pub(crate) fn share(&self) -> Arc<Carrier> {
        Arc::clone(&self.0)
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.0.ended.cancel();
    }
}

impl Carrier {
    fn new(private: Arc<Private>, quic: QuicConnection, index: u8, version: Version) -> Arc<Self> {
        Arc::new(Self {
            private,
            quic,
            index,
            version,
            drops: Drops::of(index),
            calls: Semaphore::new(MAX_CALLS),
            ended: CancellationToken::new(),
            runtime: Handle::current(),
            staying: Sessions::default(),
        })
    }

    pub(crate) fn index(&self) -> ConnectionIndex {
        ConnectionIndex(self.index)
    }

    /// The sessions that datagrams on this connection may belong to.
    pub(super) fn sessions(&self) -> &Sessions {
        match self.version {
            Version::V2 => &self.staying,
            Version::V3 => &self.private.moving,
        }
    }

    /// Sends an IP packet, unless too much waits to be sent.
    pub(super) fn offer_packet(&self, packet: Bytes) {
        let datagram = match self.version {
            Version::V2 => v2::ToEdge::Ip(packet).encode(),
            Version::V3 => v3::ToEdge::Icmp(packet).encode(),
        };
        match self.quic.offer_datagram(datagram) {
            Ok(()) => {}
            Err(DatagramRefused::Full) => self.drops.packet(Dropped::WriteFull),
            Err(DatagramRefused::TooLarge) => self.drops.packet(Dropped::TooLarge),
            Err(DatagramRefused::Unsupported | DatagramRefused::Closed) => {
                self.drops.packet(Dropped::WriteFailed);
            }
        }
    }

    /// Says what has become of a registration. The edge asks again if it does not hear it.
    pub(super) fn offer_answer(&self, answer: v3::RegistrationAnswer) {
        let _ = self.quic.offer_datagram(v3::ToEdge::Answer(answer).encode());
    }
}
