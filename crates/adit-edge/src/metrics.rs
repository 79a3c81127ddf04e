//! What the edge counts. Handles are made once, so that a request looks nothing up.

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

use crate::{
    connection::Transport,
    route::Route,
    traffic::{By, CLASSES, Labels, Traffic, of_class},
    tunnels::Tunnel,
};

/// The edge's counters. Names and units are documented in `docs/operations.md`.
pub(crate) struct EdgeMetrics {
    connections_quic: Gauge,
    connections_http2: Gauge,
    refused: Counter,
    handshakes_failed: Counter,
    responses: [Counter; 6],
    request_seconds: Histogram,
    bytes_up: Counter,
    bytes_down: Counter,
    pub(crate) public_connections: Gauge,
    labels: Labels,
}

impl EdgeMetrics {
    pub(crate) fn new() -> Self {
        describe_gauge!("adit_edge_connections", "Registered connections of connectors.");
        describe_counter!("adit_edge_registrations_refused_total", "Registrations refused.");
        describe_counter!(
            "adit_edge_handshakes_failed_total",
            "Dial-ins that ended before they registered."
        );
        describe_counter!(
            "adit_http_responses_total",
            "Answers to public requests, by class of status."
        );
        describe_histogram!(
            "adit_http_request_seconds",
            "From a public request's head to its answer's last byte."
        );
        describe_counter!("adit_http_request_bytes_total", "Bytes of request bodies.");
        describe_counter!("adit_http_response_bytes_total", "Bytes of response bodies.");
        describe_gauge!("adit_http_connections", "Open public connections.");
        Self {
            connections_quic: gauge!("adit_edge_connections", "protocol" => "quic"),
            connections_http2: gauge!("adit_edge_connections", "protocol" => "http2"),
            refused: counter!("adit_edge_registrations_refused_total"),
            handshakes_failed: counter!("adit_edge_handshakes_failed_total"),
            responses: CLASSES.map(|class| counter!("adit_http_responses_total", "class" => class)),
            request_seconds: histogram!("adit_http_request_seconds"),
            bytes_up: counter!("adit_http_request_bytes_total"),
            bytes_down: counter!("adit_http_response_bytes_total"),
            public_connections: gauge!("adit_http_connections"),
            labels: Labels::new(),
        }
    }

    const fn connections(&self, transport: &Transport) -> &Gauge {
        match transport {
            Transport::Quic(_) => &self.connections_quic,
            Transport::Http2(_) => &self.connections_http2,
        }
    }

    pub(crate) fn connection_opened(&self, transport: &Transport) {
        self.connections(transport).increment(1);
    }

    pub(crate) fn connection_closed(&self, transport: &Transport) {
        self.connections(transport).decrement(1);
    }

    pub(crate) fn registration_refused(&self) {
        self.refused.increment(1);
    }

    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.increment(1);
    }

    /// A request is done; `route` is what it was for and `tunnel` what served it, if anything.
    pub(crate) fn request_done(
        &self,
        route: Option<&Route>,
        tunnel: Option<&Tunnel>,
        status: u16,
        seconds: f64,
        request_bytes: u64,
        response_bytes: u64,
    ) {
        of_class(&self.responses, status).increment(1);
        self.request_seconds.record(seconds);
        self.bytes_up.increment(request_bytes);
        self.bytes_down.increment(response_bytes);
        let count = |traffic: &Traffic| traffic.count(status, request_bytes, response_bytes);
        if let Some(route) = route {
            let host = || route.host.clone();
            count(self.labels.traffic(&route.traffic, By::Host, host));
        }
        if let Some(tunnel) = tunnel {
            let id = || tunnel.key.tunnel.to_string();
            count(self.labels.traffic(&tunnel.traffic, By::Tunnel, id));
        }
    }
}
