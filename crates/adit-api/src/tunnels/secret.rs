//! The secret that a client gives a tunnel.

use adit_model::TunnelSecret;
use base64::{Engine, prelude::BASE64_STANDARD};

/// Not a secret.
#[derive(Debug, thiserror::Error)]
#[error("tunnel_secret must be standard base64, with padding, of 32 to 4096 bytes")]
pub(crate) struct BadSecret;

/// Reads a secret from a body.
pub(crate) fn parse_secret(text: &str) -> Result<TunnelSecret, BadSecret> {
    let bytes = BASE64_STANDARD.decode(text).map_err(|_| BadSecret)?;
    TunnelSecret::new(bytes).map_err(|_| BadSecret)
}
