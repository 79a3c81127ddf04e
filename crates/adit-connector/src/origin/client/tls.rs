//! How origins are reached: what TLS believes, and which proxies stand between.

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_core::ingress::{self, OriginRequest};
use adit_net::proxy::EnvironmentProxies;
use adit_net::tls::{self, TrustAnchors};
use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::TlsConnector;

use crate::ConnectorError;
use crate::origin::connector::{Proxied, Tls};
use crate::origin::dial::Limit;

/// The ways to the origins of one set of rules. Those that trust alike share a TLS configuration, since each reads the
/// system's anchors.
pub(crate) struct Ways<'a> {
    configs: BTreeMap<Key, Arc<ClientConfig>>,
    proxies: &'a EnvironmentProxies,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    no_verify: bool,
    ca_pool: String,
    http2: bool,
}

impl<'a> Ways<'a> {
    pub(crate) const fn new(proxies: &'a EnvironmentProxies) -> Self {
        Self {
            configs: BTreeMap::new(),
            proxies,
        }
    }

    /// The proxy before an origin, if the environment names one.
    pub(super) fn proxy(&self, origin: &ingress::HttpOrigin) -> Result<Option<Proxied>, ConnectorError> {
        let found = self.proxies.find(origin.tls, &origin.at.host, origin.at.port);
        let found = found.map_err(|error| ConnectorError::Origin(error.to_string()))?;
        Ok(found.map(|proxy| Proxied {
            proxy: proxy.clone(),
            asks: proxy.takes_requests() && !origin.tls && !origin.h2c,
        }))
    }

    /// TLS as the settings say; `name` is asked for and verified, or else the request's host.
    pub(super) fn tls(
        &mut self,
        settings: &OriginRequest,
        name: Option<String>,
        http2: bool,
    ) -> Result<Tls, ConnectorError> {
        let key = Key {
            no_verify: settings.no_tls_verify,
            ca_pool: settings.ca_pool.clone(),
            http2,
        };
        let config = match self.configs.get(&key) {
            Some(config) => Arc::clone(config),
            None => {
                let config = Arc::new(config(&key)?);
                self.configs.insert(key, Arc::clone(&config));
                config
            }
        };
        Ok(Tls {
            connector: TlsConnector::from(config),
            limit: Limit::new(settings.tls_timeout),
            name,
        })
    }
}

fn config(key: &Key) -> Result<ClientConfig, ConnectorError> {
    let anchors = if key.no_verify {
        TrustAnchors::Unchecked
    } else if key.ca_pool.is_empty() {
        TrustAnchors::System
    } else {
        let read = CertificateDer::pem_file_iter(&key.ca_pool).and_then(Iterator::collect);
        let extra = read.map_err(|error| {
            ConnectorError::Origin(format!("cannot read certificates from {}: {error}", key.ca_pool))
        })?;
        TrustAnchors::SystemAnd(extra)
    };
    let mut config = tls::outgoing_config(&anchors).map_err(ConnectorError::Tls)?;
    if key.http2 {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    Ok(config)
}
