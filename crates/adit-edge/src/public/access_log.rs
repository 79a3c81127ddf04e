//! One line for each public request, written when its answer has been sent or given up.

use std::{
    borrow::Cow,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use adit_core::port::{Ray, ServedRequest, Via};
use http::{HeaderValue, Method, StatusCode, Uri, Version, header::HOST, request::Parts};

use super::http2::Active;
use crate::{
    context::Context,
    end::End,
    limiter::InFlight,
    opening::Witness,
    route::{Chosen, Route},
    tunnels::Tunnel,
    upstream::UpstreamError,
};

/// What is known of a request; its line is written on drop. Neither queries nor headers are kept: they hold secrets.
pub(super) struct AccessRecord {
    context: Arc<Context>,
    started: Instant,
    ray: Ray,
    client: IpAddr,
    method: Method,
    version: Version,
    uri: Uri,
    /// The first Host header.
    host: Option<HeaderValue>,
    route: Option<Arc<Route>>,
    /// What was asked last.
    via: Option<Chosen>,
    /// How many connections were asked.
    asked: u32,
    status: StatusCode,
    /// Since the start, milliseconds: the request's head is with the connector; the answer's head is here.
    sent_ms: Option<f64>,
    head_ms: f64,
    /// Of a request with a body, what of it has come.
    request_bytes: Option<Arc<AtomicU64>>,
    response_bytes: u64,
    end: End,
    failed_at: Option<&'static str>,
    failure: Option<String>,
    _active: Option<Active>,
    /// Among the requests of its host name, if that has limits.
    place: Option<InFlight>,
}

impl AccessRecord {
    /// `active` tells the client's connection that the request runs until its line is written.
    pub(super) fn new(
        context: &Arc<Context>,
        ray: Ray,
        client: IpAddr,
        parts: &Parts,
        active: Option<Active>,
    ) -> Self {
        Self {
            context: Arc::clone(context),
            started: Instant::now(),
            ray,
            client,
            method: parts.method.clone(),
            version: parts.version,
            uri: parts.uri.clone(),
            host: parts.headers.get(HOST).cloned(),
            route: None,
            via: None,
            asked: 0,
            status: StatusCode::OK,
            sent_ms: None,
            head_ms: 0.0,
            request_bytes: None,
            response_bytes: 0,
            end: End::Client,
            failed_at: None,
            failure: None,
            _active: active,
            place: None,
        }
    }

    /// The request's id with the edge's location, as in `Cf-Ray`.
    pub(super) fn ray(&self) -> String {
        format!("{}-{}", self.ray, self.context.location)
    }

    /// The counter that the request's body adds to.
    pub(super) fn request_bytes(&mut self) -> Arc<AtomicU64> {
        Arc::clone(self.request_bytes.get_or_insert_default())
    }

    pub(super) fn routed(&mut self, route: &Arc<Route>) {
        self.route = Some(Arc::clone(route));
    }

    /// The answer's head is there.
    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = status;
        self.head_ms = self.elapsed_ms();
    }

    pub(super) const fn add_response_bytes(&mut self, bytes: usize) {
        self.response_bytes += bytes as u64;
    }

    /// Who ended the answer. What is not said ends with the client.
    pub(super) const fn ended_by(&mut self, end: End) {
        self.end = end;
    }

    pub(super) const fn failed_at(&mut self, hop: &'static str) {
        self.failed_at = Some(hop);
    }

    pub(super) fn fail(&mut self, error: &UpstreamError) {
        self.failure = Some(error.to_string());
    }

    pub(super) fn fail_with(&mut self, words: String) {
        self.failure = Some(words);
    }

    /// It was let in by its host name's limits.
    pub(super) fn occupies(&mut self, place: InFlight) {
        self.place = Some(place);
    }

    /// It ran into one of them.
    pub(super) fn limited_by(&mut self, limit: &str) {
        self.failure = Some(format!("limit {limit}"));
    }

    /// The tunnel that served, or that would have if it had a connection; of a pool without any, none.
    fn tunnel(&self) -> Option<&Tunnel> {
        let asked = self.via.as_ref().map(|via| &via.tunnel);
        asked.or_else(|| self.route.as_ref()?.only()).map(Arc::as_ref)
    }

    /// The host as the client wrote it.
    fn host(&self) -> Cow<'_, str> {
        let named = || {
            self.host
                .as_ref()
                .map(|host| String::from_utf8_lossy(host.as_bytes()))
        };
        let target = self.uri.host().map(Cow::Borrowed);
        target.or_else(named).unwrap_or_default()
    }

    /// To the microsecond.
    fn elapsed_ms(&self) -> f64 {
        self.started.elapsed().as_micros() as f64 / 1e3
    }
}

impl Witness for AccessRecord {
    fn via(&mut self, chosen: &Chosen) {
        self.via = Some(chosen.clone());
        self.asked += 1;
    }

    fn sent(&mut self) {
        self.sent_ms = Some(self.elapsed_ms());
    }
}

impl Drop for AccessRecord {
    fn drop(&mut self) {
        let total_ms = self.elapsed_ms();
        let request_bytes = self
            .request_bytes
            .as_ref()
            .map_or(0, |bytes| bytes.load(Ordering::Relaxed));
        self.context.metrics.request_done(
            self.route.as_deref(),
            self.tunnel(),
            self.status.as_u16(),
            total_ms / 1e3,
            request_bytes,
            self.response_bytes,
        );
        if self.end == End::Client && self.context.stopped.is_cancelled() {
            self.end = End::Edge;
        }
        let over = |chosen: &Chosen| Via {
            connector: chosen.connection.connector.id,
            connection: chosen.connection.id,
            index: chosen.connection.index,
            transport: chosen.connection.transport.protocol(),
        };
        self.context.access_log.write(&ServedRequest {
            ray: self.ray,
            client: self.client,
            method: self.method.as_str(),
            version: version(self.version),
            host: &self.host(),
            path: self.uri.path(),
            status: self.status.as_u16(),
            tunnel: self.tunnel().map(|tunnel| tunnel.key.tunnel),
            via: self.via.as_ref().map(over),
            asked: self.asked,
            request_bytes,
            response_bytes: self.response_bytes,
            sent_ms: self.sent_ms,
            head_ms: self.head_ms,
            total_ms,
            end: self.end.as_str(),
            failed_at: self.failed_at,
            failure: self.failure.as_deref(),
        });
    }
}

const fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        _ => "HTTP/2.0",
    }
}
