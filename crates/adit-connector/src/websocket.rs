//! WebSockets: passed through as bytes to HTTP origins, ended here for TCP origins.

use std::io;
use std::time::Duration;

use adit_core::ingress::HostPort;
use adit_net::quic::{RecvStream, SendStream};
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

/// The most bytes moved at once.
const CHUNK: usize = 16 * 1024;
/// The longest message taken from a client, bytes.
const MAX_MESSAGE: usize = 1 << 20;
/// How often a client of a TCP origin is pinged.
const PING_INTERVAL: Duration = Duration::from_secs(54);

/// A TCP server inside the client's WebSocket.
pub(crate) struct TcpOrigin {
    to: HostPort,
    connect_timeout: Duration,
}

impl TcpOrigin {
    pub(crate) fn new(to: HostPort, connect_timeout: Duration) -> Self {
        Self { to, connect_timeout }
    }

    /// Connects to the origin.
    pub(crate) async fn connect(&self) -> io::Result<TcpStream> {
        let dialling = TcpStream::connect((self.to.host.as_str(), self.to.port));
        let tcp = tokio::time::timeout(self.connect_timeout, dialling).await??;
        tcp.set_nodelay(true)?;
        Ok(tcp)
    }
}

/// Moves bytes both ways. The first end in either direction ends the flow, as edges expect it.
///
/// # Errors
/// If a side breaks off.
pub(crate) async fn pass_through(
    origin: impl AsyncRead + AsyncWrite,
    first: Bytes,
    mut recv: RecvStream,
    send: &mut SendStream,
) -> io::Result<()> {
    let (mut from_origin, mut to_origin) = tokio::io::split(origin);
    let up = async {
        to_origin.write_all(&first).await?;
        to_origin.flush().await?;
        while let Some(chunk) = recv.read_chunk(CHUNK).await? {
            to_origin.write_all(&chunk).await?;
            to_origin.flush().await?;
        }
        Ok(())
    };
    let down = async {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        while from_origin.read_buf(&mut buffer).await? > 0 {
            // A copy of what came, so that a short message does not keep the whole buffer waiting for its receipt.
            send.write_chunk(Bytes::copy_from_slice(&buffer)).await?;
            buffer.clear();
        }
        Ok(())
    };
    tokio::select! {
        ended = up => ended,
        ended = down => ended,
    }
}

/// Ends the client's WebSocket and moves what its messages hold to and from a TCP server.
///
/// # Errors
/// If a side breaks off, or the client breaks the WebSocket protocol.
pub(crate) async fn unwrap_tcp(
    origin: TcpStream,
    first: Bytes,
    recv: RecvStream,
    send: &mut SendStream,
) -> io::Result<()> {
    let client = tokio::io::join(recv, send);
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .write_buffer_size(0);
    let client = WebSocketStream::from_partially_read(client, first.into(), Role::Server, Some(limits)).await;
    let (mut to_client, mut from_client) = client.split();
    let (mut from_origin, mut to_origin) = tokio::io::split(origin);
    let up = async {
        while let Some(message) = from_client.next().await {
            match message.map_err(broken)? {
                Message::Binary(bytes) => to_origin.write_all(&bytes).await?,
                Message::Text(text) => to_origin.write_all(text.as_bytes()).await?,
                Message::Close(_) => break,
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
        Ok(())
    };
    let down = async {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        let mut pings = tokio::time::interval(PING_INTERVAL);
        pings.tick().await;
        loop {
            let message = tokio::select! {
                read = from_origin.read_buf(&mut buffer) => match read? {
                    0 => break,
                    _ => Message::Binary(Bytes::copy_from_slice(&buffer)),
                },
                _ = pings.tick() => Message::Ping(Bytes::new()),
            };
            if message.is_binary() {
                buffer.clear();
            }
            to_client.send(message).await.map_err(broken)?;
        }
        to_client.close().await.map_err(broken)
    };
    tokio::select! {
        ended = up => ended,
        ended = down => ended,
    }
}

fn broken(error: tungstenite::Error) -> io::Error {
    io::Error::other(error)
}
