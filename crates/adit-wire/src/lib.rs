//! The bytes between connector and edge: preambles, heads, serialised headers, tokens.

pub mod token;

pub use token::{CredentialsFile, OriginCertificate, TokenError, TunnelToken};
