//! The catalogue of bad peers, family after family, beside a good client on another tunnel.

use std::{fs, time::Duration};

use adit_net::tls::TrustAnchors;
use adit_testing::{
    misbehaviour::{FAMILIES, Misbehaviour, Target as Victim},
    origin::Origin,
    process::Process,
};
use adit_wire::TunnelToken;
use anyhow::Context;
use tokio::{
    runtime::{Builder, Runtime},
    time::sleep,
};

use crate::{
    figures::Line,
    load::{Asked, Paced, Target},
    modes::{
        Parts,
        adit::own_connector,
        edge::{CONNECTIONS, Edge},
    },
    say,
};

/// Requests of the good client in a second.
const RATE: u32 = 50;
/// How long it asks undisturbed, and how long a family goes on misbehaving at least: some are done in a moment.
const CALM: Duration = Duration::from_secs(5);
/// What the slowest in a hundred may take: a multiple of its undisturbed figure, and in any case, ms.
const MOST_TIMES: f64 = 3.0;
const LEAST_LIMIT_MS: f64 = 20.0;
/// How the server is told to bear idle clients: the catalogue waits for it.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn measure(parts: &Parts, rounds: u32) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    let mut failed = 0;
    for (family, members) in FAMILIES {
        let (mut high, mut shares) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let world = World::start(parts).await?;
            let quiet = Paced::start(&world.probe, RATE);
            sleep(CALM).await;
            let normal = Asked::latencies(&quiet.finish().await?).quantile_ms(0.99);
            let probe = Paced::start(&world.probe, RATE);
            let worst = misbehave(members, &world, &probe).await?;
            let asked = probe.finish().await?;
            let p99 = Asked::latencies(&asked).quantile_ms(0.99);
            say(&format!(
                "{family}: p99 {p99:.1} ms of {}, undisturbed {normal:.1} ms; {}",
                asked.len(),
                worst.of(&asked)
            ));
            failed += Asked::failed(&asked);
            high.push(p99);
            shares.push(p99 / (normal * MOST_TIMES).max(LEAST_LIMIT_MS));
        }
        lines.push(Line::seen(format!("bad peers, {family}: probe's p99, ms"), &high));
        lines.push(Line::median_at_most(
            format!("bad peers, {family}: its share of the greater of 3 × normal and 20 ms"),
            &shares,
            1.0,
        ));
    }
    lines.push(Line::at_most("bad peers: probes failed", failed as f64, 0.0));
    Ok(lines)
}

/// When each member of a family ran, after the probe's start.
struct Times(Vec<(&'static str, Duration)>);

impl Times {
    /// Whose requests waited longest, for the reader who wants to know where to look.
    fn of(&self, asked: &[Asked]) -> String {
        let Some(slowest) = asked.iter().max_by_key(|asked| asked.took) else {
            return "nothing asked".to_owned();
        };
        let during = self.0.iter().find(|(_, ended)| slowest.at <= *ended);
        let name = during.map_or("the end", |(name, _)| name);
        format!("slowest {:.0?} during {name}", slowest.took)
    }
}

/// Runs them one after another, on a thread of its own: what they cost must not delay the probe.
async fn misbehave(members: &'static [Misbehaviour], world: &World, probe: &Paced) -> anyhow::Result<Times> {
    let mut times = Vec::new();
    let mut turns = members.iter().cycle();
    while times.len() < members.len() || probe.elapsed() < CALM {
        let Some(member) = turns.next() else {
            break;
        };
        let victim = world.victim.clone();
        let running = world.others.run(async move { member.run(&victim).await });
        running.await.with_context(|| format!("{member:?} failed"))?;
        times.push((member.name, probe.elapsed()));
    }
    Ok(Times(times))
}

/// A server with three tunnels: the probe's, one that bad clients use, one of the bad connectors.
struct World {
    probe: Target,
    victim: Victim,
    _edge: Edge,
    _connectors: [Process; 2],
    _origin: Origin,
    /// Where bad peers run, and the origin that they ask.
    others: Others,
}

/// A runtime that may be dropped by a task.
struct Others(Option<Runtime>);

impl Others {
    fn start() -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let runtime = self.0.as_ref().context("the runtime has ended")?;
        Ok(runtime.spawn(work).await?)
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl World {
    async fn start(parts: &Parts) -> anyhow::Result<Self> {
        let budget = (256 << 20).to_string();
        let edge = Edge::start_with(
            &parts.adit,
            &["--edge-memory-budget", &budget, "--http-idle-timeout", "2s"],
        )
        .await?;
        let calm = edge.api.create_public_tunnel("probe").await?;
        let shop = edge.api.create_public_tunnel("shop").await?;
        let own = edge.api.create_public_tunnel("own").await?;
        let others = Others::start()?;
        let origin = others.run(Origin::start()).await?;
        let shops = Parts {
            origin: origin.addr(),
            adit: parts.adit.clone(),
        };
        let mut connectors = [
            own_connector(parts, &edge, &calm)?,
            own_connector(&shops, &edge, &shop)?,
        ];
        for (connector, tunnel) in connectors.iter_mut().zip([&calm, &shop]) {
            edge.until_connected(connector, &tunnel.id, CONNECTIONS).await?;
        }
        let victim = Victim {
            edge: edge.listener("edge")?,
            http: edge.listener("http")?,
            https: edge.listener("https")?,
            anchors: TrustAnchors::from_pem(&fs::read(edge.ca())?)?,
            host: shop.host,
            own: TunnelToken::parse(&own.token)?,
            own_host: own.host,
            foreign: TunnelToken::parse(&calm.token)?.tunnel,
            patience: PATIENCE,
            scale: 1,
        };
        Ok(Self {
            probe: Target {
                addr: victim.http,
                host: calm.host,
                proxy: None,
            },
            victim,
            _edge: edge,
            _connectors: connectors,
            _origin: origin,
            others,
        })
    }
}
