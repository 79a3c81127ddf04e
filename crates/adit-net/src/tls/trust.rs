//! Whom a client trusts.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;

use super::TlsConfigError;

/// The certificates a client accepts as anchors.
#[derive(Clone, Debug)]
pub enum TrustAnchors {
    /// What the operating system trusts.
    System,
    /// These certificates and no others, as `--cacert` wants it.
    Only(Vec<CertificateDer<'static>>),
}

impl TrustAnchors {
    /// Trusts exactly the certificates of a PEM text.
    ///
    /// # Errors
    /// If the text is malformed or holds no certificate.
    pub fn from_pem(text: &[u8]) -> Result<Self, TlsConfigError> {
        let anchors = CertificateDer::pem_slice_iter(text)
            .collect::<Result<Vec<_>, _>>()
            .map_err(TlsConfigError::Pem)?;
        if anchors.is_empty() {
            return Err(TlsConfigError::NoCertificate);
        }
        Ok(Self::Only(anchors))
    }

    pub(super) fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<ServerVerifier, TlsConfigError> {
        match self {
            Self::System => {
                let verifier = Verifier::new(provider).map_err(TlsConfigError::Rustls)?;
                Ok(ServerVerifier::Platform(Arc::new(verifier)))
            }
            Self::Only(anchors) => {
                let mut roots = RootCertStore::empty();
                for anchor in anchors {
                    roots.add(anchor.clone()).map_err(TlsConfigError::Rustls)?;
                }
                Ok(ServerVerifier::Roots(roots))
            }
        }
    }
}

/// How a configuration will verify its servers.
pub(super) enum ServerVerifier {
    Platform(Arc<Verifier>),
    Roots(RootCertStore),
}

impl ServerVerifier {
    pub(super) fn apply(self, builder: ConfigBuilder<ClientConfig, WantsVerifier>) -> ClientConfig {
        match self {
            Self::Platform(verifier) => builder
                .dangerous()
                .with_custom_certificate_verifier(verifier)
                .with_no_client_auth(),
            Self::Roots(roots) => builder.with_root_certificates(roots).with_no_client_auth(),
        }
    }
}
