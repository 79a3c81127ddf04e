//! How fast a new configuration reaches every connection of many connectors of one tunnel, all in this process.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_model::{ConfigVersion, ConnectorId, SessionId};
use adit_net::quic::QuicConnection;
use adit_rpc::{ConnectorService, serve_connector_calls};
use adit_wire::{
    StreamKind, TunnelToken,
    calls::{ConfigurationAnswer, RegisterUdpSession, UdpSessionAnswer},
};
use anyhow::{Context, ensure};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::{
    io::AsyncReadExt,
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    Scale,
    dialled::{CONNECTIONS, RATE, Shared, dial},
};
use crate::{figures::Line, modes::edge::Edge};

/// All must have it by then.
const LIMIT: Duration = Duration::from_secs(30);
/// Rules of the configuration, about 2 KiB.
const RULES: usize = 20;

/// A connection was offered a version.
struct Offered {
    connector: usize,
    version: ConfigVersion,
    at: Instant,
}

/// Takes every configuration, and tells when it came.
struct Taking {
    connector: usize,
    told: mpsc::UnboundedSender<Offered>,
}

#[async_trait]
impl ConnectorService for Taking {
    async fn update_configuration(&self, version: ConfigVersion, _: Vec<u8>) -> ConfigurationAnswer {
        let _ = self.told.send(Offered {
            connector: self.connector,
            version,
            at: Instant::now(),
        });
        ConfigurationAnswer {
            running: version,
            refusal: None,
        }
    }

    async fn register_udp_session(&self, _: RegisterUdpSession) -> UdpSessionAnswer {
        Err("not here".to_owned())
    }

    async fn unregister_udp_session(&self, _: SessionId, _: String) -> Result<(), String> {
        Err("not here".to_owned())
    }
}

pub(super) async fn measure(program: &Path, scale: Scale) -> anyhow::Result<Vec<Line>> {
    let edge = Edge::start(program).await?;
    let shared = Shared::of(&edge)?;
    let (tunnel, token) = edge.api.create_tunnel("bench-push").await?;
    let token = TunnelToken::parse(&token)?;
    let (told, mut offers) = mpsc::unbounded_channel();
    let mut answering = JoinSet::new();
    let mut kept = Vec::new();
    let mut dials = JoinSet::new();
    let mut ticks = interval(Duration::from_secs(1) / RATE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for connector in 0..scale.configured {
        let id = ConnectorId::random();
        for index in 0..CONNECTIONS {
            ticks.tick().await;
            let (shared, token) = (Arc::clone(&shared), token.clone());
            dials.spawn(async move { anyhow::Ok((connector, dial(shared, token, id, index).await?)) });
        }
    }
    while let Some(dialled) = dials.join_next().await {
        let (connector, dialled) = dialled??;
        let told = told.clone();
        answering.spawn(answer(
            Arc::clone(&shared),
            dialled.connection.clone(),
            Taking { connector, told },
        ));
        kept.push(dialled);
    }
    let (mut first, mut all) = (Vec::new(), Vec::new());
    for version in 1..=scale.rounds.max(1) {
        let begun = Instant::now();
        edge.api.configure(&tunnel, &config(version)).await?;
        let version = ConfigVersion(i32::try_from(version)?);
        let times = timeout(LIMIT, reached(&mut offers, version, scale.configured))
            .await
            .context("a connection was not configured in 30 s")??;
        let after = |at: &Instant| at.duration_since(begun).as_secs_f64() * 1000.0;
        first.push(high(times.iter().filter_map(|each| each.first()).map(after)));
        all.push(high(times.iter().filter_map(|each| each.last()).map(after)));
    }
    ensure!(
        kept.iter()
            .all(|dialled| dialled.connection.close_cause().is_none()),
        "a connection was lost"
    );
    let number = scale.configured;
    Ok(vec![
        Line::median_at_most(
            format!("a configuration reaches the first connection of each of {number} connectors: p99, ms"),
            &first,
            1000.0,
        ),
        Line::median_at_most(
            format!("it reaches all four connections of each of {number} connectors: p99, ms"),
            &all,
            3000.0,
        ),
    ])
}

/// Answers the calls on a connection.
async fn answer(shared: Arc<Shared>, connection: QuicConnection, taking: Taking) {
    let taking = Arc::new(taking);
    let mut calls = JoinSet::new();
    while let Ok((writer, mut reader)) = connection.accept_stream().await {
        let (shared, taking) = (Arc::clone(&shared), Arc::clone(&taking));
        calls.spawn(async move {
            let mut preamble = [0; StreamKind::Rpc.preamble_bytes()];
            if reader.read_exact(&mut preamble).await.is_ok() {
                // How it ended is for the edge to say.
                drop(serve_connector_calls(&shared.lanes, reader, writer, taking).await);
            }
        });
        while calls.try_join_next().is_some() {}
    }
}

/// When each connection of each connector was offered a version, in order of time.
async fn reached(
    offers: &mut mpsc::UnboundedReceiver<Offered>,
    version: ConfigVersion,
    connectors: usize,
) -> anyhow::Result<Vec<Vec<Instant>>> {
    let mut times = vec![Vec::new(); connectors];
    let mut missing = connectors * usize::from(CONNECTIONS);
    while missing > 0 {
        let offered = offers.recv().await.context("nobody answers")?;
        if offered.version == version
            && let Some(of) = times.get_mut(offered.connector)
        {
            of.push(offered.at);
            missing -= 1;
        }
    }
    Ok(times)
}

/// The 99th percentile.
fn high(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = values.len().saturating_sub(1) * 99 / 100;
    values.get(at).copied().unwrap_or_default()
}

fn config(version: u32) -> Value {
    let rule = |number| {
        json!({
            "hostname": format!("host-{number}-{version}.example.com"), "service": "http://localhost:8080",
            "originRequest": {"connectTimeout": 5},
        })
    };
    let mut rules: Vec<Value> = (0..RULES).map(rule).collect();
    rules.push(json!({"service": "http_status:404"}));
    json!({ "ingress": rules })
}
