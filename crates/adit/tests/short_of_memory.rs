//! A flood that wants more memory than there is: the server keeps within its budget, says so, and serves again.

mod support;

use std::{net::SocketAddr, time::Duration};

use adit_testing::{client, origin::Origin, process::Usage, wait_for};
use support::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
};

/// What the server is told to keep within: less than half of what the flood wants.
const BUDGET: u64 = 128 << 20;
const CLIENTS: usize = 400;
/// What each sends of a head that has no end; the server takes heads of twice as much.
const HEAD: usize = 1 << 20;
const PIECE: usize = 16 << 10;
/// How often memory is looked at.
const LOOK_EACH: Duration = Duration::from_millis(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_heads_stays_within_the_budget() {
    let budget = BUDGET.to_string();
    let server = Server::start_with(&[
        "--no-demo",
        "--edge-memory-budget",
        &budget,
        "--http-max-header-bytes",
        "2MiB",
    ])
    .await;
    let (tunnel, origin) = (server.tunnel("shop").await, Origin::saying("hello").await);
    let _connector = server.connect(&tunnel, &origin.url()).await;
    let http = server.listener("http");
    assert_eq!(client::get(http, &tunnel.host, "/").await.unwrap().status, 200);

    let (mut flood, stop) = (JoinSet::new(), watch::Sender::new(false));
    for _ in 0..CLIENTS {
        flood.spawn(endless_head(http, stop.subscribe()));
    }
    let mut most = 0;
    let mut ended = 0;
    // All of the budget's measures have been needed once some were cut.
    while ended < CLIENTS / 4 {
        most = most.max(Usage::of(server.process.id()).unwrap().rss_anon_bytes);
        tokio::select! {
            _ = flood.join_next() => ended += 1,
            () = tokio::time::sleep(LOOK_EACH) => {}
        }
    }
    println!("at most {} MiB of {}", most >> 20, BUDGET >> 20);
    assert!(most <= BUDGET, "{} MiB", most >> 20);

    stop.send_replace(true);
    flood.join_all().await;
    wait_for("the good client's answer", async || {
        client::get(http, &tunnel.host, "/")
            .await
            .is_ok_and(|answer| answer.status == 200)
    })
    .await;
    let lines = server.process.lines();
    assert!(
        lines.iter().any(|line| line.contains("memory is short")),
        "nobody was told"
    );
}

/// Sends a head without an end; returns when the server has enough of it.
async fn endless_head(http: SocketAddr, mut stop: watch::Receiver<bool>) {
    let Ok(mut stream) = TcpStream::connect(http).await else {
        return;
    };
    let sending = async {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: shop.adit.localhost\r\n")
            .await?;
        let mut field = b"X-Long: ".to_vec();
        field.resize(PIECE - 2, b'a');
        field.extend(b"\r\n");
        for _ in 0..HEAD / PIECE {
            stream.write_all(&field).await?;
        }
        // Until the server answers or hangs up.
        stream.read_u8().await
    };
    tokio::select! {
        _ = sending => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}
