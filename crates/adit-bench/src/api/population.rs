//! What is in the store while it is measured: made through its ports, as the API and an edge make it.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, SystemTime},
};

use adit_core::port::{
    Actor, Catalog as _, CloseReason, ConnectionClosed, ConnectionOpened, ConnectorInfo, DnsRecordKind,
    Networks as _, NewDnsRecord, NewRoute, NewTunnel, PageRequest, Presence as _, PresenceEvent,
    RecordSettings, RouteComment, TunnelFilter,
};
use adit_model::{
    ConfigSource, ConnectionId, ConnectionIndex, ConnectorId, Location, Timestamp, TransportProtocol,
    TunnelId, TunnelKey, TunnelKind, TunnelSecret, TunnelStatus,
};
use anyhow::Context;
use tokio::task::JoinSet;

use super::{Scale, server::Api};
use crate::{modes::until::until_within, say};

/// How long an edge's reports may take to be written.
const NEWS_LIMIT: Duration = Duration::from_secs(120);

/// Connections that come and go at a time: of more, the store keeps no history.
const AT_ONCE: usize = 8_000;

/// Writes that wait at a time, so that they share transactions.
const TOGETHER: usize = 64;

/// Tunnels of which every tenth is deleted, a fifth was connected once, and some are.
pub(super) struct Population {
    /// A tunnel with connections.
    pub(super) connected: TunnelId,
    /// Any tunnel, and its name.
    pub(super) some: (TunnelId, String),
}

pub(super) fn name(number: usize) -> String {
    // Neighbours in time are no neighbours by name.
    format!("tunnel-{:02}-{number}", number * 7919 % 100)
}

fn actor() -> Actor {
    Actor {
        request_id: "0123456789abcdef0123456789abcdef".to_owned(),
        ..Actor::system()
    }
}

impl Population {
    pub(super) async fn make(api: &Api, scale: Scale) -> anyhow::Result<Self> {
        say(&format!("making {} tunnels", scale.tunnels));
        let mut tunnels = in_groups(0..scale.tunnels, |number| {
            let (store, account) = (Arc::clone(&api.store), api.account);
            async move {
                let new = NewTunnel {
                    account,
                    kind: TunnelKind::CfdTunnel,
                    name: name(number).parse()?,
                    config_source: ConfigSource::Local,
                    secret: TunnelSecret::new(vec![7; 32]).context("a secret")?,
                };
                Ok((number, store.create_tunnel(new, &actor()).await?.0.key))
            }
        })
        .await?;
        // In the order of their numbers, however the writes ended: the same tunnels connect in every run.
        tunnels.sort_unstable_by_key(|(number, _)| *number);
        say("deleting every tenth");
        in_groups(
            tunnels.iter().filter(|(number, _)| number % 10 == 3),
            |(_, key)| {
                let (store, key) = (Arc::clone(&api.store), *key);
                async move { Ok(store.delete_tunnel(key, true, &actor()).await.map(drop)?) }
            },
        )
        .await?;

        say(&format!("{} routes, as many records", scale.routes));
        let last = tunnels.last().context("no tunnel")?.1;
        in_groups(0..scale.routes, |number| {
            let (store, account, zone) = (Arc::clone(&api.store), api.account, api.zone);
            async move {
                let record = NewDnsRecord {
                    kind: DnsRecordKind::Cname,
                    name: format!("host-{number}.bench.example").parse()?,
                    content: format!("{}.cfargotunnel.com", last.tunnel),
                    proxied: true,
                    ttl: 1,
                    comment: String::new(),
                    tags: Vec::new(),
                    settings: RecordSettings::default(),
                };
                store.create_dns_record(zone, record, &actor()).await?;
                let route = NewRoute {
                    network: format!("10.{}.{}.0/24", number / 256, number % 256).parse()?,
                    tunnel: last.tunnel,
                    virtual_network: None,
                    comment: RouteComment::default(),
                };
                Ok(store.create_route(account, route, &actor()).await.map(drop)?)
            }
        })
        .await?;

        say(&format!("{} connectors come, stay or go", scale.connectors));
        let alive: Vec<TunnelKey> = tunnels
            .iter()
            .filter(|(number, _)| number % 10 != 3)
            .map(|(_, key)| *key)
            .collect();
        let mut expected = Connections::default();
        let once: Vec<&TunnelKey> = alive
            .iter()
            .skip(scale.connectors)
            .step_by(4)
            .take(scale.tunnels / 5)
            .collect();
        for some in once.chunks(AT_ONCE) {
            for tunnel in some {
                let connection = open(api, **tunnel, ConnectorId::random(), 0);
                close(api, **tunnel, connection);
                expected.down.insert(**tunnel);
            }
            expected.settle(api).await?;
        }
        let step = alive.len() / scale.connectors;
        for (number, tunnel) in alive.iter().step_by(step).take(scale.connectors).enumerate() {
            let connector = ConnectorId::random();
            let connections: Vec<_> = (0..4).map(|index| open(api, *tunnel, connector, index)).collect();
            expected.down.remove(tunnel);
            match connections.last() {
                Some(lost) if number % 10 == 0 => {
                    close(api, *tunnel, *lost);
                    expected.degraded += 1;
                }
                Some(_) | None => expected.healthy += 1,
            }
        }
        expected.settle(api).await?;
        let connected = alive.first().context("no tunnel")?;
        let some = tunnels.get(scale.tunnels / 2).context("no tunnel")?;
        Ok(Self {
            connected: connected.tunnel,
            some: (some.1.tunnel, name(some.0)),
        })
    }
}

