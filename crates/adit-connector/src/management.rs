//! The management service: what the connector tells of itself to those whom the edge has let through.
//!
//! A request whose host is the management host comes here before any rule is looked at. The edge has verified its token;
//! this side reads what the token says, and takes it only for its own tunnel. Log lines go out on `logs`; they are
//! taken from the process by [`LogTap`].
//! Source: cloudflare/cloudflared: management/service.go, management/middleware.go.

mod answer;
mod asked;
mod line;
mod logs;
mod queue;
mod session;
mod tap;

use std::fmt;
use std::io;

use adit_model::TunnelId;
use adit_net::route;
use adit_wire::management_token::PresentedClaims;
use adit_wire::{ConnectAnswer, FlowKind, RequestHead};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::exchange::{self, Upload};
use crate::flow::Answering;
use crate::local::{JSON, NO_PROFILES, PLAIN, PROMETHEUS, RenderMetrics, metrics_text};
use crate::serving::Proxy;
use crate::{ConnectorConfig, Status};
use answer::{Answer, origin_may_ask};

pub use tap::LogTap;

/// Viewers that may be connected at once, though lines flow to one alone.
const MAX_VIEWERS: usize = 16;
/// What a rule's number is in log lines where none was looked at.
const RULE: i8 = -1;
/// As cloudflared says it, whatever is wrong with the token.
const NO_TOKEN: &str =
    "{\"errors\":[{\"code\":1001,\"message\":\"missing access_token query parameter\"}]}\n";

/// What the management service needs to know.
#[derive(Clone)]
pub struct ManagementConfig {
    /// Its host name. Requests for it never reach an origin.
    pub host: String,
    /// Whether metrics may be asked for (`--management-diagnostics`). Default yes.
    pub diagnostics: bool,
    /// What the operator calls this connector (`--label`).
    pub label: Option<String>,
    /// What the process has counted.
    pub metrics: RenderMetrics,
    /// What the process logs.
    pub logs: LogTap,
}

impl fmt::Debug for ManagementConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagementConfig")
            .field("host", &self.host)
            .field("diagnostics", &self.diagnostics)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// The management service of one connector.
pub(crate) struct Management {
    config: ManagementConfig,
    tunnel: TunnelId,
    status: Status,
    viewers: Semaphore,
}

#[derive(Serialize)]
struct HostDetails {
    connector_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    hostname: String,
}

impl Management {
    /// The service of a connector that is told to have one.
    pub(crate) fn of(config: &ConnectorConfig, status: &Status) -> Option<Self> {
        let management = config
            .management
            .clone()
            .filter(|config| !config.host.is_empty())?;
        Some(Self {
            config: management,
            tunnel: config.token.tunnel.tunnel,
            status: status.clone(),
            viewers: Semaphore::new(MAX_VIEWERS),
        })
    }

    /// Whether a request's host is the management host, whatever its port.
    pub(crate) fn is_meant(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let bare = name.strip_suffix('.').unwrap_or(name);
        bare.eq_ignore_ascii_case(&self.config.host)
    }

    /// Serves a request for the management host.
    ///
    /// # Errors
    /// If the edge takes no more of the answer.
    pub(crate) async fn serve(
        &self,
        proxy: &Proxy,
        head: &RequestHead,
        upload: Upload,
        reply: &mut Answering,
    ) -> io::Result<()> {
        let (path, query) = path_and_query(&head.dest);
        tracing::debug!(
            event = 1,
            ingressRule = RULE,
            path,
            "a request for the management service"
        );
        let Some(claims) = self.claims(query) else {
            let refusal = Answer::new(StatusCode::BAD_REQUEST, JSON, NO_TOKEN.to_owned());
            return refusal.send(proxy, head, reply).await;
        };
        if path == "/logs" {
            return self.logs(proxy, head, claims.actor, upload, reply).await;
        }
        let answer = self.answer(&head.method, path);
        answer.readable_for(&head.headers).send(proxy, head, reply).await
    }

