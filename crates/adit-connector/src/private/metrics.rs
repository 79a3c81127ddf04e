//! What is counted of private flows, under the names that dashboards for cloudflared know.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// Why a datagram or a packet goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dropped {
    /// The system did not take it.
    WriteFailed,
    /// The origin's socket takes no more for now, or too much waits already.
    WriteFull,
    /// Of no flow that is known.
    UnknownFlow,
    /// Larger than what goes through a tunnel.
    TooLarge,
}

impl Dropped {
    const ALL: [Self; 4] = [
        Self::WriteFailed,
        Self::WriteFull,
        Self::UnknownFlow,
        Self::TooLarge,
    ];

    const fn reason(self) -> &'static str {
        match self {
            Self::WriteFailed => "write_failed",
            Self::WriteFull => "write_full",
            Self::UnknownFlow => "write_flow_unknown",
            Self::TooLarge => "read_too_large",
        }
    }
}

/// Handles to what is counted often.
pub(super) struct PrivateMetrics {
    /// Sessions of datagrams of version 2.
    v2_sessions: Counter,
    v2_running: Gauge,
    pub(super) icmp_requests: Counter,
    pub(super) icmp_replies: Counter,
    pub(super) connect_errors: Counter,
    /// Milliseconds.
    pub(super) connect_latency: Histogram,
}

impl PrivateMetrics {
    pub(super) fn new() -> Self {
        Self {
            v2_sessions: counter!("cloudflared_udp_total_sessions"),
            v2_running: gauge!("cloudflared_udp_active_sessions"),
            icmp_requests: counter!("cloudflared_icmp_total_requests"),
            icmp_replies: counter!("cloudflared_icmp_total_replies"),
            connect_errors: counter!("cloudflared_proxy_connect_streams_errors"),
            connect_latency: histogram!("cloudflared_proxy_connect_latency"),
        }
    }

    /// A session of version 2 runs until the answer is dropped.
    pub(super) fn v2_session_began(&self) -> Counted {
        self.v2_sessions.increment(1);
        Counted::new(self.v2_running.clone())
    }

    /// A session of version 3 that began on this connection runs until the answer is dropped.
    pub(super) fn v3_session_began(&self, index: u8) -> Counted {
        counter!("cloudflared_udp_total_flows", "conn_index" => index.to_string()).increment(1);
        Counted::new(gauge!("cloudflared_udp_active_flows", "conn_index" => index.to_string()))
    }

    pub(super) fn v3_session_failed(&self, index: u8) {
        counter!("cloudflared_udp_failed_flows", "conn_index" => index.to_string()).increment(1);
    }

    pub(super) fn v3_asked_again(&self, index: u8) {
        counter!("cloudflared_udp_retry_flow_responses", "conn_index" => index.to_string()).increment(1);
    }

    pub(super) fn v3_moved(&self, index: u8) {
        counter!("cloudflared_udp_migrated_flows", "conn_index" => index.to_string()).increment(1);
    }

    pub(super) fn unsupported_call(&self, index: u8, call: &'static str) {
        let name = "cloudflared_udp_unsupported_remote_command_total";
        counter!(name, "conn_index" => index.to_string(), "command" => call).increment(1);
    }

    /// A flow was refused because there are as many as may be.
    pub(super) fn limited(&self, kind: &'static str) {
        counter!("flow_client_registrations_rate_limited_total", "flow_type" => kind).increment(1);
    }

    /// The virtual DNS service was asked for.
    pub(super) fn dns(&self, protocol: &'static str) {
        counter!("cloudflared_virtual_origins_dns_requests_total", "protocol" => protocol).increment(1);
    }
}

/// One that runs; dropping it ends it.
pub(super) struct Counted(Gauge);

impl Counted {
    fn new(gauge: Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// What one connection drops. Handles of its own, since whoever floods it must not make us look counters up.
pub(super) struct Drops {
    datagrams: [Counter; 4],
    packets: [Counter; 4],
}

impl Drops {
    pub(super) fn of(index: u8) -> Self {
        let counters = |name: &'static str| {
            Dropped::ALL
                .map(|why| counter!(name, "conn_index" => index.to_string(), "reason" => why.reason()))
        };
        Self {
            datagrams: counters("cloudflared_udp_dropped_datagrams"),
            packets: counters("cloudflared_icmp_dropped_packets"),
        }
    }

    /// A datagram of a session goes no further.
    pub(super) fn datagram(&self, why: Dropped) {
        tell(&self.datagrams, why);
    }

    /// An IP packet goes no further.
    pub(super) fn packet(&self, why: Dropped) {
        tell(&self.packets, why);
    }
}

fn tell(counters: &[Counter; 4], why: Dropped) {
    let counted = Dropped::ALL.iter().zip(counters).find(|(one, _)| **one == why);
    if let Some((_, counter)) = counted {
        counter.increment(1);
    }
}
