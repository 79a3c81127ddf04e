//! What each metric means, and which ones are there before anything was counted.

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

/// Milliseconds.
const CONNECT: [f64; 8] = [1.0, 10.0, 25.0, 50.0, 100.0, 500.0, 1000.0, 5000.0];
/// Seconds; each bound is three times the one before it, with what rounding makes of that.
const CALL: [f64; 5] = [
    0.05,
    0.150_000_000_000_000_02,
    0.450_000_000_000_000_07,
    1.35,
    4.050_000_000_000_001,
];

/// The connector's histograms with their upper bounds.
pub const HISTOGRAMS: [(&str, &[f64]); 3] = [
    ("cloudflared_proxy_connect_latency", &CONNECT),
    ("cloudflared_rpc_client_latency_secs", &CALL),
    ("cloudflared_rpc_server_latency_secs", &CALL),
];

/// Counters that begin at zero.
const COUNTERS: [(&str, &str); 13] = [
    (
        "cloudflared_config_local_config_pushes",
        "times the edge was told of the local configuration",
    ),
    (
        "cloudflared_config_local_config_pushes_errors",
        "times the edge did not take the local configuration",
    ),
    (
        "cloudflared_icmp_total_replies",
        "ICMP answers that went to the edge",
    ),
    (
        "cloudflared_icmp_total_requests",
        "ICMP packets that came from the edge",
    ),
    (
        "cloudflared_proxy_connect_streams_errors",
        "flows whose service was not reached",
    ),
    ("cloudflared_tcp_total_sessions", "TCP flows carried to a service"),
    (
        "cloudflared_tunnel_request_errors",
        "requests that no origin answered",
    ),
    (
        "cloudflared_tunnel_total_requests",
        "requests and flows that came from the edge",
    ),
    ("cloudflared_udp_total_sessions", "UDP sessions carried"),
    (
        "quic_client_closed_connections",
        "connections to an edge that have ended",
    ),
    (
        "quic_client_packet_too_big_dropped",
        "packets of origins that fit into no datagram to the edge",
    ),
    (
        "quic_client_total_connections",
        "connections to an edge that were begun",
    ),
    (
        "cloudflared_tunnel_tunnel_register_success",
        "registrations that an edge took",
    ),
];

/// Gauges that begin at zero.
const GAUGES: [(&str, &str); 5] = [
    (
        "cloudflared_orchestration_config_version",
        "version of the edge's configuration that is served",
    ),
    (
        "cloudflared_tcp_active_sessions",
        "TCP flows that are carried now",
    ),
    (
        "cloudflared_tunnel_concurrent_requests_per_tunnel",
        "requests and flows that run now",
    ),
    (
        "cloudflared_tunnel_ha_connections",
        "connections that are registered now",
    ),
    (
        "cloudflared_udp_active_sessions",
        "UDP sessions that are carried now",
    ),
];

/// Counters with labels: they appear with their first event.
const LABELLED_COUNTERS: [(&str, &str); 11] = [
    (
        "cloudflared_rpc_client_failures",
        "procedures of the edge that failed",
    ),
    (
        "cloudflared_rpc_client_operations",
        "procedures of the edge that were called",
    ),
    (
        "cloudflared_rpc_server_failures",
        "procedures of the connector that failed",
    ),
    (
        "cloudflared_rpc_server_operations",
        "procedures of the connector that the edge called",
    ),
    (
        "cloudflared_tunnel_response_by_code",
        "answers by their HTTP status",
    ),
    (
        "cloudflared_tunnel_tunnel_register_fail",
        "registrations that failed, by cause",
    ),
    (
        "quic_client_lost_packets",
        "packets of a connection that were lost",
    ),
    ("quic_client_receive_bytes", "bytes that came over a connection"),
    (
        "quic_client_received_frames",
        "frames that came over a connection, by kind",
    ),
    ("quic_client_sent_bytes", "bytes that went over a connection"),
    (
        "quic_client_sent_frames",
        "frames that went over a connection, by kind",
    ),
];

/// Gauges with labels: they appear with their first value.
const LABELLED_GAUGES: [(&str, &str); 8] = [
    ("build_info", "Build and version information"),
    (
        "cloudflared_tunnel_server_locations",
        "where the edge of a connection is: 1 for now, 0 for before",
    ),
    (
        "quic_client_congestion_state",
        "phase of a connection's congestion control: -1, since it is not known",
    ),
    (
        "quic_client_congestion_window",
        "bytes that a connection may have under way",
    ),
    (
        "quic_client_latest_rtt",
        "milliseconds to the edge and back, newest",
    ),
    ("quic_client_min_rtt", "milliseconds to the edge and back, least"),
    (
        "quic_client_mtu",
        "bytes of payload that a connection's packets carry",
    ),
    (
        "quic_client_smoothed_rtt",
        "milliseconds to the edge and back, smoothed",
    ),
];

/// Tells the recorder what everything means, and lets appear what is there from the start.
pub(super) fn describe() {
    for (name, meaning) in COUNTERS.into_iter().chain(LABELLED_COUNTERS) {
        describe_counter!(name, meaning);
    }
    for (name, meaning) in GAUGES.into_iter().chain(LABELLED_GAUGES) {
        describe_gauge!(name, meaning);
    }
    describe_histogram!(
        "cloudflared_proxy_connect_latency",
        "milliseconds until a flow's service was reached"
    );
    describe_histogram!(
        "cloudflared_rpc_client_latency_secs",
        "seconds that a procedure of the edge took"
    );
    describe_histogram!(
        "cloudflared_rpc_server_latency_secs",
        "seconds that a procedure of the connector took"
    );
    for (name, _) in COUNTERS {
        // The one that has a label.
        if name != "cloudflared_tunnel_tunnel_register_success" {
            counter!(name).increment(0);
        }
    }
    for (name, _) in GAUGES {
        gauge!(name).increment(0.0);
    }
    let _appears = histogram!("cloudflared_proxy_connect_latency");
}
