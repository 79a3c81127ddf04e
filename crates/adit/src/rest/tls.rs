//! Which servers the client believes: the system's roots (or those that `SSL_CERT_FILE` names) and one more file.

use std::{path::Path, sync::Arc};

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use rustls_platform_verifier::Verifier;

use super::RestError;

/// What a client that speaks TLS needs; `ca` adds roots.
pub(crate) fn client_config(ca: Option<&Path>) -> Result<ClientConfig, RestError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let failed = |error: rustls::Error| RestError::Roots {
        path: None,
        problem: error.to_string(),
    };
    let extra = ca.map(certificates).transpose()?.unwrap_or_default();
    let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(failed)?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        // The platform's own verifier with more roots: nothing is skipped.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

pub(crate) fn connector(ca: Option<&Path>) -> Result<HttpsConnector<HttpConnector>, RestError> {
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(client_config(ca)?)
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .build())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, RestError> {
    let failed = |problem: String| RestError::Roots {
        path: Some(path.to_owned()),
        problem,
    };
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| failed(error.to_string()))?;
    if certificates.is_empty() {
        Err(failed("there are none".to_owned()))
    } else {
        Ok(certificates)
    }
}
