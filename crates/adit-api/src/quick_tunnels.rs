//! Quick tunnels: `POST /tunnel`, which anyone may call, outside of the v4 API.
//!
//! Source: cloudflare/cloudflared: cmd/cloudflared/tunnel/quick_tunnel.go.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

use adit_core::{
    port::{Actor, NewQuickTunnel, QuickTunnelError, StoreError},
    quick_tunnel::{MOST_LIVE, RateLimit, random_label},
};
use adit_model::{AccountId, Hostname, TunnelId};
use axum::{
    Extension,
    extract::State,
    routing::{MethodRouter, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use parking_lot::Mutex;
use serde::Serialize;

use crate::{
    envelope::Success,
    extract::RequestError,
    observe::RequestContext,
    state::ApiState,
    tunnels::{NoRandomness, random_secret},
};

/// Random names that are tried before a client is told to come again.
const ATTEMPTS: usize = 4;

/// What gives out quick tunnels: the domain of their host names, and who has asked how often.
#[derive(Debug)]
pub struct QuickTunnelService {
    domain: Hostname,
    limit: Mutex<RateLimit>,
}

impl QuickTunnelService {
    /// Host names are three words below `domain`. A client may ask five times a minute.
    #[must_use]
    pub fn new(domain: Hostname) -> Self {
        Self {
            domain,
            limit: Mutex::default(),
        }
    }
}

/// Why no quick tunnel was given out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QuickError {
    #[error("quick tunnels are turned off on this server (quick_tunnels.enabled)")]
    Off,
    #[error("too many quick tunnels from this address; try again in {} s", .retry_after.as_secs())]
    TooOften { retry_after: Duration },
    #[error("as many quick tunnels are in use as this server gives out; try again later")]
    TooMany,
    #[error("no free name was found; try again")]
    NoName,
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The call, without a credential and whatever its body.
pub(crate) fn route() -> MethodRouter<ApiState> {
    post(create).fallback(async || RequestError::MethodNotAllowed)
}

/// Everything that a connector needs to serve it.
#[derive(Serialize)]
struct QuickTunnelView {
    id: TunnelId,
    name: String,
    hostname: String,
    account_tag: AccountId,
    /// Base64 of the tunnel secret.
    secret: String,
}

async fn create(
    State(state): State<ApiState>,
    Extension(context): Extension<RequestContext>,
) -> Result<Success<QuickTunnelView>, QuickError> {
    let service = state.quick_tunnels.as_ref().ok_or(QuickError::Off)?;
    let address = context.address().unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    service
        .limit
        .lock()
        .admit(address, Instant::now())
        .map_err(|retry_after| QuickError::TooOften { retry_after })?;
    let actor = Actor {
        name: "quick".to_owned(),
        email: None,
        address: context.address(),
        request_id: context.id().to_owned(),
    };
    for _ in 0..ATTEMPTS {
        if let Some(made) = attempt(&state, service, &actor).await? {
            return Ok(Success::of(made));
        }
    }
    Err(QuickError::NoName)
}

/// Tries one name; `None` if it is taken.
async fn attempt(
    state: &ApiState,
    service: &QuickTunnelService,
    actor: &Actor,
) -> Result<Option<QuickTunnelView>, QuickError> {
    let label = random_label(&mut rand::rng());
    // A base domain so long that three words do not fit below it has no free name.
    let Ok(host) = format!("{label}.{}", service.domain).parse::<Hostname>() else {
        return Err(QuickError::NoName);
    };
    let secret = random_secret()?;
    let text = BASE64_STANDARD.encode(secret.expose());
    let new = NewQuickTunnel {
        host: host.clone(),
        secret,
    };
    match state.catalog.create_quick_tunnel(new, MOST_LIVE, actor).await {
        Ok((tunnel, _)) => Ok(Some(QuickTunnelView {
            id: tunnel.tunnel,
            name: format!("qt-{label}"),
            hostname: host.to_string(),
            account_tag: tunnel.account,
            secret: text,
        })),
        Err(QuickTunnelError::HostTaken) => Ok(None),
        Err(QuickTunnelError::TooMany) => Err(QuickError::TooMany),
        Err(QuickTunnelError::Store(error)) => Err(error.into()),
    }
}
