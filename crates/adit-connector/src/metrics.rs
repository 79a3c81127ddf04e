//! The connector's metrics, under the names that dashboards for cloudflared know.
//!
//! They go to whatever recorder the process has installed before the connector is made.

use adit_net::quic::ConnectionStats;
use http::StatusCode;
use metrics::{Counter, Gauge, counter, gauge};

/// Handles to what is counted often.
pub(crate) struct Metrics {
    requests: Counter,
    failed: Counter,
    running: Gauge,
    tcp_sessions: Counter,
    tcp_running: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) dialled: Counter,
    pub(crate) closed: Counter,
    pub(crate) registered: Counter,
    pub(crate) config_pushes: Counter,
    pub(crate) config_push_errors: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            requests: counter!("cloudflared_tunnel_total_requests"),
            failed: counter!("cloudflared_tunnel_request_errors"),
            running: gauge!("cloudflared_tunnel_concurrent_requests_per_tunnel"),
            tcp_sessions: counter!("cloudflared_tcp_total_sessions"),
            tcp_running: gauge!("cloudflared_tcp_active_sessions"),
            connections: gauge!("cloudflared_tunnel_ha_connections"),
            dialled: counter!("quic_client_total_connections"),
            closed: counter!("quic_client_closed_connections"),
            registered: counter!("cloudflared_tunnel_tunnel_register_success", "rpcName" => "registerConnection"),
            config_pushes: counter!("cloudflared_config_local_config_pushes"),
            config_push_errors: counter!("cloudflared_config_local_config_pushes_errors"),
        }
    }

    /// A request runs until the answer is dropped.
    pub(crate) fn request_began(&self) -> Running {
        self.requests.increment(1);
        Running::new(&self.running)
    }

    pub(crate) fn tcp_session_began(&self) -> Running {
        self.tcp_sessions.increment(1);
        Running::new(&self.tcp_running)
    }

    pub(crate) fn request_failed(&self) {
        self.failed.increment(1);
    }

    pub(crate) fn answered(&self, status: StatusCode) {
        counter!("cloudflared_tunnel_response_by_code", "status_code" => status.as_str().to_owned())
            .increment(1);
    }

    pub(crate) fn register_failed(&self, error: &'static str) {
        let name = "cloudflared_tunnel_tunnel_register_fail";
        counter!(name, "rpcName" => "registerConnection", "error" => error).increment(1);
    }

    pub(crate) fn located(&self, index: u8, location: &str, here: bool) {
        let name = "cloudflared_tunnel_server_locations";
        let labels = [
            ("connection_id", index.to_string()),
            ("edge_location", location.to_owned()),
        ];
        gauge!(name, &labels).set(if here { 1.0 } else { 0.0 });
    }

    pub(crate) fn measured(&self, index: u8, stats: &ConnectionStats) {
        let label = [("conn_index", index.to_string())];
        gauge!("quic_client_smoothed_rtt", &label).set(stats.rtt.as_secs_f64() * 1000.0);
        gauge!("quic_client_mtu", &label).set(f64::from(stats.mtu));
        counter!("quic_client_sent_bytes", &label).absolute(stats.sent_bytes);
        counter!("quic_client_receive_bytes", &label).absolute(stats.received_bytes);
        counter!("quic_client_lost_packets", &label).absolute(stats.lost_packets);
    }
}

/// One that runs; dropping it ends it.
pub(crate) struct Running(Gauge);

impl Running {
    fn new(gauge: &Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
