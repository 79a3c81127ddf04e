//! Certificates from Adit's own authority.
//!
//! Connectors are told to trust this authority alone; public clients get leaf certificates from it until the operator
//! brings others. Keys live in files that the binary keeps; here they are text.

mod authority;
mod resolver;

pub use authority::{Authority, CertificateError, LeafKey};
pub(crate) use resolver::{ConnectorNames, IssuingResolver, PublicNames};
