//! Origins: where the requests of each ingress rule go.

mod access;
mod body;
mod client;
mod connector;
mod dial;
mod headers;
mod io;
mod tcp;

use std::sync::Arc;

use adit_core::ingress::{Ingress, Rule, Service};
use adit_net::proxy::EnvironmentProxies;
use http::StatusCode;

pub(crate) use access::{Guard, Verdict};
pub(crate) use body::RequestBody;
pub(crate) use client::{HttpOrigin, path_of};
pub(crate) use headers::{Tags, has_body, response_headers};
pub(crate) use tcp::TcpOrigin;

use crate::ConnectorError;
use crate::hello::HelloSite;
use crate::serving::Serving;
use client::Ways;

/// What serves the requests of one rule.
pub(crate) enum Origin {
    /// An HTTP server.
    Http(Box<HttpOrigin>),
    /// A TCP server inside the client's WebSocket.
    Tcp(TcpOrigin),
    /// A fixed status.
    Status(StatusCode),
}

/// An origin, and who is let through to it.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) origin: Arc<Origin>,
    /// `None` lets everyone through.
    pub(crate) guard: Option<Arc<Guard>>,
}

/// Makes the origins of all rules, in their order. Those that were `before`, with the same settings, are taken over.
///
/// # Errors
/// If a certificate file cannot be read, or TLS cannot be set up.
pub(crate) fn build(
    ingress: &Ingress,
    proxies: &EnvironmentProxies,
    before: Option<&Serving>,
) -> Result<Vec<Served>, ConnectorError> {
    let mut ways = Ways::new(proxies);
    ingress
        .rules()
        .map(|rule| match before.and_then(|before| same(rule, before)) {
            Some(served) => Ok(served.clone()),
            None => served(rule, &mut ways),
        })
        .collect()
}

/// An origin that is just what the rule wants.
fn same<'a>(rule: &Rule, before: &'a Serving) -> Option<&'a Served> {
    // What a file holds may have changed.
    if !rule.origin_request.ca_pool.is_empty() {
        return None;
    }
    let mut both = before.ingress.rules().zip(&before.origins);
    let found =
        both.find(|(other, _)| other.service == rule.service && other.origin_request == rule.origin_request);
    found.map(|(_, served)| served)
}

fn served(rule: &Rule, ways: &mut Ways<'_>) -> Result<Served, ConnectorError> {
    let settings = &rule.origin_request;
    let origin = match &rule.service {
        Service::Http(origin) => Origin::Http(Box::new(HttpOrigin::over_tcp(origin, settings, ways)?)),
        Service::Unix { path, tls } => {
            Origin::Http(Box::new(HttpOrigin::over_unix(path, *tls, settings, ways)?))
        }
        Service::HelloWorld => Origin::Http(Box::new(HttpOrigin::hello(HelloSite::default(), settings)?)),
        Service::Tcp { to, .. } => Origin::Tcp(TcpOrigin::at(to.clone(), settings)),
        Service::Bastion => Origin::Tcp(TcpOrigin::bastion(settings)),
        Service::SocksProxy => Origin::Tcp(TcpOrigin::socks(settings)),
        Service::Status(status) => {
            Origin::Status(StatusCode::from_u16(*status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE))
        }
    };
    let required = settings.access.as_ref().filter(|access| access.required);
    let guard = required.map(|access| Guard::new(access, ways)).transpose()?;
    Ok(Served {
        origin: Arc::new(origin),
        guard: guard.map(Arc::new),
    })
}
