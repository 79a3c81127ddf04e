//! Origins: where the requests of each ingress rule go.

mod body;
mod client;
mod connector;
mod headers;
mod io;

use adit_core::ingress::{Ingress, Service};
use http::StatusCode;

pub(crate) use body::RequestBody;
pub(crate) use client::{HttpOrigin, path_of};
pub(crate) use headers::{Tags, has_body, response_headers};

use crate::ConnectorError;
use crate::hello::HelloSite;
use crate::websocket::TcpOrigin;

/// What serves the requests of one rule.
pub(crate) enum Origin {
    /// An HTTP server.
    Http(Box<HttpOrigin>),
    /// A TCP server inside the client's WebSocket.
    Tcp(TcpOrigin),
    /// A fixed status.
    Status(StatusCode),
    /// A service that this version does not have, with what it says instead.
    NotBuilt(String),
}

/// Makes the origins of all rules, in their order.
///
/// # Errors
/// If a certificate file cannot be read, or TLS cannot be set up.
pub(crate) fn build(ingress: &Ingress) -> Result<Vec<Origin>, ConnectorError> {
    let origin = |rule: &adit_core::ingress::Rule| {
        let settings = &rule.origin_request;
        if settings.access.as_ref().is_some_and(|access| access.required) {
            // A check that is asked for and missing must not let everyone in.
            return Ok(Origin::NotBuilt(
                "access checks are not in this version".to_owned(),
            ));
        }
        let ignored = [
            ("http2Origin", settings.http2_origin),
            ("disableChunkedEncoding", settings.disable_chunked_encoding),
        ];
        for (setting, _) in ignored.into_iter().filter(|(_, wanted)| *wanted) {
            tracing::warn!(originService = %rule.service, setting, "a setting is not in this version and ignored");
        }
        Ok(match &rule.service {
            Service::Http(origin) => Origin::Http(Box::new(HttpOrigin::over_tcp(origin, settings)?)),
            Service::Unix { path, tls } => {
                Origin::Http(Box::new(HttpOrigin::over_unix(path, *tls, settings)?))
            }
            Service::HelloWorld => Origin::Http(Box::new(HttpOrigin::hello(HelloSite::default(), settings))),
            Service::Tcp { to, .. } => Origin::Tcp(TcpOrigin::new(to.clone(), settings.connect_timeout)),
            Service::Status(status) => {
                Origin::Status(StatusCode::from_u16(*status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE))
            }
            service @ (Service::Bastion | Service::SocksProxy) => {
                Origin::NotBuilt(format!("the service {service} is not in this version"))
            }
        })
    };
    ingress.rules().map(origin).collect()
}
