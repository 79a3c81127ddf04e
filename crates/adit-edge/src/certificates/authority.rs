//! The authority and the leaves it issues.

use std::time::Duration;

use adit_net::tls::Identity;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use time::OffsetDateTime;

/// How long an authority is valid.
const AUTHORITY_VALIDITY: Duration = Duration::from_secs(20 * 365 * 86_400);
/// How long a leaf is valid.
pub(super) const LEAF_VALIDITY: Duration = Duration::from_secs(90 * 86_400);
/// Clocks of clients may be behind by that much.
const BACKDATED: Duration = Duration::from_secs(86_400);

/// Why a certificate could not be made or read. Never holds key material.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The certificate could not be made, or the authority's files do not fit each other.
    #[error("cannot make or read a certificate: {0}")]
    Rcgen(String),
    /// A PEM text holds no certificate.
    #[error("the authority's certificate is not PEM")]
    NotPem,
    /// The key does not fit the certificate.
    #[error("certificate and key do not fit each other")]
    Mismatch,
}

impl From<rcgen::Error> for CertificateError {
    fn from(error: rcgen::Error) -> Self {
        Self::Rcgen(error.to_string())
    }
}

/// Adit's certificate authority: P-256, self-signed.
pub struct Authority {
    certificate: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new authority and its private key as PEM, to be kept.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn create() -> Result<(Self, String), CertificateError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name("Adit private CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let now = OffsetDateTime::now_utc();
        params.not_before = now - BACKDATED;
        params.not_after = now + AUTHORITY_VALIDITY;
        let pem = params.self_signed(&key)?.pem();
        let key_pem = key.serialize_pem();
        Ok((Self::from_pem(&pem, &key_pem)?, key_pem))
    }

    /// Reads a kept authority.
    ///
    /// # Errors
    /// If a text is no PEM, or the two do not belong together.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, CertificateError> {
        let key = KeyPair::from_pem(key)?;
        let der =
            CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|_| CertificateError::NotPem)?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).map_err(|_| CertificateError::NotPem)?;
        if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err(CertificateError::Mismatch);
        }
        let issuer = Issuer::from_ca_cert_pem(certificate, key)?;
        Ok(Self {
            certificate: der,
            pem: certificate.to_owned(),
            issuer,
        })
    }

    /// The certificate as PEM, for `--cacert` and trust stores.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for one host name, valid for 90 days.
    pub(super) fn issue(&self, host: &str, key: &LeafKey) -> Result<Identity, CertificateError> {
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.distinguished_name = name("Adit edge");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let now = OffsetDateTime::now_utc();
        params.not_before = now - BACKDATED;
        params.not_after = now + LEAF_VALIDITY;
        let leaf = params.signed_by(&key.0, &self.issuer)?;
        let key = PrivateKeyDer::Pkcs8(key.0.serialize_der().into());
        Identity::from_der(vec![leaf.der().clone(), self.certificate.clone()], key)
            .map_err(|error| CertificateError::Rcgen(error.to_string()))
    }
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// The private key of every leaf: P-256.
pub struct LeafKey(KeyPair);

impl LeafKey {
    /// A new key and its PEM, to be kept.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn create() -> Result<(Self, String), CertificateError> {
        let key = KeyPair::generate()?;
        let pem = key.serialize_pem();
        Ok((Self(key), pem))
    }

    /// Reads a kept key.
    ///
    /// # Errors
    /// If the text is no private key.
    pub fn from_pem(pem: &str) -> Result<Self, CertificateError> {
        Ok(Self(KeyPair::from_pem(pem)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_authority_issues_what_it_issued_before() {
        let (authority, key) = Authority::create().unwrap();
        let (leaf, leaf_pem) = LeafKey::create().unwrap();
        authority.issue("shop.example", &leaf).unwrap();
        let again = Authority::from_pem(authority.pem(), &key).unwrap();
        again
            .issue("shop.example", &LeafKey::from_pem(&leaf_pem).unwrap())
            .unwrap();
    }

    #[test]
    fn a_foreign_key_is_refused() {
        let (authority, _) = Authority::create().unwrap();
        let (_, other_key) = Authority::create().unwrap();
        assert!(matches!(
            Authority::from_pem(authority.pem(), &other_key),
            Err(CertificateError::Mismatch)
        ));
    }
}
