//! Which certificate a public client gets.

use std::sync::Arc;

use adit_model::Hostname;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::{IssuingResolver, PublicNames};

/// Where certificates that clients trust by themselves come from. Asked in each handshake, so it does not wait.
pub(crate) trait CertificateSource: std::fmt::Debug + Send + Sync {
    /// The certificate for a host name, if there is one.
    fn find(&self, host: &Hostname) -> Option<Arc<CertifiedKey>>;
}

/// Asks the sources, one after the other; a name that none of them has gets a leaf of Adit's own authority.
#[derive(Debug)]
pub(crate) struct PublicResolver {
    pub(crate) sources: Vec<Arc<dyn CertificateSource>>,
    pub(crate) own: Arc<IssuingResolver<PublicNames>>,
}

impl ResolvesServerCert for PublicResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host: Option<Hostname> = hello.server_name().and_then(|name| name.parse().ok());
        let brought = host.and_then(|host| self.sources.iter().find_map(|source| source.find(&host)));
        brought.or_else(|| self.own.resolve(hello))
    }
}
