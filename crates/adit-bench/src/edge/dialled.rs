//! Connectors' connections that are registered and wait, dialled by this process.

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use adit_model::{ConnectionIndex, ConnectorId};
use adit_net::{
    quic::{QuicConnection, QuicDialer},
    tls::{QUIC_SERVER_NAME, TrustAnchors, connector_config},
};
use adit_rpc::{RegistrationClient, RpcLanes};
use adit_testing::scripted::registration;
use adit_wire::TunnelToken;
use anyhow::{Context, ensure};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{Scale, kib_each};
use crate::{figures::Line, modes::edge::Edge};

/// How many are dialled in a second.
pub(super) const RATE: u32 = 200;
/// Connections of one connector, connectors of one tunnel.
pub(super) const CONNECTIONS: u8 = 4;
const CONNECTORS: usize = 25;
const DIAL_LIMIT: Duration = Duration::from_secs(5);
/// How long they wait, and must all stay.
const WAIT: Duration = Duration::from_secs(60);

/// What every dial uses.
pub(super) struct Shared {
    edge: SocketAddr,
    dialer: QuicDialer,
    pub(super) lanes: RpcLanes,
}

impl Shared {
    pub(super) fn of(edge: &Edge) -> anyhow::Result<Arc<Self>> {
        let anchors = TrustAnchors::from_pem(&fs::read(edge.ca())?)?;
        Ok(Arc::new(Self {
            edge: edge.listener("edge")?,
            dialer: QuicDialer::new(connector_config(&anchors)?, None)?,
            lanes: RpcLanes::start(1)?,
        }))
    }
}

/// A connection that is registered while this lives.
pub(super) struct Dialled {
    pub(super) connection: QuicConnection,
    _client: RegistrationClient,
    _control: JoinSet<()>,
}

pub(super) async fn measure(program: &Path, scale: Scale) -> anyhow::Result<Vec<Line>> {
    let edge = Edge::start(program).await?;
    let shared = Shared::of(&edge)?;
    let mut tokens = Vec::new();
    for tunnel in 0..scale.registered.div_ceil(CONNECTORS * usize::from(CONNECTIONS)) {
        let (_, token) = edge.api.create_tunnel(&format!("bench-{tunnel}")).await?;
        tokens.push(TunnelToken::parse(&token)?);
    }
    let before = edge.process.usage().rss_anon_bytes;
    let mut dials = JoinSet::new();
    let mut ticks = interval(Duration::from_secs(1) / RATE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut connector = ConnectorId::random();
    for at in 0..scale.registered {
        ticks.tick().await;
        let index = u8::try_from(at % usize::from(CONNECTIONS))?;
        if index == 0 {
            connector = ConnectorId::random();
        }
        let token = tokens.get(at % tokens.len()).context("no tunnel")?.clone();
        dials.spawn(dial(Arc::clone(&shared), token, connector, index));
    }
    let mut kept = Vec::new();
    while let Some(dialled) = dials.join_next().await {
        kept.push(dialled??);
    }
    sleep(WAIT).await;
    let lost = kept
        .iter()
        .filter(|dialled| dialled.connection.close_cause().is_some())
        .count();
    let each = kib_each(before, edge.process.usage().rss_anon_bytes, kept.len());
    Ok(vec![
        Line::at_most("memory of a registered connection in the edge, KiB", each, 100.0),
        Line::at_most("registered connections lost in 60 s", lost as f64, 0.0),
    ])
}

pub(super) async fn dial(
    shared: Arc<Shared>,
    token: TunnelToken,
    connector: ConnectorId,
    index: u8,
) -> anyhow::Result<Dialled> {
    let connection = shared
        .dialer
        .dial(shared.edge, QUIC_SERVER_NAME, DIAL_LIMIT)
        .await?;
    let (writer, reader) = connection.open_stream().await?;
    let mut control = JoinSet::new();
    let (begun, client) = tokio::sync::oneshot::channel();
    let lanes = Arc::clone(&shared);
    control.spawn(async move {
        let (client, carried) = RegistrationClient::start(&lanes.lanes, reader, writer);
        let _ = begun.send(client);
        // How the stream ended is told by the connection.
        drop(carried.await);
    });
    let client = client.await?;
    let mut request = registration(&token.tunnel, &token.secret);
    request.client.id = connector;
    request.index = ConnectionIndex(index);
    let answer = timeout(DIAL_LIMIT, client.register(request)).await??;
    ensure!(answer.is_ok(), "the edge refused a connection: {answer:?}");
    Ok(Dialled {
        connection,
        _client: client,
        _control: control,
    })
}
