//! What a connector serves at a moment: rules and their origins. It is replaced as a whole, and a stream that runs keeps
//! what it began with.

use std::sync::Arc;
use std::time::Duration;

use adit_core::ingress::Ingress;
use adit_core::warp_routing::WarpRouting;
use adit_model::ConfigVersion;
use adit_net::proxy::EnvironmentProxies;
use adit_rpc::RpcLanes;
use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::management::Management;
use crate::metrics::Metrics;
use crate::origin::{self, Served, Tags};
use crate::private::Private;
use crate::{ConnectorConfig, ConnectorError};

/// What every stream of a connector needs.
pub(crate) struct Proxy {
    pub(crate) tags: Tags,
    pub(crate) metrics: Metrics,
    pub(crate) lanes: Arc<RpcLanes>,
    /// A write to a QUIC stream of the edge, or to a private TCP service, that takes longer fails.
    pub(crate) write_limit: Option<Duration>,
    /// For requests that name the management host.
    pub(crate) management: Option<Management>,
    origin_proxies: EnvironmentProxies,
    pub(crate) private: Arc<Private>,
    serving: ArcSwap<Serving>,
    /// Counts what was put into service of this side's own rules.
    local: watch::Sender<u64>,
}

/// Rules and their origins.
pub(crate) struct Serving {
    /// [`NO_REMOTE`] while the rules are this side's own.
    pub(crate) version: ConfigVersion,
    pub(crate) ingress: Ingress,
    /// One for each rule, in their order.
    pub(crate) origins: Vec<Served>,
    pub(crate) warp_routing: WarpRouting,
}

/// What a connector calls the version of a remote configuration that it does not have.
pub(crate) const NO_REMOTE: ConfigVersion = ConfigVersion(-1);

impl Proxy {
    /// # Errors
    /// If an origin's settings make no sense.
    pub(crate) fn new(
        config: &ConnectorConfig,
        tags: Tags,
        lanes: Arc<RpcLanes>,
        private: Arc<Private>,
        management: Option<Management>,
    ) -> Result<Self, ConnectorError> {
        private.serve(&config.private.routing);
        let serving = Serving {
            version: NO_REMOTE,
            origins: origin::build(&config.ingress, &config.origin_proxies, None)?,
            ingress: config.ingress.clone(),
            warp_routing: config.private.routing.clone(),
        };
        Ok(Self {
            tags,
            metrics: Metrics::new(),
            lanes,
            write_limit: config.write_limit,
            management,
            origin_proxies: config.origin_proxies.clone(),
            private,
            serving: ArcSwap::from_pointee(serving),
            local: watch::Sender::new(0),
        })
    }

    /// What is served now.
    pub(crate) fn serving(&self) -> Arc<Serving> {
        self.serving.load_full()
    }

    /// Serves other rules from now on; origins that both have stay as they are, with their connections. One caller at a
    /// time.
    ///
    /// # Errors
    /// If an origin's settings make no sense; all stays as it is.
    pub(crate) fn serve(
        &self,
        version: ConfigVersion,
        ingress: Ingress,
        warp_routing: WarpRouting,
    ) -> Result<(), ConnectorError> {
        let before = self.serving();
        let origins = origin::build(&ingress, &self.origin_proxies, Some(&before))?;
        self.private.serve(&warp_routing);
        self.serving.store(Arc::new(Serving {
            version,
            ingress,
            origins,
            warp_routing,
        }));
        if version == NO_REMOTE {
            self.local.send_modify(|count| *count += 1);
        }
        Ok(())
    }

    /// Changes whenever this side's own rules do.
    pub(crate) fn local_changes(&self) -> watch::Receiver<u64> {
        self.local.subscribe()
    }
}
