//! One line for each public request, written when its answer has been sent or given up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use http::{Method, StatusCode};
use tracing::info;

use crate::{connection::Connection, context::Context, upstream::UpstreamError};

/// What is known of a request; its line is written on drop. Neither queries nor headers are kept: they hold secrets.
pub(super) struct AccessRecord {
    context: Arc<Context>,
    started: Instant,
    ray: Ray,
    client: std::net::IpAddr,
    method: Method,
    host: String,
    path: String,
    status: StatusCode,
    head_ms: f64,
    connection: Option<Arc<Connection>>,
    request_bytes: Arc<AtomicU64>,
    response_bytes: u64,
    failure: Option<String>,
    complete: bool,
}

/// A request's id: 16 hexadecimal digits, and the edge's location in `Cf-Ray`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ray(pub(super) u64);

impl std::fmt::Display for Ray {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl AccessRecord {
    pub(super) fn new(
        context: &Arc<Context>,
        ray: Ray,
        client: std::net::IpAddr,
        method: Method,
        host: String,
        path: String,
    ) -> Self {
        Self {
            context: Arc::clone(context),
            started: Instant::now(),
            ray,
            client,
            method,
            host,
            path,
            status: StatusCode::OK,
            head_ms: 0.0,
            connection: None,
            request_bytes: Arc::default(),
            response_bytes: 0,
            failure: None,
            complete: false,
        }
    }

    /// The counter that the request's body adds to.
    pub(super) fn request_bytes(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.request_bytes)
    }

    pub(super) fn via(&mut self, connection: &Arc<Connection>) {
        self.connection = Some(Arc::clone(connection));
    }

    /// The answer's head is there.
    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = status;
        self.head_ms = self.elapsed_ms();
    }

    pub(super) const fn add_response_bytes(&mut self, bytes: usize) {
        self.response_bytes += bytes as u64;
    }

    /// Whether the client got all of the answer.
    pub(super) const fn complete(&mut self, complete: bool) {
        self.complete = complete;
    }

    pub(super) fn fail(&mut self, error: &UpstreamError) {
        self.failure = Some(error.to_string());
    }

    pub(super) fn fail_with(&mut self, words: String) {
        self.failure = Some(words);
    }

    fn elapsed_ms(&self) -> f64 {
        self.started.elapsed().as_secs_f64() * 1e3
    }
}

impl Drop for AccessRecord {
    fn drop(&mut self) {
        let total_ms = self.elapsed_ms();
        let request_bytes = self.request_bytes.load(Ordering::Relaxed);
        self.context.metrics.request_done(
            self.status.as_u16(),
            total_ms / 1e3,
            request_bytes,
            self.response_bytes,
        );
        let index = self.connection.as_ref().map(|connection| connection.index.0);
        let connector = self.connection.as_ref().map(|connection| connection.connector.id);
        info!(
            target: "adit::access",
            ray = %self.ray, client = %self.client, method = %self.method, host = self.host, path = self.path,
            status = self.status.as_u16(), complete = self.complete, request_bytes,
            response_bytes = self.response_bytes, head_ms = self.head_ms, total_ms,
            connection.index = index, connector.id = connector.map(tracing::field::display),
            failure = self.failure, "request"
        );
    }
}
