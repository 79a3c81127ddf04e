//! One of two connectors dies or hangs under load: no request fails, and none waits long.
#![expect(clippy::print_stdout, reason = "a test tells what it measured")]

mod support;

use std::time::{Duration, Instant};

use adit_testing::{
    cloudflared::{self, Protocol},
    origin::Origin,
    process::{Process, Signal},
    skip,
};
use support::{Connector, Server, Tunnel};
use tokio::task::JoinSet;

/// How long before and after the fault requests are sent.
const AROUND: Duration = Duration::from_secs(2);

/// Requests a second: what unoptimised programs carry beside other tests.
const RATE: u32 = 200;

#[derive(Debug, Clone, Copy)]
enum Fault {
    Killed,
    Hung,
}

/// A request: when it was sent, after the start, its status and how long it took.
type Request = (Duration, u16, Duration);

/// Sends requests at a steady rate, whatever becomes of earlier ones, and does the fault in the middle.
async fn load(server: &Server, tunnel: &Tunnel, victim: &mut Process, fault: Fault) -> Vec<Request> {
    let (listener, begun) = (server.listener("http"), Instant::now());
    let mut requests = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    let mut done = false;
    while begun.elapsed() < 2 * AROUND {
        ticks.tick().await;
        if !done && begun.elapsed() >= AROUND {
            match fault {
                Fault::Killed => victim.signal(Signal::KILL),
                Fault::Hung => victim.signal(Signal::STOP),
            }
            done = true;
        }
        let host = tunnel.host.clone();
        requests.spawn(async move {
            let (at, sent) = (begun.elapsed(), Instant::now());
            let status = match adit_testing::client::get(listener, &host, "/").await {
                Ok(answer) => answer.status.as_u16(),
                Err(_) => 0,
            };
            (at, status, sent.elapsed())
        });
    }
    requests.join_all().await
}

fn judge(name: &str, mut requests: Vec<Request>, limit: Duration) {
    let failed: Vec<_> = requests.iter().filter(|(_, status, _)| *status != 200).collect();
    assert!(
        failed.is_empty(),
        "{name}: {} of {} failed: {:?}",
        failed.len(),
        requests.len(),
        &failed[..failed.len().min(5)]
    );
    requests.retain(|(at, ..)| (AROUND..AROUND + Duration::from_secs(1)).contains(at));
    requests.sort_unstable_by_key(|(_, _, took)| *took);
    let at = |thousandth: usize| requests[(requests.len() - 1) * thousandth / 1000].2;
    println!(
        "{name}: of {} requests in the fault's second p50 {:?}, p99 {:?}, p99.9 {:?}",
        requests.len(),
        at(500),
        at(990),
        at(999)
    );
    assert!(at(999) <= limit, "{name}: p99.9 is {:?}", at(999));
}

async fn ours(fault: Fault) {
    let server = Server::start().await;
    let tunnel = server.tunnel("shop").await;
    let origin = Origin::saying("hello").await;
    let mut first = server.connect(&tunnel, &origin.url()).await;
    let _second = Connector::start(&server, &tunnel.token, &origin.url()).await;
    server.connected(&tunnel, 8).await;
    let requests = load(&server, &tunnel, &mut first.process, fault).await;
    judge(
        &format!("ours over QUIC, {fault:?}"),
        requests,
        Duration::from_millis(1500),
    );
    if matches!(fault, Fault::Hung) {
        first.process.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_when_our_connector_is_killed() {
    ours(Fault::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_when_our_connector_hangs() {
    ours(Fault::Hung).await;
}

async fn stock(name: &str, fault: Fault) {
    let Some(binary) = cloudflared::binary() else {
        return skip(name, cloudflared::ABSENT);
    };
    for (protocol, limit) in [(Protocol::Quic, 1500), (Protocol::Http2, 2500)] {
        let server = Server::start().await;
        let tunnel = server.tunnel("shop").await;
        let origin = Origin::saying("hello").await;
        let mut first = server
            .connect_stock(&binary, protocol, &tunnel, &origin.url())
            .await;
        let _second = server
            .connect_stock_beside(&binary, protocol, &tunnel, &origin.url(), 8)
            .await;
        let requests = load(&server, &tunnel, &mut first.process, fault).await;
        judge(
            &format!("stock over {protocol}, {fault:?}"),
            requests,
            Duration::from_millis(limit),
        );
        first.process.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_when_a_stock_connector_is_killed() {
    stock("no_request_fails_when_a_stock_connector_is_killed", Fault::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_when_a_stock_connector_hangs() {
    stock("no_request_fails_when_a_stock_connector_hangs", Fault::Hung).await;
}
