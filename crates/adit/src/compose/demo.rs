//! The demo: a tunnel `hello` whose connector runs in this process and serves a built-in page.

use std::net::SocketAddr;

use adit_core::{
    port::{Actor, Catalog, DnsRecordFilter, NewTunnel, PageRequest, TunnelFilter},
    zone_names::{RoutePlan, plan_route},
};
use adit_model::{
    AccountId, ConfigSource, HostPattern, Hostname, TunnelKey, TunnelName, TunnelSecret, ZoneId,
};
use adit_wire::TunnelToken;
use anyhow::Context;
use rand::Rng as _;

/// The tunnel's name, and its label below the base domain.
const NAME: &str = "hello";

/// The demo's tunnel and route.
pub(super) struct Prepared {
    /// What its connector proves itself with.
    pub(super) token: TunnelToken,
    /// Its host name.
    pub(super) host: Hostname,
}

/// Finds or makes the demo's tunnel and route. `None` if its host name leads elsewhere: that is the user's choice.
pub(super) async fn prepare(
    catalog: &dyn Catalog,
    account: AccountId,
    zone: ZoneId,
    domain: &Hostname,
) -> anyhow::Result<Option<Prepared>> {
    let actor = Actor {
        name: "system".to_owned(),
        address: None,
        request_id: "demo".to_owned(),
    };
    let host = domain
        .child(NAME)
        .context("the base domain is too long for a demo")?;
    let tunnel = tunnel(catalog, account, &actor).await?;
    if !route(catalog, zone, &host, tunnel, &actor).await? {
        return Ok(None);
    }
    let secret = catalog.tunnel_secret(tunnel).await?;
    Ok(Some(Prepared {
        token: TunnelToken { tunnel, secret },
        host,
    }))
}

async fn tunnel(catalog: &dyn Catalog, account: AccountId, actor: &Actor) -> anyhow::Result<TunnelKey> {
    let filter = TunnelFilter {
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

/// The demo's URL: no port where the scheme implies it.
pub(super) fn url(host: &Hostname, listener: SocketAddr) -> String {
    match listener.port() {
        80 => format!("http://{host}/"),
        port => format!("http://{host}:{port}/"),
    }
}
