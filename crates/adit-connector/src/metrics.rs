//! The connector's metrics, under the names that dashboards for cloudflared know.
//!
//! They go to whatever recorder the process has installed before the connector is made; [`HISTOGRAMS`] says which
//! bounds it should use. What the process itself needs is told by `process`, what a connection measures by `quic`.
//! Source: cloudflare/cloudflared: connection/metrics.go, proxy/metrics.go, quic/metrics.go, tunnelrpc/metrics.

mod names;
mod process;
mod quic;

use std::time::Instant;

use adit_model::ConfigVersion;
use http::StatusCode;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

pub use names::HISTOGRAMS;
pub(crate) use process::text as process_text;
pub(crate) use quic::QuicMeter;

/// Handles to what is counted often.
pub(crate) struct Metrics {
    requests: Counter,
    failed: Counter,
    running: Gauge,
    tcp_sessions: Counter,
    tcp_running: Gauge,
    connect_latency: Histogram,
    connect_failed: Counter,
    pub(crate) connections: Gauge,
    pub(crate) dialled: Counter,
    pub(crate) closed: Counter,
    pub(crate) registered: Counter,
    pub(crate) config_pushes: Counter,
    pub(crate) config_push_errors: Counter,
}

/// A procedure of the control stream, as its metrics are labelled: who serves it, and its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Procedure(&'static str, &'static str);

impl Procedure {
    pub(crate) const REGISTER: Self = Self("registration", "register_connection");
    pub(crate) const UNREGISTER: Self = Self("registration", "unregister_connection");
    pub(crate) const TELL_CONFIGURATION: Self = Self("registration", "update_local_configuration");
    pub(crate) const TAKE_CONFIGURATION: Self = Self("config", "update_configuration");
}

impl Metrics {
    pub(crate) fn new() -> Self {
        names::describe();
        Self {
            requests: counter!("cloudflared_tunnel_total_requests"),
            failed: counter!("cloudflared_tunnel_request_errors"),
            running: gauge!("cloudflared_tunnel_concurrent_requests_per_tunnel"),
            tcp_sessions: counter!("cloudflared_tcp_total_sessions"),
            tcp_running: gauge!("cloudflared_tcp_active_sessions"),
            connect_latency: histogram!("cloudflared_proxy_connect_latency"),
            connect_failed: counter!("cloudflared_proxy_connect_streams_errors"),
            connections: gauge!("cloudflared_tunnel_ha_connections"),
            dialled: counter!("quic_client_total_connections"),
            closed: counter!("quic_client_closed_connections"),
            registered: counter!("cloudflared_tunnel_tunnel_register_success", "rpcName" => "registerConnection"),
            config_pushes: counter!("cloudflared_config_local_config_pushes"),
            config_push_errors: counter!("cloudflared_config_local_config_pushes_errors"),
        }
    }

    /// What built the process, as `build_info`. `version` is what the connector calls itself towards the edge.
    pub(crate) fn built(version: &str) {
        let labels = [
            ("goversion", "none".to_owned()),
            ("revision", env!("CARGO_PKG_VERSION").to_owned()),
            ("type", "adit".to_owned()),
            ("version", version.to_owned()),
        ];
        gauge!("build_info", &labels).set(1.0);
    }

    /// The edge's rules of this version are served.
    pub(crate) fn runs_version(&self, version: ConfigVersion) {
        gauge!("cloudflared_orchestration_config_version").set(f64::from(version.0));
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

    /// A service that takes a flow of bytes was reached, and the edge told so.
    pub(crate) fn flow_connected(&self, began: Instant) {
        self.connect_latency
            .record(began.elapsed().as_secs_f64() * 1000.0);
    }

    pub(crate) fn flow_not_connected(&self) {
        self.connect_failed.increment(1);
    }

    pub(crate) fn answered(&self, status: StatusCode) {
        counter!("cloudflared_tunnel_response_by_code", "status_code" => status.as_str().to_owned())
            .increment(1);
    }

    pub(crate) fn register_failed(&self, error: &'static str) {
        let name = "cloudflared_tunnel_tunnel_register_fail";
        counter!(name, "rpcName" => "registerConnection", "error" => error).increment(1);
    }

    /// The edge was called.
    pub(crate) fn called(&self, Procedure(handler, method): Procedure, began: Instant, succeeded: bool) {
        let labels = [("handler", handler), ("method", method)];
        counter!("cloudflared_rpc_client_operations", &labels).increment(1);
        if !succeeded {
            counter!("cloudflared_rpc_client_failures", &labels).increment(1);
        }
        histogram!("cloudflared_rpc_client_latency_secs", &labels).record(began.elapsed().as_secs_f64());
    }

    /// The edge has called.
    pub(crate) fn was_called(&self, Procedure(handler, method): Procedure, began: Instant, succeeded: bool) {
        let labels = [("handler", handler), ("method", method)];
        counter!("cloudflared_rpc_server_operations", &labels).increment(1);
        if !succeeded {
            counter!("cloudflared_rpc_server_failures", &labels).increment(1);
        }
        histogram!("cloudflared_rpc_server_latency_secs", &labels).record(began.elapsed().as_secs_f64());
    }

    pub(crate) fn located(&self, index: u8, location: &str, here: bool) {
        let name = "cloudflared_tunnel_server_locations";
        let labels = [
            ("connection_id", index.to_string()),
            ("edge_location", location.to_owned()),
        ];
        gauge!(name, &labels).set(if here { 1.0 } else { 0.0 });
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
