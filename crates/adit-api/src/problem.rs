//! Every failure as the client sees it. Statuses and v4 error codes appear here and in its parts, and nowhere else.

mod code;
mod devices;
mod failure;
mod hosts;
mod identity;
mod load_balancers;
mod log_level;
mod networks;
mod quick_tunnels;
mod shape;
mod tunnels;

use std::{borrow::Cow, error::Error};

use adit_core::port::{AskError, CatalogError, StoreError};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tracing::error;

use crate::{
    accounts::AccountRequestError,
    auth::AuthError,
    devices::DeviceCallError,
    envelope::Message,
    extract::RequestError,
    hosts::LimitsError,
    log_level::LogLevelError,
    management::ManagementError,
    quick_tunnels::QuickError,
    sites::{CloseSessionsError, HaSettingsError, ReplicasError, SiteConfigurationError},
    tokens::TokenRequestError,
    tunnels::{
        CloseConnectionsError, ConfigurationError, CreateTunnelError, DeleteTunnelError, FindTunnelError,
        UpdateTunnelError,
    },
    zones::{RecordError, RouteError, ZoneRequestError},
};

pub(crate) use devices::failures as device_failures;
pub(crate) use failure::{Failure, failures};
pub(crate) use networks::failures as network_failures;
pub(crate) use shape::{FailureEnvelope, Problem};

/// What a successful token verification says in `messages`.
pub(crate) const TOKEN_IS_VALID: Message = Message {
    code: code::TOKEN_IS_VALID,
    message: "This API Token is valid and active",
    r#type: None,
};

impl Problem {
    /// A value that breaks a rule.
    fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code::INVALID_VALUE, message)
    }

    /// Our own fault: logs the cause and answers a fixed text.
    pub(crate) fn internal(cause: &(dyn Error + 'static)) -> Self {
        error!(error = cause, "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            code::INTERNAL,
            "internal error; the server's log has the cause under this X-Request-Id",
        )
    }

    fn headers(cause: u32, message: &'static str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            code::INVALID_HEADERS,
            "Invalid request headers",
        )
        .chained(cause, message)
    }

    fn tunnel_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, code::TUNNEL_NOT_FOUND, "Tunnel not found")
    }

    fn route_taken() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            code::ROUTE_TAKEN,
            "An A, AAAA, or CNAME record with that host already exists.",
        )
    }

    fn could_not_route(path: &str) -> Self {
        let message = format!("Could not route to {path}, perhaps your object identifier is invalid?");
        Self::new(StatusCode::NOT_FOUND, code::COULD_NOT_ROUTE, message)
    }

    fn dns_validation(reason: String) -> Self {
        // Most clients show the message only.
        let message = format!("DNS Validation Error: {reason}");
        Self::new(StatusCode::BAD_REQUEST, code::DNS_VALIDATION, message)
            .chained(code::DNS_VALIDATION, reason)
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let forbidden = |code, message: &'static str| Self::new(StatusCode::FORBIDDEN, code, message);
        match error {
            AuthError::NoCredential => Self::new(
                StatusCode::BAD_REQUEST,
                code::NO_CREDENTIAL,
                "Missing X-Auth-Key, X-Auth-Email or Authorization headers",
            ),
            AuthError::BadAuthorization => Self::headers(
                code::BAD_AUTHORIZATION_HEADER,
                "Invalid format for Authorization header",
            ),
            AuthError::BadEmail => {
                Self::headers(code::BAD_EMAIL_HEADER, "Invalid format for X-Auth-Email header")
            }
            AuthError::BadKey => Self::headers(code::BAD_KEY_HEADER, "Invalid format for X-Auth-Key header"),
            // Why a token is no longer good is its owner's to know, not its finder's.
            AuthError::UnknownToken | AuthError::Unusable(_) => {
                forbidden(code::UNKNOWN_TOKEN, "Invalid access token")
            }
            AuthError::UnknownKey => forbidden(code::UNKNOWN_KEY, "Unknown X-Auth-Key or X-Auth-Email"),
            AuthError::NotAllowed => forbidden(code::NOT_ALLOWED, "Authentication error"),
            AuthError::NotVerified => Self::new(
                StatusCode::UNAUTHORIZED,
                code::INVALID_API_TOKEN,
                "Invalid API Token",
            ),
            AuthError::Store(error) => error.into(),
        }
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        let text = error.to_string();
        match error {
            RequestError::NoRoute { path } => {
                Self::could_not_route(&path).and(code::NO_ROUTE, "No route for that URI")
            }
            RequestError::NoSuchObject { path } => Self::could_not_route(&path),
            RequestError::MethodNotAllowed => {
                Self::new(StatusCode::METHOD_NOT_ALLOWED, code::METHOD_NOT_ALLOWED, text)
            }
            RequestError::UriTooLong { .. } => Self::new(StatusCode::URI_TOO_LONG, code::URI_TOO_LONG, text),
            RequestError::HeadTooLarge { .. } => Self::new(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                code::HEAD_TOO_LARGE,
                text,
            ),
            RequestError::QueryNotUtf8 | RequestError::BadParameter { .. } => Self::invalid(text),
            RequestError::BodyTooLarge { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, code::BODY_TOO_LARGE, text)
            }
            RequestError::BodyTooSlow => Self::new(StatusCode::REQUEST_TIMEOUT, code::BODY_TOO_SLOW, text),
            RequestError::BodyCutShort | RequestError::BodySyntax { .. } => {
                Self::new(StatusCode::BAD_REQUEST, code::MALFORMED_JSON, text)
            }
            RequestError::BodyField { pointer, .. } => Self::invalid(text).at(pointer),
            RequestError::TimedOut => Self::new(StatusCode::GATEWAY_TIMEOUT, code::TIMED_OUT, text),
            RequestError::Panicked { .. } => Self::internal(&error),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::internal(&error)
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Silent => Self::new(StatusCode::GATEWAY_TIMEOUT, code::TIMED_OUT, error.to_string()),
            AskError::QueueFull | AskError::Stopped => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                code::EDGE_BUSY,
                error.to_string(),
            )
            .retry_after(1),
        }
    }
}

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::NameTaken(name) => Self::new(
                StatusCode::CONFLICT,
                code::TUNNEL_NAME_TAKEN,
                format!(
                    "You already have a tunnel with this name: {:?}. Delete it or choose another name.",
                    name.as_str()
                ),
            ),
            CatalogError::NoTunnel => Self::tunnel_not_found(),
            CatalogError::StillRouted(error) => error.into(),
            CatalogError::NoZone | CatalogError::NoRecord => Self::new(
                StatusCode::NOT_FOUND,
                code::RECORD_NOT_FOUND,
                "Record does not exist.",
            ),
            CatalogError::HostTaken => Self::new(
                StatusCode::BAD_REQUEST,
                code::HOST_TAKEN,
                "An A, AAAA, or CNAME record with that host already exists.",
            ),
            CatalogError::Store(error) => error.into(),
        }
    }
}