    /// What the request's token says, if that is something.
    fn claims(&self, query: &str) -> Option<PresentedClaims> {
        let mut values = query
            .split('&')
            .filter_map(|pair| pair.strip_prefix("access_token="));
        let claims = PresentedClaims::read(values.next()?)?;
        let meant: TunnelId = claims.tunnel.parse().ok()?;
        (meant == self.tunnel).then_some(claims)
    }

    fn answer(&self, method: &Method, path: &str) -> Answer {
        let diagnostics = self.config.diagnostics;
        let (answer, may_be_head): (fn(&Self) -> Answer, bool) = match path {
            "/ping" => (|_| Answer::empty(StatusCode::OK), true),
            "/host_details" => (Self::host_details, false),
            "/metrics" if diagnostics => (Self::metrics, false),
            "/debug/pprof/heap" | "/debug/pprof/goroutine" if diagnostics => (
                |_| Answer::new(StatusCode::NOT_FOUND, PLAIN, NO_PROFILES.to_owned()),
                false,
            ),
            _ => return Answer::new(StatusCode::NOT_FOUND, PLAIN, "404 page not found\n".to_owned()),
        };
        match *method {
            Method::GET => answer(self),
            Method::HEAD if may_be_head => answer(self),
            _ => Answer::empty(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    fn metrics(&self) -> Answer {
        Answer::new(StatusCode::OK, PROMETHEUS, metrics_text(&self.config.metrics))
    }

    fn host_details(&self) -> Answer {
        let edge = self
            .status
            .connections()
            .into_values()
            .next()
            .map(|live| live.edge);
        let ip = edge.and_then(|edge| route::source_towards(edge).ok());
        let label = self.config.label.as_deref().filter(|label| !label.is_empty());
        let details = HostDetails {
            connector_id: self.status.connector_id().to_string(),
            ip: ip.map(|ip| ip.to_string()),
            hostname: label.map_or_else(host_name, |label| format!("custom:{label}")),
        };
        // Plain values always serialise.
        let json = serde_json::to_string(&details).unwrap_or_default();
        Answer::new(StatusCode::OK, JSON, format!("{json}\n"))
    }

    async fn logs(
        &self,
        proxy: &Proxy,
        head: &RequestHead,
        actor: String,
        upload: Upload,
        reply: &mut Answering,
    ) -> io::Result<()> {
        let refusal = if head.method != Method::GET {
            Some(Answer::empty(StatusCode::METHOD_NOT_ALLOWED))
        } else if head.kind != FlowKind::WebSocket {
            Some(Answer::empty(StatusCode::UPGRADE_REQUIRED))
        } else if !origin_may_ask(&head.headers, &self.config.host) {
            Some(Answer::empty(StatusCode::FORBIDDEN))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return refusal.send(proxy, head, reply).await;
        }
        let Ok(_place) = self.viewers.try_acquire() else {
            let refusal = Answer::empty(StatusCode::SERVICE_UNAVAILABLE);
            return refusal.send(proxy, head, reply).await;
        };
        let accepted = exchange::accepted_websocket(&head.headers);
        proxy.metrics.answered(accepted.status);
        reply
            .answer(ConnectAnswer::Accepted(accepted), Bytes::new())
            .await?;
        tracing::debug!(actor, "somebody looks at log lines");
        let viewer = self.config.logs.viewer(actor);
        logs::serve(tokio::io::join(upload, reply), &viewer).await
    }
}

/// Of a URL, or of a path with a query.
fn path_and_query(dest: &str) -> (&str, &str) {
    let path = crate::origin::path_of(dest);
    let query = dest.split_once('?').map_or("", |(_, query)| query);
    (path, query.split('#').next().unwrap_or_default())
}

/// What the machine calls itself.
fn host_name() -> String {
    let system = rustix::system::uname();
    match system.nodename().to_str() {
        Ok(name) if !name.is_empty() => name.to_owned(),
        _ => "unknown".to_owned(),
    }
}

impl fmt::Debug for Management {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}

#[cfg(test)]
mod tests;
