//! Bytes as a bad peer wants them, and what comes back.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use adit_net::tls::{TrustAnchors, outgoing_config};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

use super::{Seen, Sight};

/// How long to wait for what a server says at once.
pub(super) const SOON: Duration = Duration::from_secs(5);
/// The most kept of what a server says.
const KEPT_BYTES: usize = 4 << 20;

/// Everything a server says until it ends the connection.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) bytes: Vec<u8>,
    /// It ended the connection.
    pub(super) ended: bool,
}

impl Heard {
    /// The statuses of the HTTP/1 answers in it.
    pub(super) fn statuses(&self) -> Vec<u16> {
        let text = String::from_utf8_lossy(&self.bytes);
        text.split("HTTP/1.1 ")
            .skip(1)
            .filter_map(|rest| rest.get(..3)?.parse().ok())
            .collect()
    }

    /// Those, or how it ended without one.
    pub(super) fn sight(&self) -> Sight {
        let statuses = self.statuses();
        if statuses.is_empty() {
            return Sight::from([if self.ended { Seen::Closed } else { Seen::Silence }]);
        }
        statuses.into_iter().map(Seen::Status).collect()
    }

    pub(super) fn contains(&self, part: &str) -> bool {
        self.bytes
            .windows(part.len())
            .any(|window| window == part.as_bytes())
    }
}

/// Dials; the target must listen.
pub(super) async fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.expect("the target listens");
    stream.set_nodelay(true).expect("a fresh socket");
    stream
}

/// Shakes hands as `name`, offering these protocols.
pub(super) async fn tls(
    address: SocketAddr,
    anchors: &TrustAnchors,
    name: &str,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut config = outgoing_config(anchors).expect("a configuration");
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp(address).await)
        .await
}

/// Says `bytes` and hears what comes back, at most for `limit`. Both at once: a server may answer before it has
/// heard all.
pub(super) async fn say<S>(stream: S, bytes: &[u8], limit: Duration) -> Heard
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let saying = async {
        // A server that has heard enough closes.
        let _ = writer.write_all(bytes).await;
        let _ = writer.flush().await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        heard = listen(&mut reader, limit) => heard,
        () = saying => Heard::default(),
    }
}

/// Hears what comes, at most for `limit`.
pub(super) async fn listen(stream: &mut (impl AsyncRead + Unpin), limit: Duration) -> Heard {
    let (mut heard, deadline) = (Heard::default(), Instant::now() + limit);
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match timeout_at(deadline, stream.read(&mut buffer)).await {
            Err(_elapsed) => return heard,
            Ok(Ok(0) | Err(_)) => {
                heard.ended = true;
                return heard;
            }
            Ok(Ok(read)) => {
                if heard.bytes.len() < KEPT_BYTES {
                    heard.bytes.extend_from_slice(&buffer[..read]);
                }
            }
        }
    }
}

/// As [`say`], to a plain TCP port, for as long as something is expected at once. The answer to a whole request is
/// waited for no longer than that.
pub(super) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Heard {
    say(tcp(address).await, bytes, SOON).await
}

/// Says each of these on a connection of its own and unites what is seen.
pub(super) async fn each(address: SocketAddr, cases: impl IntoIterator<Item = Vec<u8>>) -> Sight {
    let mut sight = Sight::new();
    for case in cases {
        sight.extend(exchange(address, &case).await.sight());
    }
    sight
}

/// Whether the server ends the connection before `limit`, whatever it says until then.
pub(super) async fn ended(stream: &mut (impl AsyncRead + Unpin), limit: Duration) -> bool {
    let mut buffer = vec![0; 16 * 1024];
    let reading = async { while let Ok(1..) = stream.read(&mut buffer).await {} };
    timeout(limit, reading).await.is_ok()
}

/// Writes until nothing has moved for `patience`, or the peer ends the connection; returns how many bytes it took.
pub(super) async fn stuff(
    stream: &mut (impl AsyncWrite + Unpin),
    piece: &[u8],
    most: usize,
    patience: Duration,
) -> usize {
    let mut taken = 0;
    while taken < most {
        match timeout(patience, stream.write(piece)).await {
            Ok(Ok(written @ 1..)) => taken += written,
            Ok(Ok(0) | Err(_)) | Err(_) => break,
        }
    }
    taken
}
