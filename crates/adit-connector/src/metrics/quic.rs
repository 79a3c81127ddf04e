//! What one QUIC connection has measured, added to what those before it in the same slot have.

use std::time::Duration;

use adit_model::ConnectionIndex;
use adit_net::quic::{ConnectionStats, FrameCounts};
use metrics::{counter, gauge};

/// The phase of congestion control is not told by the transport; this is the value for that.
const UNKNOWN_STATE: f64 = -1.0;

/// Adds what a connection counts to the metrics of its slot: counters of a slot go on where the connection before
/// ended.
#[derive(Debug)]
pub(crate) struct QuicMeter {
    index: String,
    seen: ConnectionStats,
    least_rtt: Duration,
}

impl QuicMeter {
    pub(crate) fn new(index: ConnectionIndex) -> Self {
        Self {
            index: index.0.to_string(),
            seen: ConnectionStats::default(),
            least_rtt: Duration::MAX,
        }
    }

    /// Takes what a connection has counted since it began.
    pub(crate) fn measure(&mut self, now: &ConnectionStats) {
        let seen = std::mem::replace(&mut self.seen, *now);
        self.least_rtt = self.least_rtt.min(now.rtt);
        let label = [("conn_index", self.index.clone())];
        for (name, value) in [
            ("quic_client_latest_rtt", millis(now.rtt)),
            ("quic_client_smoothed_rtt", millis(now.rtt)),
            ("quic_client_min_rtt", millis(self.least_rtt)),
            ("quic_client_mtu", f64::from(now.mtu)),
            ("quic_client_congestion_state", UNKNOWN_STATE),
        ] {
            gauge!(name, &label).set(value);
        }
        let window = u32::try_from(now.congestion_window_bytes).unwrap_or(u32::MAX);
        gauge!("quic_client_congestion_window", &label).set(f64::from(window));
        for (name, now, seen) in [
            ("quic_client_sent_bytes", now.sent_bytes, seen.sent_bytes),
            (
                "quic_client_receive_bytes",
                now.received_bytes,
                seen.received_bytes,
            ),
        ] {
            counter!(name, &label).increment(now.saturating_sub(seen));
        }
        let lost = now.lost_packets.saturating_sub(seen.lost_packets);
        if lost > 0 {
            let reason = ("reason", "unknown_loss_reason".to_owned());
            let labels = [("conn_index", self.index.clone()), reason];
            counter!("quic_client_lost_packets", &labels).increment(lost);
        }
        self.frames("quic_client_sent_frames", &now.sent_frames, &seen.sent_frames);
        self.frames(
            "quic_client_received_frames",
            &now.received_frames,
            &seen.received_frames,
        );
    }

    fn frames(&self, name: &'static str, now: &FrameCounts, seen: &FrameCounts) {
        for ((kind, now), (_, seen)) in now.iter().zip(seen.iter()) {
            let more = now.saturating_sub(seen);
            if more > 0 {
                let labels = [
                    ("conn_index", self.index.clone()),
                    ("frame_type", kind.to_owned()),
                ];
                counter!(name, &labels).increment(more);
            }
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
