//! What a connector is to do, from flags, variables and the configuration file: all that can be checked before the first
//! dial.

use std::{
    collections::BTreeMap,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use adit_connector::{ConnectorConfig, DiscoveryError, EdgeAddress, discover_edges};
use adit_core::ingress::{Ingress, IngressError};
use adit_net::{proxy::EnvironmentProxies, tls::TrustAnchors};
use adit_wire::TunnelToken;

use super::{
    config_file::ConfigFile,
    connect::RunPlan,
    options::{TunnelOptions, set, tag},
    prechecks::prechecks,
    rules_file::RulesFile,
};
use crate::{config::GracePeriod, failure::Failure, personality::Personality};

/// Everything but the tunnel.
pub(super) struct Prepared<'a> {
    options: &'a TunnelOptions,
    edges: Vec<EdgeAddress>,
    ingress: Ingress,
    rules: Option<RulesFile>,
    trust: TrustAnchors,
    grace_period: Duration,
    bind_address: Option<IpAddr>,
    tags: Vec<(String, String)>,
    personality: Personality,
}

impl<'a> Prepared<'a> {
    /// # Errors
    /// If something cannot be used, or no edge is named to `adit`: a secret made for one edge must never go to another.
    pub(super) fn read(options: &'a TunnelOptions, personality: Personality) -> Result<Self, Failure> {
        let edges = options.edge_addresses();
        if edges.is_empty() && personality == Personality::Adit {
            return Err(
                Failure::usage("no edge to connect to: neither --edge nor TUNNEL_EDGE is set")
                    .hint("eval \"$(adit env)\", or --edge HOST:PORT"),
            );
        }
        let edges: Result<Vec<EdgeAddress>, _> = edges.iter().map(|address| address.parse()).collect();
        let edges = edges.map_err(Failure::misuse)?;
        let (ingress, rules) = rules(options)?;
        let trust = match set(options.cacert.as_ref()) {
            Some(path) => trust(path)?,
            None => TrustAnchors::System,
        };
        if options.grace_period > GracePeriod::MAX {
            return Err(Failure::misuse("the longest --grace-period is 3m"));
        }
        let bind_address = match options.edge_bind_address.as_deref() {
            None | Some("") => None,
            Some(text) => Some(text.parse().map_err(|_| {
                Failure::misuse(format!(
                    "{text:?} is no address to dial from (--edge-bind-address)"
                ))
            })?),
        };
        let tags: Result<_, _> = options
            .tag
            .iter()
            .filter(|text| !text.is_empty())
            .map(|text| tag(text))
            .collect();
        Ok(Self {
            options,
            edges,
            ingress,
            rules,
            trust,
            grace_period: options.grace_period,
            bind_address,
            tags: tags.map_err(Failure::misuse)?,
            personality,
        })
    }

    /// Whether anything was said of where requests go.
    pub(super) fn has_rules(&self) -> bool {
        self.rules.is_some() || self.options.origin.names_an_origin()
    }

    /// The whole, for a tunnel. Asks DNS where the edges are if nobody said, as long as it takes.
    ///
    /// # Errors
    /// If words of the flags cannot be used.
    pub(super) async fn plan(self, token: TunnelToken) -> Result<RunPlan, Failure> {
        let Self { options, .. } = self;
        let discovered = self.edges.is_empty();
        let edges = if discovered {
            discover(options.edges.region.as_deref()).await?
        } else {
            self.edges
        };
        let mut config = ConnectorConfig {
            ha_connections: options.ha_connections(),
            grace_period: self.grace_period,
            tags: self.tags,
            bind_address: self.bind_address,
            reported_flags: reported(options),
            remote_features: self.personality == Personality::Cloudflared,
            management: options
                .management
                .config(options.label.as_deref(), self.personality),
            origin_proxies: EnvironmentProxies::read(|name| std::env::var(name).ok()),
            ..ConnectorConfig::new(token, edges, self.trust, self.ingress)
        };
        options.edges.apply(&mut config)?;
        options.private.apply(&mut config, options.config.as_ref())?;
        if let Some(how) = &mut config.prechecks {
            *how = prechecks(self.personality, options.api_url.as_deref(), discovered);
        }
        Ok(RunPlan {
            config,
            metrics: options.metrics.clone().filter(|address| !address.is_empty()),
            pid_file: set(options.pidfile.as_ref()).cloned(),
            stdin_control: options.stdin_control,
            rules: self.rules,
            quick_tunnel: None,
            flags: shown(options),
        })
    }
}

