//! A server's certificate chain and key, and a slot that swaps them while the server runs.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{TlsConfigError, crypto_provider};

/// A certificate chain (leaf first) with the private key of its leaf. Cheap to clone; prints no key.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// Reads a chain and a private key (PKCS#8, PKCS#1 or SEC1) from PEM texts.
    ///
    /// # Errors
    /// If a text is malformed, the chain is empty, or the key does not belong to the leaf.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(TlsConfigError::Pem)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsConfigError::Pem)?;
        Self::from_der(chain, key)
    }

    /// Takes a chain and a private key in DER.
    ///
    /// # Errors
    /// If the chain is empty or the key does not belong to the leaf.
    pub fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, TlsConfigError> {
        if chain.is_empty() {
            return Err(TlsConfigError::NoCertificate);
        }
        CertifiedKey::from_der(chain, key, &crypto_provider())
            .map(|certified| Self(Arc::new(certified)))
            .map_err(TlsConfigError::Rustls)
    }

    /// What rustls resolvers hand out.
    #[must_use]
    pub fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificates", &self.0.cert.len())
            .finish_non_exhaustive()
    }
}

/// Serves one identity to every client, whatever name it asks for; [`CertificateSlot::replace`] swaps it for the
/// handshakes that follow.
#[derive(Debug)]
pub struct CertificateSlot(ArcSwap<CertifiedKey>);

impl CertificateSlot {
    /// A slot that serves `identity` until it is replaced.
    #[must_use]
    pub fn new(identity: &Identity) -> Arc<Self> {
        Arc::new(Self(ArcSwap::new(identity.certified_key())))
    }

    /// Serves `identity` from now on. Open connections keep what they have.
    pub fn replace(&self, identity: &Identity) {
        self.0.store(identity.certified_key());
    }
}

impl ResolvesServerCert for CertificateSlot {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}
