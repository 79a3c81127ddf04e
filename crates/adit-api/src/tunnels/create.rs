//! Making a tunnel.

use adit_core::port::{CatalogError, NewTunnel};
use adit_model::{AccountId, ConfigSource, TunnelId, TunnelKind, TunnelName, TunnelNameError};
use adit_wire::{CredentialsFile, TunnelToken};
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    parse_secret, random_secret,
    secret::{BadSecret, NoRandomness},
    view::TunnelView,
};
use crate::{envelope::Success, extract::JsonBody, scope::AccountScope, state::ApiState};

/// Why no tunnel was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateTunnelError {
    #[error(transparent)]
    BadName(TunnelNameError),
    #[error(transparent)]
    BadSecret(#[from] BadSecret),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// What a client says of a new tunnel. Without `Debug`, because the secret is in it.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct TunnelRequest {
    name: String,
    config_src: Option<ConfigSource>,
    tunnel_secret: Option<String>,
}

/// A new tunnel: the only time that its credentials come with it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CreatedTunnel {
    #[serde(flatten)]
    tunnel: TunnelView,
    #[schemars(with = "CredentialsSchema")]
    credentials_file: CredentialsFile,
    token: String,
}

/// What [`CredentialsFile`] looks like.
#[derive(JsonSchema)]
#[schemars(rename = "CredentialsFile", rename_all = "PascalCase")]
#[expect(dead_code, reason = "describes the shape of another type")]
struct CredentialsSchema {
    account_tag: AccountId,
    /// Base64 of the secret.
    tunnel_secret: String,
    #[schemars(rename = "TunnelID")]
    tunnel_id: TunnelId,
    tunnel_name: String,
}

/// `POST …/cfd_tunnel`.
pub(crate) async fn create(
    State(state): State<ApiState>,
    scope: AccountScope,
    JsonBody(body): JsonBody<TunnelRequest>,
) -> Result<Success<CreatedTunnel>, CreateTunnelError> {
    let name = parse_name(&body.name)?;
    let secret = match &body.tunnel_secret {
        Some(text) => parse_secret(text)?,
        None => random_secret()?,
    };
    let new = NewTunnel {
        account: scope.account,
        kind: TunnelKind::CfdTunnel,
        name,
        config_source: body.config_src.unwrap_or_default(),
        secret: secret.clone(),
    };
    let (tunnel, _) = state.catalog.create_tunnel(new, &scope.caller.actor).await?;
    let token = TunnelToken {
        tunnel: tunnel.key,
        secret: secret.clone(),
    }
    .encode();
    let name = Some(tunnel.name.as_str().to_owned());
    let credentials_file = CredentialsFile {
        tunnel: tunnel.key,
        secret,
        name,
    };
    Ok(Success::of(CreatedTunnel {
        tunnel: TunnelView::of(&tunnel),
        credentials_file,
        token,
    }))
}

/// The name of a new tunnel.
pub(crate) fn parse_name(text: &str) -> Result<TunnelName, CreateTunnelError> {
    text.parse().map_err(CreateTunnelError::BadName)
}
