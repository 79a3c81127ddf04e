//! Bodies of a gibibyte both ways, and a client that reads slowly: nothing piles up in any process.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may panic, and tells what it measured"
)]

mod support;

use std::time::{Duration, Instant};

use adit_testing::{
    client::send,
    cloudflared::{self, Protocol},
    long_only,
    origin::Origin,
    process::{Process, Usage},
    skip,
};
use bytes::Bytes;
use futures_util::StreamExt;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt, Empty, StreamBody};
use support::{Server, Tunnel};

const GIB: u64 = 1 << 30;
const PIECE: usize = 64 * 1024;
/// What a connector may grow by, and what the process that holds everything may.
const CONNECTOR_GROWTH: u64 = 32 << 20;
const UP_GROWTH: u64 = 64 << 20;

/// Watches how far a process grows above what it held at first.
struct Growth<'a> {
    process: &'a Process,
    limit: u64,
    before: u64,
    most: u64,
}

impl<'a> Growth<'a> {
    fn of(process: &'a Process, limit: u64) -> Self {
        let before = process.usage().rss_bytes;
        Self {
            process,
            limit,
            before,
            most: 0,
        }
    }

    fn look(&mut self) {
        if let Some(usage) = Usage::of(self.process.id()) {
            self.most = self.most.max(usage.rss_bytes.saturating_sub(self.before));
        }
        assert!(self.most < self.limit, "a process grew by {} bytes", self.most);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gibibyte_goes_both_ways_and_leaves_no_trace_in_memory() {
    let name = "a_gibibyte_goes_both_ways_and_leaves_no_trace_in_memory";
    if !long_only(name) {
        return;
    }
    let server = Server::start().await;
    let tunnel = server.tunnel("shop").await;
    let origin = Origin::start().await;
    let connector = server.connect(&tunnel, &origin.url()).await;
    both_ways(&server, &tunnel, Some(&connector.process)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gibibyte_goes_both_ways_through_a_stock_connector() {
    let name = "a_gibibyte_goes_both_ways_through_a_stock_connector";
    if !long_only(name) {
        return;
    }
    let Some(binary) = cloudflared::binary() else {
        return skip(name, cloudflared::ABSENT);
    };
    for protocol in Protocol::ALL {
        let server = Server::start().await;
        let tunnel = server.tunnel("shop").await;
        let origin = Origin::start().await;
        let _connector = server
            .connect_stock(&binary, protocol, &tunnel, &origin.url())
            .await;
        both_ways(&server, &tunnel, None).await;
    }
}

async fn both_ways(server: &Server, tunnel: &Tunnel, connector: Option<&Process>) {
    let mut growths = vec![Growth::of(&server.process, UP_GROWTH)];
    growths.extend(connector.map(|process| Growth::of(process, CONNECTOR_GROWTH)));

    let request = Request::get(format!("/bytes/{GIB}")).header("host", &tunnel.host);
    let (_, mut body) = send(
        server.listener("http"),
        request.body(Empty::<Bytes>::new()).unwrap(),
    )
    .await
    .unwrap();
    let (mut received, mut looked) = (0, 0);
    while let Some(chunk) = body.chunk().await.unwrap() {
        received += chunk.len() as u64;
        if received - looked > GIB / 64 {
            growths.iter_mut().for_each(Growth::look);
            looked = received;
        }
    }
    assert_eq!(received, GIB);

    let piece = Bytes::from(vec![7; PIECE]);
    let pieces = futures_util::stream::iter(0..GIB / PIECE as u64)
        .map(move |_| Ok::<_, std::io::Error>(Frame::data(piece.clone())));
    let request = Request::post("/upload").header("host", &tunnel.host);
    let request = request
        .header("content-length", GIB)
        .body(BodyExt::boxed(StreamBody::new(pieces)))
        .unwrap();
    let upload = send(server.listener("http"), request);
    tokio::pin!(upload);
    let (_, mut answer) = loop {
        tokio::select! {
            answer = &mut upload => break answer.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(50)) => growths.iter_mut().for_each(Growth::look),
        }
    };
    let told: serde_json::Value = serde_json::from_slice(&answer.read().await.unwrap()).unwrap();
    assert_eq!(told["bytes"], GIB);
    for growth in &growths {
        println!("grew by {} KiB", growth.most / 1024);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_a_megabyte_a_second_holds_back_the_origin() {
    let name = "a_client_that_reads_a_megabyte_a_second_holds_back_the_origin";
    if !long_only(name) {
        return;
    }
    let server = Server::start().await;
    let tunnel = server.tunnel("shop").await;
    let origin = Origin::start().await;
    let connector = server.connect(&tunnel, &origin.url()).await;
    let mut growths = [
        Growth::of(&server.process, UP_GROWTH),
        Growth::of(&connector.process, CONNECTOR_GROWTH),
    ];
    let request = Request::get(format!("/bytes/{GIB}")).header("host", &tunnel.host);
    let (_, mut body) = send(
        server.listener("http"),
        request.body(Empty::<Bytes>::new()).unwrap(),
    )
    .await
    .unwrap();
    let begun = Instant::now();
    let mut received = 0.0;
    while begun.elapsed() < Duration::from_secs(60) {
        received += body.chunk().await.unwrap().unwrap().len() as f64;
        growths.iter_mut().for_each(Growth::look);
        // The client's pace is what is tested.
        tokio::time::sleep_until((begun + Duration::from_secs_f64(received / 1e6)).into()).await;
    }
    for growth in &growths {
        println!("grew by {} KiB", growth.most / 1024);
    }
}