impl From<ManagementError> for Problem {
    fn from(error: ManagementError) -> Self {
        match error {
            ManagementError::NoResource => Self::invalid(error.to_string()).at("/resources".to_owned()),
            ManagementError::Find(error) => error.into(),
            ManagementError::Sign(_) => Self::internal(&error),
        }
    }
}

impl From<RouteError> for Problem {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::BadName { field, .. } => Self::invalid(error.to_string()).at(format!("/{field}")),
            RouteError::BadPool(_) => Self::invalid(error.to_string()).at("/lb_pool".to_owned()),
            RouteError::Reserved(_) => Self::dns_validation(error.to_string()),
            RouteError::LeadsElsewhere => Self::route_taken(),
            RouteError::LoadBalancer(error) => error.into(),
            RouteError::Find(error) => error.into(),
            RouteError::Catalog(error) => error.into(),
        }
    }
}

impl From<RecordError> for Problem {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Missing(field) => Self::dns_validation(error.to_string()).at(format!("/{field}")),
            RecordError::Invalid { field, .. } => {
                Self::dns_validation(error.to_string()).at(format!("/{field}"))
            }
            RecordError::Reserved(_) => Self::dns_validation(error.to_string()).at("/name".to_owned()),
            RecordError::Catalog(error) => error.into(),
        }
    }
}

macro_rules! answer_as_problem {
    ($($error:ty),*) => {$(
        impl IntoResponse for $error {
            fn into_response(self) -> Response {
                Problem::from(self).into_response()
            }
        }
    )*};
}

answer_as_problem!(
    AccountRequestError,
    AuthError,
    DeviceCallError,
    TokenRequestError,
    ZoneRequestError,
    RequestError,
    CreateTunnelError,
    FindTunnelError,
    DeleteTunnelError,
    CloseConnectionsError,
    ConfigurationError,
    CloseSessionsError,
    HaSettingsError,
    ReplicasError,
    SiteConfigurationError,
    LimitsError,
    LogLevelError,
    UpdateTunnelError,
    ManagementError,
    QuickError,
    RouteError,
    RecordError
);

#[cfg(test)]
mod tests;
