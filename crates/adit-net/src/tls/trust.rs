//! Whom a client trusts.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme, WantsVerifier,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use rustls_platform_verifier::Verifier;

use super::TlsConfigError;

/// The certificates a client accepts as anchors.
#[derive(Clone, Debug)]
pub enum TrustAnchors {
    /// What the operating system trusts.
    System,
    /// These certificates and no others, as `--cacert` wants it.
    Only(Vec<CertificateDer<'static>>),
    /// What the operating system trusts, and these.
    SystemAnd(Vec<CertificateDer<'static>>),
    /// Any certificate at all: for origins whose operator says so, never for an edge.
    Unchecked,
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
                Ok(ServerVerifier::Custom(Arc::new(verifier)))
            }
            Self::SystemAnd(anchors) => {
                let verifier = Verifier::new_with_extra_roots(anchors.iter().cloned(), provider);
                let verifier = verifier.map_err(TlsConfigError::Rustls)?;
                Ok(ServerVerifier::Custom(Arc::new(verifier)))
            }
            Self::Unchecked => Ok(ServerVerifier::Custom(Arc::new(Anyone(provider)))),
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
    Custom(Arc<dyn ServerCertVerifier>),
    Roots(RootCertStore),
}

impl ServerVerifier {
    pub(super) fn apply(self, builder: ConfigBuilder<ClientConfig, WantsVerifier>) -> ClientConfig {
        match self {
            Self::Custom(verifier) => builder
                .dangerous()
                .with_custom_certificate_verifier(verifier)
                .with_no_client_auth(),
            Self::Roots(roots) => builder.with_root_certificates(roots).with_no_client_auth(),
        }
    }
}

/// Accepts any certificate, but still wants the peer to hold its key.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, leaf, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, leaf, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
