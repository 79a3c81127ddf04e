//! The catalogue of bad peers against the whole binary: each gets what it should, costs memory within the budget that
//! is given back, and nobody else notices.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test tells what it measured, and may panic"
)]

mod support;

use std::{
    fs,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_net::tls::TrustAnchors;
use adit_testing::{
    client, long_wanted,
    misbehaviour::{FAMILIES, Misbehaviour, Target},
    origin::Origin,
    process::Usage,
};
use adit_wire::TunnelToken;
use parking_lot::Mutex;
use support::{Connector, Server, Tunnel};
use tokio::task::JoinSet;

/// What the server is told to keep within.
const BUDGET: u64 = 256 << 20;
/// How much of its memory it may keep after a misbehaviour.
const KEPT: u64 = 32 << 20;
/// How long it may take to give the rest back.
const BACK_WITHIN: Duration = Duration::from_secs(30);
/// How long it bears clients that do nothing.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pause between two requests of the good client.
const TICK: Duration = Duration::from_millis(20);
/// What the good client calls a failure.
const TOO_LONG: Duration = Duration::from_secs(10);

/// A server with three tunnels: one that the good client uses, one that bad clients use, one of the bad connectors.
struct World {
    server: Server,
    target: Target,
    probe: Tunnel,
    _connectors: [Connector; 2],
    _origins: [Origin; 2],
}

impl World {
    async fn start() -> Self {
        let budget = BUDGET.to_string();
        let server = Server::start_with(&[
            "--no-demo",
            "--edge-memory-budget",
            &budget,
            "--http-idle-timeout",
            "2s",
        ])
        .await;
        let [probe, shop, own] = [
            server.tunnel("probe").await,
            server.tunnel("shop").await,
            server.tunnel("own").await,
        ];
        let (calm, busy) = (Origin::saying("hello").await, Origin::start().await);
        let connectors = [
            server.connect(&probe, &calm.url()).await,
            server.connect(&shop, &busy.url()).await,
        ];
        let target = Target {
            edge: server.listener("edge"),
            http: server.listener("http"),
            https: server.listener("https"),
            anchors: TrustAnchors::from_pem(&fs::read(server.ca()).unwrap()).unwrap(),
            host: shop.host,
            own: TunnelToken::parse(&own.token).unwrap(),
            own_host: own.host,
            foreign: TunnelToken::parse(&probe.token).unwrap().tunnel,
            patience: PATIENCE,
            scale: if long_wanted() { 10 } else { 1 },
        };
        Self {
            server,
            target,
            probe,
            _connectors: connectors,
            _origins: [calm, busy],
        }
    }

    fn memory(&self) -> u64 {
        self.server.process.usage().rss_anon_bytes
    }
}

/// What the good client and the watch over memory noticed.
#[derive(Debug, Default)]
struct Noticed {
    requests: usize,
    failures: Vec<String>,
    slowest: Duration,
    most_memory: u64,
}

/// Asks at a steady rate, whatever becomes of earlier requests, and watches memory.
async fn watch(listener: SocketAddr, host: String, process: u32, noticed: Arc<Mutex<Noticed>>) {
    let (mut ticks, mut requests) = (tokio::time::interval(TICK), JoinSet::new());
    loop {
        ticks.tick().await;
        requests.spawn(ask(listener, host.clone(), Arc::clone(&noticed)));
        while requests.try_join_next().is_some() {}
        if let Some(usage) = Usage::of(process) {
            let mut noticed = noticed.lock();
            noticed.most_memory = noticed.most_memory.max(usage.rss_anon_bytes);
        }
    }
}

async fn ask(listener: SocketAddr, host: String, noticed: Arc<Mutex<Noticed>>) {
    let begun = Instant::now();
    let answer = tokio::time::timeout(TOO_LONG, client::get(listener, &host, "/")).await;
    let failure = match answer {
        Ok(Ok(answer)) if answer.status == 200 && answer.text() == "hello" => None,
        Ok(Ok(answer)) => Some(answer.status.to_string()),
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("no answer".to_owned()),
    };
    let mut noticed = noticed.lock();
    noticed.requests += 1;
    noticed.slowest = noticed.slowest.max(begun.elapsed());
    noticed.failures.extend(failure);
}

async fn run(world: &World, misbehaviour: &Misbehaviour, complaints: &mut Vec<String>) {
    let (before, begun) = (world.memory(), Instant::now());
    let noticed = Arc::new(Mutex::new(Noticed::default()));
    // A task of its own: what misbehaves is busy.
    let mut watching = JoinSet::new();
    watching.spawn(watch(
        world.target.http,
        world.probe.host.clone(),
        world.server.process.id(),
        Arc::clone(&noticed),
    ));
    let seen = misbehaviour.run(&world.target).await;
    let took = begun.elapsed();
    let back = async {
        while world.memory() > before + KEPT {
            tokio::time::sleep(TICK).await;
        }
    };
    let returned = tokio::time::timeout(BACK_WITHIN, back).await.is_ok();
    watching.shutdown().await;
    let noticed = noticed.lock();
    let mib = |bytes: u64| bytes >> 20;
    println!(
        "{:32} {took:7.1?}, back after {:5.1?}; memory {} MiB, at most {}, then {}; of {} requests {} failed, the slowest took {:.0?}; saw {}",
        misbehaviour.name,
        begun.elapsed() - took,
        mib(before),
        mib(noticed.most_memory),
        mib(world.memory()),
        noticed.requests,
        noticed.failures.len(),
        noticed.slowest,
        seen.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    );
    let mut complain = |what: String| complaints.push(format!("{}: {what}", misbehaviour.name));
    if !misbehaviour.is_outcome(&seen) {
        complain(format!("saw {seen:?}, where {:?} is right", misbehaviour.outcome));
    }
    if noticed.most_memory > BUDGET {
        complain(format!("{} MiB of memory", mib(noticed.most_memory)));
    }
    if !returned {
        complain(format!(
            "from {} MiB to {}, and kept",
            mib(before),
            mib(world.memory())
        ));
    }
    if !noticed.failures.is_empty() {
        complain(format!(
            "{} requests of others failed: {:?}",
            noticed.failures.len(),
            noticed.failures.first()
        ));
    }
}

async fn family(name: &str) {
    let (_, members) = FAMILIES.iter().find(|(family, _)| *family == name).unwrap();
    let mut world = World::start().await;
    let only = std::env::var("ADIT_MISBEHAVIOUR").ok();
    let mut complaints = Vec::new();
    for misbehaviour in *members {
        if only.as_ref().is_some_and(|only| only != misbehaviour.name) {
            continue;
        }
        run(&world, misbehaviour, &mut complaints).await;
        assert!(
            world.server.process.is_running(),
            "{misbehaviour:?} ended the server"
        );
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_eq!(
        world
            .server
            .answers(&world.probe.host, 200, TOO_LONG)
            .await
            .as_secs()
            / 60,
        0
    );
    assert!(world.server.process.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_without_a_good_head_hurt_nobody() {
    family("heads").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_smuggled_past_the_edge() {
    family("smuggling").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_takes_a_name_that_is_not_theirs() {
    family("names").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_are_served_or_let_go() {
    family("slow").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_that_lead_nowhere_hurt_nobody() {
    family("tls").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn misused_http2_frames_hurt_nobody() {
    family("frames").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn misused_header_compression_hurts_nobody() {
    family("hpack").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn misused_quic_hurts_nobody() {
    family("quic").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_registrations_hurt_nobody() {
    family("registration").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_rpc_hurts_nobody() {
    family("rpc").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connectors_that_misuse_http2_hurt_nobody() {
    family("session").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connectors_that_answer_wrongly_hurt_nobody() {
    family("answers").await;
}

#[test]
fn every_family_has_its_test() {
    let source = include_str!("bad_peers.rs");
    for (family, _) in FAMILIES {
        assert!(
            source.contains(&format!("family(\"{family}\").await")),
            "{family}"
        );
    }
}
