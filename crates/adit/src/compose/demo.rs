//! The demo: a tunnel `hello` whose connector runs in this process and serves a built-in page.

use std::{net::SocketAddr, time::Duration};

use adit_connector::{Connector, ConnectorConfig, ConnectorError, Shutdown, Status};
use adit_core::{
    ingress::{Ingress, OriginRequest, Service},
    port::{Actor, Catalog, DnsRecordFilter, NewTunnel, PageRequest, TunnelFilter},
    zone_names::{RoutePlan, plan_route},
};
use adit_model::{
    AccountId, ConfigSource, HostPattern, Hostname, TunnelKey, TunnelKind, TunnelName, TunnelSecret, ZoneId,
};
use adit_net::tls::TrustAnchors;
use adit_wire::TunnelToken;
use anyhow::Context;
use http::StatusCode;
use rand::Rng as _;
use tokio::task::JoinSet;

use super::progress::Progress;
use crate::{environment::reachable_here, local_http};

/// The tunnel's name, and its label below the base domain.
const NAME: &str = "hello";

/// How many connections the demo holds: two, so that it goes on answering while one is replaced.
const CONNECTIONS: u8 = 2;
/// How often the demo's URL is tried before the start is complete.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// The running demo.
pub(super) struct Demo {
    host: Hostname,
    /// Where public HTTP enters.
    http: SocketAddr,
    status: Status,
    shutdown: Shutdown,
    connector: JoinSet<Result<(), ConnectorError>>,
}

/// The demo's tunnel and route.
pub(super) struct Prepared {
    token: TunnelToken,
    host: Hostname,
}

/// Finds or makes the demo's tunnel and route. `None` if its host name leads elsewhere: that is the user's choice.
pub(super) async fn prepare(
    catalog: &dyn Catalog,
    account: AccountId,
    zone: ZoneId,
    domain: &Hostname,
) -> anyhow::Result<Option<Prepared>> {
    let actor = Actor {
        request_id: "demo".to_owned(),
        ..Actor::system()
    };
    let host = domain
        .child(NAME)
        .context("the base domain is too long for a demo")?;
    let tunnel = tunnel(catalog, account, &actor).await?;
    if !route(catalog, zone, &host, tunnel, &actor).await? {
        return Ok(None);
    }
    let secret = catalog.tunnel_secret(tunnel, TunnelKind::CfdTunnel).await?;
    Ok(Some(Prepared {
        token: TunnelToken { tunnel, secret },
        host,
    }))
}

impl Demo {
    /// Starts the connector. `ca` is the edge's CA as PEM.
    pub(super) fn start(
        prepared: Prepared,
        edge: SocketAddr,
        http: SocketAddr,
        ca: &str,
    ) -> anyhow::Result<Self> {
        let ingress = Ingress::single(Service::HelloWorld, OriginRequest::default());
        let trust = TrustAnchors::from_pem(ca.as_bytes())?;
        let config = ConnectorConfig {
            ha_connections: CONNECTIONS,
            ..ConnectorConfig::new(prepared.token, vec![reachable_here(edge).into()], trust, ingress)
        };
        let connector = Connector::new(config).context("cannot start the demo's connector")?;
        let (status, shutdown) = (connector.status(), Shutdown::new());
        let mut running = JoinSet::new();
        running.spawn(connector.run(shutdown.clone()));
        Ok(Self {
            host: prepared.host,
            http,
            status,
            shutdown,
            connector: running,
        })
    }

    /// Where it answers: no port where the scheme implies it.
    pub(super) fn url(&self) -> String {
        match self.http.port() {
            80 => format!("http://{}/", self.host),
            port => format!("http://{}:{port}/", self.host),
        }
    }

    /// Waits for the first connection, then for the first answer.
    pub(super) async fn until_it_answers(&mut self, progress: &Progress) -> anyhow::Result<()> {
        progress.waits_for("the demo's connector to register");
        tokio::select! {
            () = self.status.wait_ready(1) => {}
            Some(ended) = self.connector.join_next() => {
                ended.context("the demo's connector broke")?.context("the demo's connector stopped")?;
                anyhow::bail!("the demo's connector stopped");
            }
        }
        progress.waits_for(format!("an answer from {}", self.url()));
        let listener = reachable_here(self.http);
        let answers = async || {
            let answer = local_http::get(listener, self.host.as_str(), "/").await;
            answer.is_ok_and(|(status, _)| status == StatusCode::OK)
        };
        while !answers().await {
            tokio::time::sleep(TRY_EVERY).await;
        }
        Ok(())
    }

    /// Takes no new requests and lets those that run finish.
    pub(super) fn drain(&self) {
        self.shutdown.drain();
    }

    /// Ends it at once.
    pub(super) async fn stop(mut self) {
        self.shutdown.abort();
        while self.connector.join_next().await.is_some() {}
    }
}

async fn tunnel(catalog: &dyn Catalog, account: AccountId, actor: &Actor) -> anyhow::Result<TunnelKey> {
    let filter = TunnelFilter {
        kinds: vec![TunnelKind::CfdTunnel],
        name: Some(NAME.to_owned()),
        deleted: Some(false),
        ..TunnelFilter::default()
    };
    let found = catalog
        .tunnels(account, &filter, PageRequest { page: 1, per_page: 1 })
        .await?;
    if let Some(tunnel) = found.items.first() {
        return Ok(tunnel.key);
    }
    let mut secret = vec![0; 32];
    rand::rng().fill_bytes(&mut secret);
    let name: TunnelName = NAME.parse()?;
    let new = NewTunnel {
        account,
        kind: TunnelKind::CfdTunnel,
        name,
        config_source: ConfigSource::Local,
        secret: TunnelSecret::new(secret)?,
    };
    let (tunnel, _) = catalog.create_tunnel(new, actor).await?;
    Ok(tunnel.key)
}

/// Makes the host name a route of the tunnel; false if it leads elsewhere.
async fn route(
    catalog: &dyn Catalog,
    zone: ZoneId,
    host: &Hostname,
    tunnel: TunnelKey,
    actor: &Actor,
) -> anyhow::Result<bool> {
    let name = HostPattern::Exact(host.clone());
    let filter = DnsRecordFilter {
        name: Some(name.clone()),
        ..DnsRecordFilter::default()
    };
    let records = catalog
        .dns_records(zone, &filter, PageRequest { page: 1, per_page: 1 })
        .await?;
    match plan_route(name, tunnel.tunnel, records.items.first(), false) {
        Ok(RoutePlan::Create(record)) => drop(catalog.create_dns_record(zone, record, actor).await?),
        Ok(RoutePlan::Update(id, record)) => drop(catalog.update_dns_record(zone, id, record, actor).await?),
        Ok(RoutePlan::Unchanged(_)) => {}
        Err(_) => return Ok(false),
    }
    Ok(true)
}
