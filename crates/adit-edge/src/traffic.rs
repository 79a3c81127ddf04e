//! What is counted for each host name and for each tunnel.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use metrics::{Counter, counter, describe_counter};

/// The most values that one label takes in the life of a process; what comes later is counted together.
const MOST_VALUES: usize = 1000;
/// Under which name.
const OTHER: &str = "other";

/// By what traffic is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The host name or wildcard that a route is for.
    Host,
    /// The tunnel's id.
    Tunnel,
}

/// The counters of one host name or tunnel.
pub(crate) struct Traffic {
    responses: [Counter; 6],
    request_bytes: Counter,
    response_bytes: Counter,
}

impl Traffic {
    fn new(by: By, value: &str) -> Self {
        let (label, responses, request_bytes, response_bytes) = match by {
            By::Host => (
                "host",
                "adit_host_responses_total",
                "adit_host_request_bytes_total",
                "adit_host_response_bytes_total",
            ),
            By::Tunnel => (
                "tunnel",
                "adit_tunnel_responses_total",
                "adit_tunnel_request_bytes_total",
                "adit_tunnel_response_bytes_total",
            ),
        };
        Self {
            responses: CLASSES.map(|class| counter!(responses, label => value.to_owned(), "class" => class)),
            request_bytes: counter!(request_bytes, label => value.to_owned()),
            response_bytes: counter!(response_bytes, label => value.to_owned()),
        }
    }

    /// A request is done.
    pub(crate) fn count(&self, status: u16, request_bytes: u64, response_bytes: u64) {
        of_class(&self.responses, status).increment(1);
        self.request_bytes.increment(request_bytes);
        self.response_bytes.increment(response_bytes);
    }
}

/// Classes of statuses, as a label's values.
pub(crate) const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// The one of six counters that counts a status.
pub(crate) fn of_class(counters: &[Counter; 6], status: u16) -> &Counter {
    let [other, ..] = counters;
    counters.get(usize::from(status / 100)).unwrap_or(other)
}

/// Counters made at the first request, so that what nobody asks for costs nothing.
#[derive(Default)]
pub(crate) struct LazyTraffic(OnceLock<Box<Traffic>>);

impl std::fmt::Debug for LazyTraffic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LazyTraffic")
    }
}

/// How many values each label has taken.
#[derive(Default)]
pub(crate) struct Labels {
    hosts: AtomicUsize,
    tunnels: AtomicUsize,
}

impl Labels {
    pub(crate) fn new() -> Self {
        for (by, of) in [("host", "a host name"), ("tunnel", "a tunnel")] {
            describe_counter!(
                format!("adit_{by}_responses_total"),
                format!("Answers of {of} to public requests, by class of status.")
            );
            describe_counter!(
                format!("adit_{by}_request_bytes_total"),
                format!("Bytes of request bodies of {of}.")
            );
            describe_counter!(
                format!("adit_{by}_response_bytes_total"),
                format!("Bytes of response bodies of {of}.")
            );
        }
        Self::default()
    }

    /// The counters for a value, made now or before.
    pub(crate) fn traffic<'a>(
        &self,
        kept: &'a LazyTraffic,
        by: By,
        value: impl FnOnce() -> String,
    ) -> &'a Traffic {
        kept.0.get_or_init(|| {
            let taken = match by {
                By::Host => &self.hosts,
                By::Tunnel => &self.tunnels,
            };
            Box::new(if taken.fetch_add(1, Ordering::Relaxed) < MOST_VALUES {
                Traffic::new(by, &value())
            } else {
                Traffic::new(by, OTHER)
            })
        })
    }
}
