//! What a connector says that it can do, and by which version of datagrams it speaks: as it was asked for, and as the
//! vendor's DNS says where that may have a say.
//! Source: cloudflare/cloudflared: features/selector.go.

mod record;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use adit_net::tls::KeyExchange;
use adit_wire::datagram::V3_FEATURE;
use adit_wire::features;

use crate::ConnectorConfig;

/// What every connection can do, in the edge's words.
const ALWAYS: [&str; 5] = [
    "allow_remote_config",
    "serialized_headers",
    V2_FEATURE,
    "support_quic_eof",
    features::TRAILERS,
];
const V2_FEATURE: &str = "support_datagram_v2";
/// The management service is there.
const MANAGEMENT: &str = "management_logs";
/// No key exchange but post-quantum ones is offered.
const POST_QUANTUM: &str = "postquantum";
/// Names of a time when datagrams were still changing.
const OBSOLETE: [&str; 2] = ["support_datagram_v3", "support_datagram_v3_1"];
/// How often DNS is asked.
const LOOK_INTERVAL: Duration = Duration::from_secs(3600);

/// What is announced.
pub(crate) struct Features {
    /// Without the version of datagrams that DNS chooses.
    own: Vec<String>,
    /// Whether a version of datagrams was asked for: then DNS has no say.
    is_version_asked: bool,
    may_ask_dns: bool,
    /// The account's place among all, of 100: those below the percentage take part.
    place: u32,
    percentage: AtomicU32,
}

impl Features {
    pub(crate) fn new(config: &ConnectorConfig) -> Self {
        let is_obsolete = |feature: &String| OBSOLETE.contains(&feature.as_str());
        let mut own = ALWAYS.map(str::to_owned).to_vec();
        if config.management.is_some() {
            own.push(MANAGEMENT.to_owned());
        }
        if config.key_exchange == KeyExchange::PostQuantumOnly {
            own.push(POST_QUANTUM.to_owned());
        }
        for feature in &config.features {
            if !own.contains(feature) && !is_obsolete(feature) {
                own.push(feature.clone());
            }
        }
        let is_version = |feature: &String| feature == V2_FEATURE || feature == V3_FEATURE;
        Self {
            own,
            is_version_asked: config.features.iter().any(is_version),
            may_ask_dns: config.remote_features,
            place: place(&config.token.tunnel.account.to_string()),
            percentage: AtomicU32::new(0),
        }
    }

    /// What a connection that is dialled now announces.
    pub(crate) fn announced(&self) -> Vec<String> {
        let mut features = self.own.clone();
        let takes_part = self.percentage.load(Ordering::Relaxed) > self.place;
        if takes_part && !self.is_version_asked {
            features.push(V3_FEATURE.to_owned());
        }
        features
    }

    /// Asks DNS now and then, if it may, until it is dropped. Nothing waits for it.
    pub(crate) async fn keep_up(&self) {
        if !self.may_ask_dns {
            return;
        }
        loop {
            match record::look_up().await {
                Ok(record) => self.percentage.store(record.datagrams_v3, Ordering::Relaxed),
                // What it said before goes on to count.
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::debug!(error, "Failed to fetch features");
                }
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

/// The account's place, from 0 to 99: FNV-1a of 32 bits, of its tag.
fn place(account: &str) -> u32 {
    let hash = account.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash % 100
}

#[cfg(test)]
mod tests {
    use adit_core::ingress::Ingress;
    use adit_model::{AccountId, TunnelId, TunnelKey, TunnelSecret};
    use adit_net::tls::TrustAnchors;
    use adit_wire::TunnelToken;
    use adit_wire::datagram::Version;

    use super::*;

    fn config(asked: &[&str]) -> ConnectorConfig {
        let token = TunnelToken {
            tunnel: TunnelKey {
                account: AccountId::random(),
                tunnel: TunnelId::random(),
            },
            secret: TunnelSecret::new(vec![7; 32]).unwrap(),
        };
        let mut config =
            ConnectorConfig::new(token, Vec::new(), TrustAnchors::System, Ingress::unconfigured());
        config.features = asked.iter().map(|feature| (*feature).to_owned()).collect();
        config
    }

    fn version(asked: &[&str], percentage: impl Fn(u32) -> u32) -> Version {
        let features = Features::new(&config(asked));
        features
            .percentage
            .store(percentage(features.place), Ordering::Relaxed);
        Version::of_features(&features.announced())
    }

    #[test]
    fn what_is_asked_for_is_announced_once_and_nothing_obsolete() {
        let asked = ["support_datagram_v3", "odd", "odd", "support_datagram_v2"];
        let features = Features::new(&config(&asked)).announced();
        assert_eq!(features.len(), ALWAYS.len() + 1);
        assert_eq!(features.last().unwrap(), "odd");
    }

    #[test]
    fn what_is_not_there_is_not_announced() {
        let has = |config: &ConnectorConfig, feature: &str| {
            Features::new(config)
                .announced()
                .iter()
                .any(|other| other == feature)
        };
        let mut config = config(&[]);
        assert!(!has(&config, MANAGEMENT) && !has(&config, POST_QUANTUM));
        config.key_exchange = KeyExchange::PostQuantumOnly;
        assert!(!has(&config, MANAGEMENT) && has(&config, POST_QUANTUM));
    }

    #[test]
    fn an_account_takes_part_whose_place_is_below_the_percentage() {
        assert_eq!(place("123456"), 74);
        assert_eq!(version(&[], |_| 0), Version::V2);
        assert_eq!(version(&[], |place| place), Version::V2);
        assert_eq!(version(&[], |place| place + 1), Version::V3);
    }

    #[test]
    fn a_version_that_is_asked_for_counts_before_the_percentage() {
        assert_eq!(version(&["support_datagram_v2"], |_| 100), Version::V2);
        assert_eq!(version(&["odd"], |_| 100), Version::V3);
        assert_eq!(version(&[V3_FEATURE], |_| 0), Version::V3);
        assert_eq!(version(&["support_datagram_v2", V3_FEATURE], |_| 0), Version::V3);
    }
}