/// How many tunnels have which connections once all news of them is written.
#[derive(Default)]
struct Connections {
    down: BTreeSet<TunnelKey>,
    healthy: u64,
    degraded: u64,
}

impl Connections {
    async fn settle(&self, api: &Api) -> anyhow::Result<()> {
        let down = u64::try_from(self.down.len())?;
        let expected = [
            (TunnelStatus::Down, down),
            (TunnelStatus::Degraded, self.degraded),
            (TunnelStatus::Healthy, self.healthy),
        ];
        let page = PageRequest { page: 1, per_page: 1 };
        until_within(NEWS_LIMIT, "the news of connections", async || {
            for (status, total) in expected {
                let filter = TunnelFilter {
                    status: Some(status),
                    ..TunnelFilter::default()
                };
                let found = api.store.tunnels(api.account, &filter, page).await?.total;
                anyhow::ensure!(found == total, "{found} of {total} tunnels are {status:?}");
            }
            Ok(())
        })
        .await
    }
}

/// Runs one task for each item, a bounded number at a time; the results in the order in which they came.
async fn in_groups<I, T, F>(
    items: impl IntoIterator<Item = I>,
    mut task: impl FnMut(I) -> F,
) -> anyhow::Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = anyhow::Result<T>> + Send + 'static,
{
    let (mut running, mut done) = (JoinSet::new(), Vec::new());
    for item in items {
        if running.len() == TOGETHER {
            done.push(running.join_next().await.context("no task")???);
        }
        running.spawn(task(item));
    }
    while let Some(result) = running.join_next().await {
        done.push(result??);
    }
    Ok(done)
}

fn open(api: &Api, tunnel: TunnelKey, connector: ConnectorId, index: u8) -> ConnectionId {
    let connection = ConnectionId::random();
    api.store.report(PresenceEvent::Opened(Box::new(ConnectionOpened {
        tunnel,
        connection,
        connector: ConnectorInfo {
            id: connector,
            version: "2026.8.2".to_owned(),
            arch: "linux_amd64".to_owned(),
            features: vec!["allow_remote_config".to_owned(), "serialized_headers".to_owned()],
            hostname: None,
        },
        index: ConnectionIndex(index),
        protocol: TransportProtocol::Quic,
        origin_ip: [192, 0, 2, 1].into(),
        location: Location::default(),
        opened_at: Timestamp::from(SystemTime::now()),
    })));
    connection
}

fn close(api: &Api, tunnel: TunnelKey, connection: ConnectionId) {
    api.store.report(PresenceEvent::Closed(ConnectionClosed {
        tunnel,
        connection,
        reason: CloseReason::Unregistered,
        closed_at: Timestamp::from(SystemTime::now()),
    }));
}
