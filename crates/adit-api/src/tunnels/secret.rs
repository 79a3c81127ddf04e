//! The secret of a tunnel: one that a client gives, or a random one.

use adit_model::TunnelSecret;
use base64::{Engine, prelude::BASE64_STANDARD};
use rand::{TryRng, rngs::SysRng};

/// Not a secret.
#[derive(Debug, thiserror::Error)]
#[error("tunnel_secret must be standard base64, with padding, of 32 to 4096 bytes")]
pub(crate) struct BadSecret;

/// Reads a secret from a body.
pub(crate) fn parse_secret(text: &str) -> Result<TunnelSecret, BadSecret> {
    let bytes = BASE64_STANDARD.decode(text).map_err(|_| BadSecret)?;
    TunnelSecret::new(bytes).map_err(|_| BadSecret)
}

/// Why there is no new secret.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub(crate) struct NoRandomness(#[source] Box<dyn std::error::Error + Send + Sync>);

/// A new secret, of 32 bytes.
pub(crate) fn random_secret() -> Result<TunnelSecret, NoRandomness> {
    let mut bytes = vec![0; 32];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| NoRandomness(error.into()))?;
    TunnelSecret::new(bytes).map_err(|error| NoRandomness(error.into()))
}
