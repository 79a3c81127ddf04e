//! TLS to our edge, as a client that trusts its CA.

use std::{fs, net::SocketAddr, sync::Arc};

use adit_net::tls::{TrustAnchors, outgoing_config};
use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{HandshakeKind, client::Resumption, pki_types::ServerName},
};

use crate::modes::Way;

/// A client of one edge. Clones share the tickets that they got.
#[derive(Clone)]
pub(super) struct Client {
    addr: SocketAddr,
    name: ServerName<'static>,
    connector: TlsConnector,
}

impl Client {
    /// With `tickets`, later handshakes resume the sessions of earlier ones.
    pub(super) fn new(way: &Way, tickets: bool) -> anyhow::Result<Self> {
        let https = way.https.as_ref().context("no listener for TLS")?;
        let mut config = outgoing_config(&TrustAnchors::from_pem(&fs::read(&https.ca)?)?)?;
        if !tickets {
            config.resumption = Resumption::disabled();
        }
        Ok(Self {
            addr: https.addr,
            name: ServerName::try_from(way.target.host.clone())?,
            connector: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Shakes hands from one of the addresses 127.0.0.1 to 127.0.0.255: ports are counted for each.
    pub(super) async fn connect(&self, from: u8) -> anyhow::Result<TlsStream<TcpStream>> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, from.max(1)], 0)))?;
        let stream = socket.connect(self.addr).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(self.connector.connect(self.name.clone(), stream).await?)
    }
}

/// Says goodbye and reads what is left, tickets among it; whether the session was resumed.
pub(super) async fn part(mut stream: TlsStream<TcpStream>) -> anyhow::Result<bool> {
    stream.shutdown().await?;
    ensure!(
        stream.read(&mut [0; 64]).await? == 0,
        "the edge speaks without being asked"
    );
    Ok(stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed))
}
