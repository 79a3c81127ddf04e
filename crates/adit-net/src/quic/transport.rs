//! Every QUIC limit of both sides.

use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::CubicConfig;
use quinn::{EndpointConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};

/// A connection on which nothing arrives for this long is dead. The smaller value of both sides counts, and stock
/// connectors offer 5 s as well.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a connector pings. The edge never does: one side suffices to keep a path open and to notice its death.
pub const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// Streams a connector may have open towards the edge: its control stream, and one for each UDP session it ends.
/// The table is allocated whole for each connection, so a generous number costs memory at once.
pub const EDGE_PEER_STREAMS: u32 = 16;
/// Streams the edge may have open towards a connector: requests in flight on one connection. See
/// [`super::QuicDialer::allowing_streams`].
pub const CONNECTOR_PEER_STREAMS: u32 = 4096;
/// As many of them a connection begins with; see [`super::QuicConnection::make_room`]. quinn keeps 80 bytes for each that may be,
/// open or not.
pub(super) const FIRST_PEER_STREAMS: u32 = 256;

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

/// What one stream may have under way. quinn ends a whole connection on whose stream more than 1024 pieces lie apart, so
/// there must not be room for twice as many of the smallest full packets (1200 bytes): a receiver that is short of CPU
/// and loses every other packet for a while is no attack.
const STREAM_WINDOW: u32 = 2 * MIB;
const _: () = assert!(STREAM_WINDOW / 1200 / 2 < 1024);
/// What the edge lets one connection buffer before its connector has registered.
pub(super) const EDGE_STRANGER_WINDOW: u32 = 128 * KIB;
/// Datagrams waiting to be read, bytes; the oldest go first. Ten milliseconds at 300,000 a second: the scheduler may
/// leave a busy reader alone for so long. Also announces a max_datagram_frame_size of 65535.
const DATAGRAMS_TO_READ: usize = 4 * 1024 * 1024;
/// Datagrams waiting to be sent, bytes. What waits is late: 200 ms at 10 Mbit/s.
const DATAGRAMS_TO_SEND: usize = 256 * 1024;

/// The largest packet, bytes of UDP payload, where the path carries it: jumbo frames of 9000 bytes in data centres, and
/// loopback. quinn hands up to ten packets to the system at once, which takes 65,507 bytes and refuses more. Stock
/// connectors take 1,452 and say so.
pub(super) const MAX_PACKET: u16 = 6500;

/// What a fresh connection may have under way, bytes: 32 packets of the least size, as large content networks have it,
/// and a few of [`MAX_PACKET`], which must not stop at the first that is being probed.
const INITIAL_WINDOW: u64 = 32 * 1200;

/// What a connector lets one connection buffer.
pub(super) const CONNECTOR_WINDOW: u32 = 16 * MIB;

pub(super) fn edge() -> Arc<TransportConfig> {
    let mut config = common();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(EDGE_PEER_STREAMS))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(EDGE_STRANGER_WINDOW))
        .send_window(u64::from(8 * MIB))
        .keep_alive_interval(None);
    Arc::new(config)
}

/// `peer_streams` the edge may have open at once.
pub(super) fn connector(peer_streams: u32) -> Arc<TransportConfig> {
    let mut config = common();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(peer_streams))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTOR_WINDOW))
        .send_window(u64::from(8 * MIB))
        .keep_alive_interval(Some(KEEP_ALIVE));
    Arc::new(config)
}

fn common() -> TransportConfig {
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(MAX_PACKET);
    let mut congestion = CubicConfig::default();
    congestion.initial_window(INITIAL_WINDOW);
    let mut config = TransportConfig::default();
    config
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .max_idle_timeout(IdleTimeout::try_from(IDLE_TIMEOUT).ok())
        .datagram_receive_buffer_size(Some(DATAGRAMS_TO_READ))
        .datagram_send_buffer_size(DATAGRAMS_TO_SEND)
        .mtu_discovery_config(Some(mtu))
        .congestion_controller_factory(Arc::new(congestion));
    config
}

/// What both sides' endpoints have in common: they take packets as large as [`MAX_PACKET`].
pub(super) fn endpoint(mut config: EndpointConfig) -> EndpointConfig {
    // Refused only below 1,200.
    let _ = config.max_udp_payload_size(MAX_PACKET);
    config
}
