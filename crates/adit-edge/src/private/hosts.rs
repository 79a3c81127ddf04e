//! Dials private host names: looks them up where their tunnel leads, with the resolver of the connector's machine.

use std::{
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use adit_model::{Hostname, TunnelKey};
use adit_net::private::{PrivateDialError, PrivateNetwork, PrivateStream};
use adit_wire::dns::{AddressKind, Addresses, decode_answer, encode_question};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tracing::debug;

use super::Dialer;

/// What a connector takes for its machine's resolver.
/// Source: cloudflare/cloudflared: ingress/origins/dns.go.
const RESOLVER: SocketAddr = SocketAddr::new(
    IpAddr::V6(Ipv6Addr::new(0x2606, 0x4700, 0xcf1, 0x2000, 0, 0, 0, 1)),
    53,
);
/// How long an answer may take, its connection included.
const LIMIT: Duration = Duration::from_secs(6);
/// Addresses of one name that are tried.
const MOST_DIALS: usize = 4;

impl Dialer {
    /// The tunnel that a host name is routed to.
    pub(crate) fn tunnel_of_host(&self, network: PrivateNetwork, host: &Hostname) -> Option<TunnelKey> {
        let table = self.context.tunnels.load();
        table.private.tunnel_of_host(network.account, host)
    }

    /// A TCP connection to a private host name: to the first of its addresses that may be reached and answers.
    pub(crate) async fn tcp_to_host(
        &self,
        network: PrivateNetwork,
        host: &Hostname,
        port: u16,
    ) -> Result<Box<dyn PrivateStream>, PrivateDialError> {
        let unknown = || PrivateDialError::NoSuchHost(host.to_string());
        let tunnel = self.tunnel_of_host(network, host).ok_or_else(unknown)?;
        let addresses = self.addresses(tunnel, host).await?;
        let mut failed = unknown();
        for address in addresses.iter().take(MOST_DIALS) {
            let to = SocketAddr::new(address.to_canonical(), port);
            let dialled = match self.check(to) {
                Ok(()) => self.tcp_through(tunnel, to).await,
                Err(forbidden) => Err(forbidden),
            };
            match dialled {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// The addresses of a host name, from the tunnel's resolver or as it said lately.
    async fn addresses(&self, tunnel: TunnelKey, host: &Hostname) -> Result<Arc<[IpAddr]>, PrivateDialError> {
        if let Some(known) = self.names.lock().get(tunnel, host, Instant::now()) {
            return Ok(known);
        }
        let (four, six) = tokio::join!(
            self.ask(tunnel, host, AddressKind::V4),
            self.ask(tunnel, host, AddressKind::V6)
        );
        // One of them is enough; a resolver may know nothing of the other.
        let answers = match (four, six) {
            (Ok(four), Ok(six)) => [Some(four), Some(six)],
            (Ok(one), Err(_)) | (Err(_), Ok(one)) => [Some(one), None],
            (Err(error), Err(_)) => return Err(error),
        };
        let answers = || answers.iter().flatten().filter(|one| !one.addresses.is_empty());
        let ttl = answers().map(|one| one.ttl_s).min().unwrap_or_default();
        let addresses: Arc<[IpAddr]> = answers().flat_map(|one| one.addresses.clone()).collect();
        let (ttl, now) = (Duration::from_secs(ttl.into()), Instant::now());
        self.names
            .lock()
            .keep(tunnel, host.clone(), Arc::clone(&addresses), ttl, now);
        Ok(addresses)
    }

    /// Asks the resolver over a connection of its own: not every one answers two questions on one.
    async fn ask(
        &self,
        tunnel: TunnelKey,
        host: &Hostname,
        kind: AddressKind,
    ) -> Result<Addresses, PrivateDialError> {
        let asking = async {
            let stream = self.tcp_through(tunnel, RESOLVER).await?;
            exchange(stream, host, kind)
                .await
                .map_err(|error| PrivateDialError::Broken(format!("the resolver behind the tunnel: {error}")))
        };
        let asked = tokio::time::timeout(LIMIT, asking).await;
        let answer = asked.unwrap_or(Err(PrivateDialError::TimedOut));
        if let Err(error) = &answer {
            debug!(tunnel.id = %tunnel.tunnel, %host, ?kind, %error, "a private host name was not looked up");
        }
        answer
    }
}

async fn exchange(
    mut stream: Box<dyn PrivateStream>,
    host: &Hostname,
    kind: AddressKind,
) -> io::Result<Addresses> {
    let id = rand::random();
    let question = encode_question(id, host, kind);
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream
        .write_all(&[&length.to_be_bytes()[..], &question].concat())
        .await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    decode_answer(&answer, id, host, kind).map_err(io::Error::other)
}
