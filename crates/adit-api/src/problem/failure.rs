//! Failures as the OpenAPI document tells of them: status, code and what they mean.

use http::StatusCode;

/// A way in which a call can fail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// The code of the first error.
    pub(crate) code: u32,
    /// What it means, in a few words.
    pub(crate) says: &'static str,
}

/// One of them.
pub(super) const fn failure(status: StatusCode, code: u32, says: &'static str) -> Failure {
    Failure { status, code, says }
}

/// The failures that calls declare, by what causes them.
pub(crate) mod failures {
    use super::{super::code, Failure, StatusCode, failure};

    /// Of every call.
    pub(crate) const ANY: &[Failure] = &[
        failure(
            StatusCode::URI_TOO_LONG,
            code::URI_TOO_LONG,
            "the path and query are too long",
        ),
        failure(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            code::HEAD_TOO_LARGE,
            "the headers are too large",
        ),
        failure(
            StatusCode::INTERNAL_SERVER_ERROR,
            code::INTERNAL,
            "Adit's own fault; the server's log has the cause under the X-Request-Id",
        ),
        failure(
            StatusCode::GATEWAY_TIMEOUT,
            code::TIMED_OUT,
            "the request took too long",
        ),
    ];

    /// Of every call that needs a credential.
    pub(crate) const CREDENTIAL: &[Failure] = &[
        failure(StatusCode::BAD_REQUEST, code::NO_CREDENTIAL, "no credential"),
        failure(
            StatusCode::BAD_REQUEST,
            code::INVALID_HEADERS,
            "a credential of the wrong form; error_chain says which header",
        ),
        failure(StatusCode::FORBIDDEN, code::UNKNOWN_TOKEN, "unknown API token"),
        failure(
            StatusCode::FORBIDDEN,
            code::UNKNOWN_KEY,
            "unknown email address or key",
        ),
    ];

    /// Of every call that not everybody may make everywhere.
    pub(crate) const PERMISSION: &[Failure] = &[failure(
        StatusCode::FORBIDDEN,
        code::NOT_ALLOWED,
        "the credential is not good for this, or not here",
    )];

    /// Of every call with an id in its path.
    pub(crate) const PATH: &[Failure] = &[failure(
        StatusCode::NOT_FOUND,
        code::COULD_NOT_ROUTE,
        "an id in the path is malformed, or nothing has it",
    )];

    /// Of every call with parameters in its query.
    pub(crate) const QUERY: &[Failure] = &[failure(
        StatusCode::BAD_REQUEST,
        code::INVALID_VALUE,
        "a value breaks a rule; source.pointer names a field of the body",
    )];

    /// Of every call with a body.
    pub(crate) const BODY: &[Failure] = &[
        QUERY[0],
        failure(
            StatusCode::BAD_REQUEST,
            code::MALFORMED_JSON,
            "the body is no JSON",
        ),
        failure(
            StatusCode::REQUEST_TIMEOUT,
            code::BODY_TOO_SLOW,
            "the body took too long to arrive",
        ),
        failure(
            StatusCode::PAYLOAD_TOO_LARGE,
            code::BODY_TOO_LARGE,
            "the body is too large",
        ),
    ];

    /// A call that verifies a token, and the token is not good.
    pub(crate) const NOT_VERIFIED: &[Failure] = &[failure(
        StatusCode::UNAUTHORIZED,
        code::INVALID_API_TOKEN,
        "the token is not good here",
    )];

    /// A call about a public host name.
    pub(crate) const HOST: &[Failure] = &[failure(
        StatusCode::NOT_FOUND,
        code::NOT_FOUND,
        "the account has no zone for this host name",
    )];

    /// A call about a tunnel.
    pub(crate) const TUNNEL: &[Failure] = &[failure(
        StatusCode::NOT_FOUND,
        code::TUNNEL_NOT_FOUND,
        "no such tunnel, or no such connector",
    )];

    /// A call that names a tunnel.
    pub(crate) const TUNNEL_NAME: &[Failure] = &[failure(
        StatusCode::CONFLICT,
        code::TUNNEL_NAME_TAKEN,
        "a tunnel has this name",
    )];

    /// A call that needs a tunnel at rest.
    pub(crate) const STILL_CONNECTED: &[Failure] = &[failure(
        StatusCode::BAD_REQUEST,
        code::TUNNEL_STILL_CONNECTED,
        "the tunnel has connections",
    )];

    /// A call about a tunnel's configuration.
    pub(crate) const CONFIGURATION: &[Failure] = &[
        TUNNEL[0],
        failure(
            StatusCode::NOT_FOUND,
            code::NO_CONFIGURATION,
            "the tunnel is deleted",
        ),
    ];

