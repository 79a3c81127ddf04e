//! Bodies far larger than any buffer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use adit_testing::long_only;
use adit_testing::origin::Origin;
use adit_testing::process::Usage;
use adit_testing::scripted::ScriptedEdge;
use adit_wire::{FlowKind, RequestHead};
use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::support::{Running, single};

const BODY: u64 = 256 << 20;
const CHUNK: usize = 256 * 1024;
/// Edge, connector and origin share this process.
const MAX_GROWTH: u64 = 64 << 20;

/// Watches this process's memory until told to stop, and gives the most it held.
fn watch(stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<u64> {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        let mut most = 0;
        while !stop.load(Ordering::Relaxed) {
            most = most.max(held());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        most
    })
}

fn held() -> u64 {
    Usage::of(std::process::id()).unwrap().rss_anon_bytes
}

fn head(method: Method, path: &str, length: u64) -> RequestHead {
    let mut headers = HeaderMap::new();
    if length > 0 {
        headers.insert("content-length", length.into());
    }
    RequestHead {
        kind: FlowKind::Http,
        dest: format!("http://h{path}"),
        method,
        host: "h".to_owned(),
        headers,
        flow_id: None,
        extras: adit_wire::Extras::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_passes_in_each_direction_in_bounded_memory() {
    if !long_only("a_large_body_passes_in_each_direction_in_bounded_memory") {
        return;
    }
    let origin = Origin::start().await;
    let edge = ScriptedEdge::start();
    let _connector = Running::start(single(&edge, &format!("http://{}", origin.addr()), 1));
    let at = edge.connected(1).await.remove(0);
    at.get("h", "/bytes/1000000").await;
    let before = held();
    let stop = Arc::new(AtomicBool::new(false));
    let watching = watch(&stop);

    let mut down = at
        .open(&head(Method::GET, &format!("/bytes/{BODY}"), 0), b"")
        .await;
    let (_, first) = down.head().await.unwrap();
    let mut received = u64::try_from(first.len()).unwrap();
    while let Some(chunk) = down.recv.read_chunk(CHUNK).await.unwrap() {
        received += u64::try_from(chunk.len()).unwrap();
    }
    assert_eq!(received, BODY);

    let sent = AtomicU64::new(0);
    let mut up = at.open(&head(Method::POST, "/upload", BODY), b"").await;
    let chunk = Bytes::from(vec![0; CHUNK]);
    while sent.fetch_add(u64::try_from(CHUNK).unwrap(), Ordering::Relaxed) < BODY {
        up.send.write_chunk(chunk.clone()).await.unwrap();
    }
    up.send.finish();
    let answer = up.answer().await;
    let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(told["bytes"], BODY);

    stop.store(true, Ordering::Relaxed);
    let most = watching.join().unwrap();
    assert!(most < before + MAX_GROWTH, "{before} bytes grew to {most}");
}
