//! Issues a leaf when a client first asks for a name, and keeps it until it ages.

use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_core::routes::Destination;
use adit_model::Hostname;
use adit_net::tls::{H2_SERVER_NAME, PROBE_SERVER_NAME, QUIC_SERVER_NAME};
use parking_lot::Mutex;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tracing::error;

use super::{Authority, LeafKey, authority::LEAF_VALIDITY};
use crate::tunnels::Tunnels;

/// The most leaves kept; beyond that all are issued anew, which takes a tenth of a millisecond each.
const MAX_KEPT: usize = 4096;
/// A kept leaf is issued anew after half its life.
const MAX_AGE: Duration = Duration::from_secs(LEAF_VALIDITY.as_secs() / 2);

/// Which names a listener has certificates for.
pub(crate) trait Names: Send + Sync + 'static {
    /// The name to issue for, given what the client asked for.
    fn name_for(&self, asked: Option<&str>) -> String;
}

/// What connectors verify.
pub(crate) struct ConnectorNames;

impl Names for ConnectorNames {
    fn name_for(&self, asked: Option<&str>) -> String {
        let known = [QUIC_SERVER_NAME, H2_SERVER_NAME, PROBE_SERVER_NAME];
        let name = asked.and_then(|asked| known.into_iter().find(|name| name.eq_ignore_ascii_case(asked)));
        name.unwrap_or(QUIC_SERVER_NAME).to_owned()
    }
}

/// What the public may ask for: routed names, and those at and below the base domain. Whoever asks for another gets
/// the base domain's, and a warning from their own software.
pub(crate) struct PublicNames {
    pub(crate) domain: Hostname,
    pub(crate) tunnels: Arc<Tunnels>,
}

impl Names for PublicNames {
    fn name_for(&self, asked: Option<&str>) -> String {
        let asked = asked.and_then(|asked| asked.parse::<Hostname>().ok());
        let served = |host: &Hostname| {
            let routed = !matches!(self.tunnels.load().routes.lookup(host), Destination::Unknown);
            routed
                || host
                    .as_str()
                    .split_once('.')
                    .is_some_and(|(_, above)| above == self.domain.as_str())
        };
        asked.filter(served).as_ref().unwrap_or(&self.domain).to_string()
    }
}

/// Serves leaves for the names of a listener.
pub(crate) struct IssuingResolver<N> {
    pub(crate) authority: Arc<Authority>,
    pub(crate) key: Arc<LeafKey>,
    pub(crate) names: N,
    pub(crate) kept: Mutex<HashMap<String, (Arc<CertifiedKey>, Instant)>>,
}

impl<N: Names> IssuingResolver<N> {
    pub(crate) fn new(authority: &Arc<Authority>, key: &Arc<LeafKey>, names: N) -> Arc<Self> {
        let (authority, key) = (Arc::clone(authority), Arc::clone(key));
        Arc::new(Self {
            authority,
            key,
            names,
            kept: Mutex::default(),
        })
    }

    fn certificate(&self, asked: Option<&str>, now: Instant) -> Option<Arc<CertifiedKey>> {
        let name = self.names.name_for(asked);
        if let Some((certificate, issued)) = self.kept.lock().get(&name)
            && now.saturating_duration_since(*issued) < MAX_AGE
        {
            return Some(Arc::clone(certificate));
        }
        let certificate = match self.authority.issue(&name, &self.key) {
            Ok(identity) => identity.certified_key(),
            Err(error) => {
                error!(name, %error, "cannot issue a certificate");
                return None;
            }
        };
        let mut kept = self.kept.lock();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(name, (Arc::clone(&certificate), now));
        Some(certificate)
    }
}

impl<N: Names> ResolvesServerCert for IssuingResolver<N> {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certificate(hello.server_name(), Instant::now())
    }
}

impl<N> fmt::Debug for IssuingResolver<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuingResolver")
            .field("kept", &self.kept.lock().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_kept_until_half_its_life() {
        let (authority, _) = Authority::create().unwrap();
        let (key, _) = LeafKey::create().unwrap();
        let resolver = IssuingResolver::new(&Arc::new(authority), &Arc::new(key), ConnectorNames);
        let start = Instant::now();
        let first = resolver.certificate(Some("h2.cftunnel.com"), start).unwrap();
        let second = resolver
            .certificate(Some("H2.cftunnel.com"), start + MAX_AGE / 2)
            .unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let third = resolver
            .certificate(Some("h2.cftunnel.com"), start + MAX_AGE)
            .unwrap();
        assert!(!Arc::ptr_eq(&first, &third));
    }
}