    /// A call that sets a tunnel's configuration.
    pub(crate) const CONFIGURATION_VALUE: &[Failure] = &[failure(
        StatusCode::BAD_REQUEST,
        code::BAD_CONFIGURATION,
        "no connector could run the configuration; the message says why",
    )];

    /// A call that makes a replica active.
    pub(crate) const FAILOVER: &[Failure] = &[
        failure(
            StatusCode::CONFLICT,
            code::SITE_NOT_HA,
            "the site is not highly available",
        ),
        failure(
            StatusCode::CONFLICT,
            code::REPLICA_NOT_ELECTABLE,
            "the replica is offline or cannot take over now",
        ),
        failure(
            StatusCode::CONFLICT,
            code::FAILOVER_RUNNING,
            "another failover of the site is not finished",
        ),
        failure(
            StatusCode::GATEWAY_TIMEOUT,
            code::FAILOVER_NOT_ACKNOWLEDGED,
            "the replica did not acknowledge; the one that was active was restored",
        ),
    ];

    /// A call that waits for an edge.
    pub(crate) const EDGE: &[Failure] = &[failure(
        StatusCode::SERVICE_UNAVAILABLE,
        code::EDGE_BUSY,
        "the edge is busy or gone; Retry-After says when to ask again",
    )];

    /// A call about an account, and it is gone.
    pub(crate) const ACCOUNT: &[Failure] =
        &[failure(StatusCode::NOT_FOUND, code::NOT_FOUND, "no such account")];

    /// A call that removes an account.
    pub(crate) const ACCOUNT_IN_USE: &[Failure] = &[failure(
        StatusCode::CONFLICT,
        code::CONFLICT,
        "the account has live tunnels or zones, or is the first one",
    )];

    /// A call about an API token.
    pub(crate) const TOKEN: &[Failure] = &[failure(
        StatusCode::NOT_FOUND,
        code::NOT_FOUND,
        "no such API token",
    )];

    /// A call that changes an API token.
    pub(crate) const TOKEN_KEPT: &[Failure] = &[failure(
        StatusCode::CONFLICT,
        code::CONFLICT,
        "the token is the operator's, or was changed by somebody else in the meantime",
    )];

    /// A call about a zone.
    pub(crate) const ZONE: &[Failure] = &[failure(
        StatusCode::NOT_FOUND,
        code::NOT_FOUND,
        "no such zone or account",
    )];

    /// A call that makes a zone.
    pub(crate) const ZONE_TAKEN: &[Failure] = &[failure(
        StatusCode::CONFLICT,
        code::ZONE_EXISTS,
        "the domain is a zone, or overlaps one of another account",
    )];

    /// A call about a DNS record.
    pub(crate) const RECORD: &[Failure] = &[failure(
        StatusCode::NOT_FOUND,
        code::RECORD_NOT_FOUND,
        "no such record",
    )];

    /// A call that writes a DNS record.
    pub(crate) const RECORD_VALUE: &[Failure] = &[
        failure(
            StatusCode::BAD_REQUEST,
            code::DNS_VALIDATION,
            "the record breaks a rule",
        ),
        failure(
            StatusCode::BAD_REQUEST,
            code::HOST_TAKEN,
            "the host name has a record",
        ),
    ];

    /// A call that leads a host name to a tunnel.
    pub(crate) const ROUTE: &[Failure] = &[
        failure(
            StatusCode::BAD_REQUEST,
            code::DNS_VALIDATION,
            "the host name breaks a rule",
        ),
        failure(
            StatusCode::BAD_REQUEST,
            code::HOST_TAKEN,
            "the host name has a record",
        ),
        failure(
            StatusCode::BAD_REQUEST,
            code::ROUTE_TAKEN,
            "the host name leads elsewhere; overwrite_existing takes it over",
        ),
    ];

    /// A call about a load balancer.
    pub(crate) const LOAD_BALANCER: &[Failure] = &[failure(
        StatusCode::NOT_FOUND,
        code::NOT_FOUND,
        "no such load balancer",
    )];

    /// A call about a pool.
    pub(crate) const POOL: &[Failure] = &[failure(StatusCode::NOT_FOUND, code::NOT_FOUND, "no such pool")];

    /// A call that removes a pool.
    pub(crate) const POOL_IN_USE: &[Failure] = &[failure(
        StatusCode::CONFLICT,
        code::CONFLICT,
        "load balancers lead to the pool",
    )];
}
