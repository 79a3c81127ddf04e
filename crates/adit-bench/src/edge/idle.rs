//! Memory of what only waits.

use std::{path::Path, time::Duration};

use adit_testing::{origin::Origin, process::Process};
use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use super::{Scale, kib_each, tls::Client};
use crate::{
    figures::Line,
    load::Target,
    modes::{Parts, Way, adit::with_own_connector},
};

/// How many are opened at a time.
const AT_A_TIME: usize = 32;
/// Buffers of the last handshakes are given back within this.
const SETTLE: Duration = Duration::from_secs(3);

/// Public TLS connections that have had one answer and are kept.
pub(super) async fn tls(program: &Path, scale: Scale) -> anyhow::Result<Line> {
    let (_origin, way) = way(program).await?;
    let client = Client::new(&way, false)?;
    let head = request(&way.target, "/bytes/64", "");
    let edge = way.edge.as_ref().context("no edge")?;
    let before = edge.usage().rss_anon_bytes;
    let kept = open(scale.connections, async |at| {
        let mut stream = client.connect(u8::try_from(at % 250)?).await?;
        exchange(&mut stream, &head, "HTTP/1.1 200", 64).await?;
        Ok(stream)
    })
    .await?;
    sleep(SETTLE).await;
    let each = kib_each(before, edge.usage().rss_anon_bytes, kept.len());
    Ok(Line::at_most(
        "memory of a waiting public TLS connection in the edge, KiB",
        each,
        64.0,
    ))
}

/// WebSockets through one tunnel.
pub(super) async fn websockets(program: &Path, scale: Scale) -> anyhow::Result<Line> {
    let (_origin, way) = way(program).await?;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n";
    let head = request(&way.target, "/websocket/raw", upgrade);
    let processes: Vec<&Process> = way.edge.iter().chain(&way.connector).collect();
    let both = || {
        processes
            .iter()
            .map(|process| process.usage().rss_anon_bytes)
            .sum()
    };
    let before = both();
    let kept = open(scale.websockets, async |_| {
        let mut stream = TcpStream::connect(way.target.addr).await?;
        exchange(&mut stream, &head, "HTTP/1.1 101", 0).await?;
        // It carries bytes before it waits.
        stream.write_all(b"adit").await?;
        stream.read_exact(&mut [0; 4]).await?;
        Ok(stream)
    })
    .await?;
    sleep(SETTLE).await;
    let each = kib_each(before, both(), kept.len());
    Ok(Line::at_most(
        "memory of a waiting WebSocket in edge and connector, KiB",
        each,
        100.0,
    ))
}

async fn way(program: &Path) -> anyhow::Result<(Origin, Way)> {
    let origin = Origin::start().await;
    let parts = Parts {
        origin: origin.addr(),
        adit: program.to_owned(),
    };
    let way = with_own_connector(&parts).await?;
    Ok((origin, way))
}

/// Opens so many, some at a time.
async fn open<T>(count: usize, one: impl AsyncFn(usize) -> anyhow::Result<T>) -> anyhow::Result<Vec<T>> {
    let mut kept = Vec::with_capacity(count);
    while kept.len() < count {
        let more = (count - kept.len()).min(AT_A_TIME);
        let first = kept.len();
        let opened = futures_util::future::try_join_all((first..first + more).map(|at| one(at))).await?;
        kept.extend(opened);
    }
    Ok(kept)
}

fn request(target: &Target, path: &str, more: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{more}\r\n", target.host).into_bytes()
}

/// Sends a request's head and reads an answer's, and a body that is so long.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    request: &[u8],
    begins: &str,
    body: usize,
) -> anyhow::Result<()> {
    stream.write_all(request).await?;
    let mut answer = Vec::with_capacity(1024);
    loop {
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
        if end.is_some_and(|end| answer.len() >= end + 4 + body) {
            break;
        }
        ensure!(
            stream.read_buf(&mut answer).await? > 0,
            "the answer broke off: {:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    ensure!(
        answer.starts_with(begins.as_bytes()),
        "the answer was {:?}",
        String::from_utf8_lossy(&answer)
    );
    Ok(())
}
