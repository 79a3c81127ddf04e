//! Requests that each come over a connection of their own.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    task::JoinSet,
};

use super::{Counted, Histogram, Target};
use crate::origin::SMALL;

/// Clients at a time. More would only wait for a processor.
const CLIENTS: u8 = 32;

/// Connects, asks, reads to the end and begins again, for so long.
///
/// # Errors
/// When a request is not answered as the origin answers it.
pub(crate) async fn connects(target: &Target, window: Duration) -> anyhow::Result<Counted> {
    let start = Instant::now();
    let request: Arc<[u8]> = format!(
        "GET {SMALL} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        target.host
    )
    .into_bytes()
    .into();
    let mut clients = JoinSet::new();
    for client in 1..=CLIENTS {
        let (request, to) = (Arc::clone(&request), target.addr);
        clients.spawn(async move {
            let mut latencies = Histogram::default();
            // Ports are counted for each address: with one for each client no run is short of them.
            let from = SocketAddr::from(([127, 0, 0, client], 0));
            while start.elapsed() < window {
                let began = Instant::now();
                ask_once(from, to, &request).await?;
                latencies.record(began.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut latencies = Histogram::default();
    while let Some(counted) = clients.join_next().await {
        latencies.merge(&counted??);
    }
    Ok(Counted {
        latencies,
        took: start.elapsed(),
    })
}

async fn ask_once(from: SocketAddr, to: SocketAddr, request: &[u8]) -> anyhow::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(from).context("no port is left")?;
    let mut stream = socket.connect(to).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    stream.write_all(request).await?;
    let mut answer = Vec::with_capacity(1024);
    stream.read_to_end(&mut answer).await?;
    ensure!(
        answer.starts_with(b"HTTP/1.1 200"),
        "the answer was {:?}",
        String::from_utf8_lossy(&answer)
    );
    Ok(())
}
