//! QUIC between connector and edge.
//!
//! [`QuicListener`] is the edge's side, [`QuicDialer`] the connector's; both give [`QuicConnection`]s, whose streams
//! are pairs of [`SendStream`] and [`RecvStream`]. The limits stand in `transport`.

mod admission;
mod close;
mod connection;
mod datagram;
mod dialer;
mod frames;
mod keys;
mod listener;
mod recv;
mod runtime;
mod send;
mod transport;

pub use admission::HandshakeLimits;
pub use close::CloseCause;
pub use connection::{ConnectionStats, QuicConnection};
pub use datagram::DatagramRefused;
pub use dialer::{DialError, QuicDialer};
pub use frames::FrameCounts;
pub use keys::{QuicKeys, QuicKeysError};
pub use listener::{HandshakeError, QuicIncoming, QuicListener};
pub use recv::{ReadError, RecvStream};
pub use send::{SendStream, WriteError};
pub use transport::{CONNECTOR_PEER_STREAMS, EDGE_PEER_STREAMS, IDLE_TIMEOUT, KEEP_ALIVE};
