//! How many frames of each kind a connection has seen.

use quinn::FrameStats;

/// The kinds, by their names in RFC 9000 and RFC 9221 without blanks, in the order of [`FrameCounts`].
const KINDS: [&str; 20] = [
    "Ack",
    "ConnectionClose",
    "Crypto",
    "DataBlocked",
    "Datagram",
    "HandshakeDone",
    "MaxData",
    "MaxStreamData",
    "MaxStreams",
    "NewConnectionID",
    "NewToken",
    "PathChallenge",
    "PathResponse",
    "Ping",
    "ResetStream",
    "RetireConnectionID",
    "StopSending",
    "Stream",
    "StreamDataBlocked",
    "StreamsBlocked",
];

/// How many frames of each kind went one way, since the connection began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts([u64; KINDS.len()]);

impl FrameCounts {
    /// Every kind with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        KINDS.into_iter().zip(self.0)
    }

    pub(super) fn of(stats: &FrameStats) -> Self {
        Self([
            stats.acks,
            stats.connection_close,
            stats.crypto,
            stats.data_blocked,
            stats.datagram,
            u64::from(stats.handshake_done),
            stats.max_data,
            stats.max_stream_data,
            stats.max_streams_bidi + stats.max_streams_uni,
            stats.new_connection_id,
            stats.new_token,
            stats.path_challenge,
            stats.path_response,
            stats.ping,
            stats.reset_stream,
            stats.retire_connection_id,
            stats.stop_sending,
            stats.stream,
            stats.stream_data_blocked,
            stats.streams_blocked_bidi + stats.streams_blocked_uni,
        ])
    }
}
