//! Management tokens: what lets a person read the logs of one tunnel's connectors through the edge.
//!
//! A JSON web token under ES256. [`ManagementKeys`] signs [`ManagementClaims`] for the API; [`ManagementVerifier`] is
//! what the edge asks before it lets anyone near a connector, for connectors read the claims but no signature.
//! Neither reads a clock: whoever calls says what time it is.
//!
//! Source: cloudflare/cloudflared: management/token.go.

mod claims;
mod keys;
mod presented;
mod verify;

pub use claims::{LIFETIME, ManagementActor, ManagementClaims, ManagementResource, UnknownResource};
pub use keys::{KeyFileError, ManagementKey, ManagementKeys, RetiredManagementKey};
pub use presented::PresentedClaims;
pub use verify::{ManagementTokenError, ManagementVerifier};