/// The rules to begin with, and the file that they stand in. Without any there is `--url`, or nothing until the edge sends
/// some.
fn rules(options: &TunnelOptions) -> Result<(Ingress, Option<RulesFile>), Failure> {
    let path = ConfigFile::path(options.config.as_ref());
    if let Some(path) = path {
        let file = ConfigFile::read_at(path)?;
        match Ingress::from_json(&file.json) {
            Ok(ingress) => return Ok((ingress, Some(RulesFile::new(file.path)))),
            Err(IngressError::NoRules) => {}
            Err(error) => {
                let context = format!("the rules of {} are not valid", file.path.display());
                return Err(Failure::failed(anyhow::Error::new(error).context(context)));
            }
        }
    }
    if options.origin.names_an_origin() {
        return Ok((options.origin.ingress()?, None));
    }
    Ok((Ingress::unconfigured(), None))
}

pub(super) fn trust(path: &Path) -> Result<TrustAnchors, Failure> {
    let pem = fs::read(path).map_err(|error| {
        Failure::failed(
            anyhow::Error::new(error).context(format!("cannot read the edge's CA {}", path.display())),
        )
    })?;
    TrustAnchors::from_pem(&pem).map_err(|error| {
        Failure::failed(
            anyhow::Error::new(error).context(format!("cannot use the edge's CA {}", path.display())),
        )
    })
}

/// The flags that a diagnosis on this machine may tell; none of them holds a secret.
fn shown(options: &TunnelOptions) -> BTreeMap<String, String> {
    let path = |path: Option<&PathBuf>| Some(std::path::absolute(set(path)?).ok()?.display().to_string());
    let text = |text: Option<&String>| text.filter(|text| !text.is_empty()).cloned();
    let edges = options.edge_addresses();
    let further = [
        ("config", path(options.config.as_ref())),
        ("cacert", path(options.cacert.as_ref())),
        ("pidfile", path(options.pidfile.as_ref())),
        ("logfile", path(options.log.logfile.as_ref())),
        ("log-directory", path(options.log.log_directory.as_ref())),
        ("transport-loglevel", Some(options.log.transport_loglevel.clone())),
        ("metrics", text(options.metrics.as_ref())),
        ("region", text(options.edges.region.as_ref())),
        (
            "management-hostname",
            text(options.management.management_hostname.as_ref()),
        ),
        ("edge", (!edges.is_empty()).then(|| edges.join(","))),
    ];
    let reported = reported(options).into_iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name, text)
    });
    let further = further
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    reported.chain(further).collect()
}

/// The flags that the edge is told of; none of them holds a secret.
fn reported(options: &TunnelOptions) -> BTreeMap<String, serde_json::Value> {
    let mut flags = BTreeMap::from([
        ("ha-connections".to_owned(), options.ha_connections().into()),
        ("loglevel".to_owned(), options.log.loglevel.clone().into()),
        ("protocol".to_owned(), options.edges.protocol.clone().into()),
        (
            "grace-period".to_owned(),
            format!("{}s", options.grace_period.as_secs()).into(),
        ),
    ]);
    if let Some(label) = options.label.as_ref().filter(|label| !label.is_empty()) {
        flags.insert("label".to_owned(), label.clone().into());
    }
    flags
}

/// Asks DNS for the edges, as long as it takes.
async fn discover(region: Option<&str>) -> Result<Vec<EdgeAddress>, Failure> {
    let mut pause = Duration::from_secs(1);
    loop {
        match discover_edges(region).await {
            Ok(edges) => return Ok(edges),
            Err(error @ DiscoveryError::BadRegion(_)) => return Err(Failure::misuse(error)),
            Err(error @ (DiscoveryError::LookUp { .. } | DiscoveryError::TooFew { .. })) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "no edge is found; --edge HOST:PORT names one");
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
}
