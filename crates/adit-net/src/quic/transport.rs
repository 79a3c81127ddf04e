//! Every QUIC limit of both sides.

use std::sync::Arc;
use std::time::Duration;

use quinn::{IdleTimeout, TransportConfig, VarInt};

/// A connection on which nothing arrives for this long is dead. The smaller value of both sides counts, and stock
/// connectors offer 5 s as well.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a connector pings. The edge never does: one side suffices to keep a path open and to notice its death.
pub const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// Streams a connector may have open towards the edge: its control stream, and one for each UDP session it ends.
/// The table is allocated whole for each connection, so a generous number costs memory at once.
pub const EDGE_PEER_STREAMS: u32 = 16;
/// Streams the edge may have open towards a connector: requests in flight on one connection.
pub const CONNECTOR_PEER_STREAMS: u32 = 1024;

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

/// What the edge lets one connection buffer before its connector has registered.
pub(super) const EDGE_STRANGER_WINDOW: u32 = 128 * KIB;
/// Datagrams waiting to be read; the oldest go first. Also announces a max_datagram_frame_size of 65535.
const DATAGRAM_BUFFER: usize = 256 * 1024;

/// What a connector lets one connection buffer.
pub(super) const CONNECTOR_WINDOW: u32 = 16 * MIB;

pub(super) fn edge() -> Arc<TransportConfig> {
    let mut config = common();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(EDGE_PEER_STREAMS))
        .stream_receive_window(VarInt::from_u32(4 * MIB))
        .receive_window(VarInt::from_u32(EDGE_STRANGER_WINDOW))
        .send_window(u64::from(8 * MIB))
        .keep_alive_interval(None);
    Arc::new(config)
}

pub(super) fn connector() -> Arc<TransportConfig> {
    let mut config = common();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(CONNECTOR_PEER_STREAMS))
        .stream_receive_window(VarInt::from_u32(4 * MIB))
        .receive_window(VarInt::from_u32(CONNECTOR_WINDOW))
        .send_window(u64::from(8 * MIB))
        .keep_alive_interval(Some(KEEP_ALIVE));
    Arc::new(config)
}

fn common() -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .max_idle_timeout(IdleTimeout::try_from(IDLE_TIMEOUT).ok())
        .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER))
        .datagram_send_buffer_size(DATAGRAM_BUFFER);
    config
}
