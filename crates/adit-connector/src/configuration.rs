//! Which rules a running connector serves: its own, which may change, until an edge sends others.

use std::sync::Arc;

use adit_core::ingress::{Ingress, IngressError};
use adit_core::warp_routing::WarpRouting;
use adit_model::ConfigVersion;
use adit_wire::calls::ConfigurationAnswer;
use parking_lot::Mutex;
use serde_json::Value;

use crate::ConnectorError;
use crate::metrics::Metrics;
use crate::serving::{NO_REMOTE, Proxy, Serving};

/// The most that a refusal says, bytes.
const MAX_WORDS: usize = 1024;

/// The rules of a running connector. Cheap to clone.
#[derive(Clone)]
pub struct Configurations {
    proxy: Arc<Proxy>,
    /// One change at a time.
    changing: Arc<Mutex<()>>,
}

/// What became of rules of this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// They are served.
    Served,
    /// They are not: the edge has sent others, which stay.
    EdgeRules(ConfigVersion),
}

impl Configurations {
    pub(crate) fn new(proxy: Arc<Proxy>) -> Self {
        Self {
            proxy,
            changing: Arc::default(),
        }
    }

    /// Serves other rules of this side, for streams that begin from now on.
    ///
    /// # Errors
    /// If an origin's settings make no sense; the rules before them stay.
    pub fn replace(&self, ingress: Ingress) -> Result<Replaced, ConnectorError> {
        let _one = self.changing.lock();
        let routing = self.proxy.serving().warp_routing.clone();
        self.replace_both(ingress, routing)
    }

    /// As [`Configurations::replace`], and reaches into private networks in another way from now on.
    ///
    /// # Errors
    /// As [`Configurations::replace`].
    pub fn replace_all(&self, ingress: Ingress, routing: WarpRouting) -> Result<Replaced, ConnectorError> {
        let _one = self.changing.lock();
        self.replace_both(ingress, routing)
    }

    fn replace_both(&self, ingress: Ingress, routing: WarpRouting) -> Result<Replaced, ConnectorError> {
        match self.proxy.serving().version {
            NO_REMOTE => {
                self.proxy.serve(NO_REMOTE, ingress, routing)?;
                Ok(Replaced::Served)
            }
            version => Ok(Replaced::EdgeRules(version)),
        }
    }

    /// The version of the edge's rules that are served; -1 for rules of this side.
    #[must_use]
    pub fn version(&self) -> ConfigVersion {
        self.proxy.serving().version
    }

    /// The `ingress` array of what is served.
    #[must_use]
    pub fn ingress_json(&self) -> Value {
        self.proxy.serving().ingress.to_json()
    }

    /// What is served.
    pub(crate) fn serving(&self) -> Arc<Serving> {
        self.proxy.serving()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.proxy.metrics
    }

    /// Takes rules that the edge offers, if they are newer than what is served and make sense.
    pub(crate) fn offer(&self, version: ConfigVersion, json: &[u8]) -> ConfigurationAnswer {
        let _one = self.changing.lock();
        let running = self.proxy.serving().version;
        if version <= running {
            tracing::debug!(
                version = version.0,
                running = running.0,
                "the edge offers rules that are not newer"
            );
            return ConfigurationAnswer {
                running,
                refusal: None,
            };
        }
        let metrics = &self.proxy.metrics;
        match self.take(version, json) {
            Ok(()) => {
                metrics.runs_version(version);
                tracing::info!(
                    version = version.0,
                    config = %String::from_utf8_lossy(json),
                    "Updated to new configuration"
                );
                ConfigurationAnswer {
                    running: version,
                    refusal: None,
                }
            }
            Err(mut refusal) => {
                tracing::error!(
                    version = version.0,
                    error = refusal,
                    "the edge's rules cannot be served"
                );
                refusal.truncate(refusal.floor_char_boundary(MAX_WORDS));
                ConfigurationAnswer {
                    running,
                    refusal: Some(refusal),
                }
            }
        }
    }

    fn take(&self, version: ConfigVersion, json: &[u8]) -> Result<(), String> {
        let ingress = match Ingress::from_json(json) {
            Ok(ingress) => ingress,
            Err(IngressError::NoRules) => {
                tracing::warn!("no ingress rules were given, so everything is answered with 503");
                Ingress::unconfigured()
            }
            Err(error) => return Err(error.to_string()),
        };
        let routing = WarpRouting::from_json(json).map_err(|error| error.to_string())?;
        let served = self.proxy.serve(version, ingress, routing);
        served.map_err(|error| error.to_string())
    }
}
