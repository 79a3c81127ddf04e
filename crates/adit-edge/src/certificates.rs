//! Certificates: from Adit's own authority, and those that the operator brings.
//!
//! Connectors are told to trust this authority alone; public clients get what a `CertificateSource` has for the name
//! they ask for, else a leaf of the authority. The authority's keys live in files that the binary keeps; here they are
//! text.

mod authority;
mod folder;
mod pairs;
mod public;
mod resolver;

pub use authority::{Authority, CertificateError, LeafKey};
pub(crate) use folder::CertificateFolder;
pub use folder::FolderError;
pub(crate) use public::{CertificateSource, PublicResolver};
pub(crate) use resolver::{ConnectorNames, IssuingResolver, PublicNames};
