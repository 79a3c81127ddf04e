//! One dial: the look-up of the edge's name, a socket, a connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_net::h2::{H2DialError, H2Dialer, H2ServerLimits};
use adit_net::proxy::{OutboundProxy, ThroughProxyError};
use adit_net::quic::{DialError, QuicDialer};
use adit_net::route;
use adit_net::tls::{ConnectorTls, H2_SERVER_NAME, PROBE_SERVER_NAME, QUIC_SERVER_NAME};
use parking_lot::Mutex;

use crate::config::IpVersion;
use crate::link::Link;
use crate::lookup::Names;
use crate::{EdgeAddress, Protocol};

/// A dial that has no connection by then, its look-up included, has failed.
pub(crate) const LIMIT: Duration = Duration::from_millis(4_800);

/// The system puts the family first that it expects to work. Where a dial has failed, both are tried for so long.
const TRIES_BOTH_FOR: Duration = Duration::from_secs(600);

/// Three probes and the pauses between them take less than ten seconds.
pub(crate) const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// Dials for all slots.
pub(crate) struct Dialers {
    tls: ConnectorTls,
    http2: H2Dialer,
    bind_address: Option<IpAddr>,
    pub(crate) ip_version: IpVersion,
    proxy: Option<OutboundProxy>,
    pub(crate) names: Arc<Names>,
    /// A dial failed: until then every address gets its turn, of whichever family.
    tries_both_until: Mutex<Option<Instant>>,
}

/// Why a dial gave no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialFailure {
    #[error("cannot look up {0}")]
    LookUp(String, #[source] io::Error),
    #[error("none of the addresses of {0} can be used from here")]
    NoAddress(String),
    #[error("cannot reach {0} through the proxy")]
    Proxy(String, #[source] ThroughProxyError),
    #[error("no connection within {LIMIT:?}")]
    TimedOut,
    #[error(transparent)]
    Quic(#[from] DialError),
    #[error(transparent)]
    Http2(#[from] H2DialError),
}

impl DialFailure {
    /// Nobody answered over UDP, or the system lets nobody ask: what it looks like where UDP is dropped.
    pub(crate) fn is_unanswered_quic(&self) -> bool {
        match self {
            Self::Quic(DialError::TimedOut { .. }) => true,
            Self::Quic(DialError::Socket(error)) => error.kind() == io::ErrorKind::PermissionDenied,
            Self::Quic(DialError::Handshake { cause, .. }) => *cause == adit_net::quic::CloseCause::Idle,
            Self::Quic(DialError::Unusable { .. })
            | Self::LookUp(..)
            | Self::NoAddress(_)
            | Self::Proxy(..)
            | Self::TimedOut
            | Self::Http2(_) => false,
        }
    }
}

impl Dialers {
    pub(crate) fn new(
        tls: ConnectorTls,
        bind_address: Option<IpAddr>,
        ip_version: IpVersion,
        proxy: Option<OutboundProxy>,
    ) -> Self {
        Self {
            http2: H2Dialer::new(Arc::clone(&tls.tcp), bind_address, H2ServerLimits::default()),
            tls,
            bind_address,
            ip_version,
            proxy,
            names: Names::new(),
            tries_both_until: Mutex::default(),
        }
    }

    /// Looks the edge up and dials it from a new socket.
    pub(crate) async fn dial(&self, edge: &EdgeAddress, protocol: Protocol) -> Result<Link, DialFailure> {
        let began = tokio::time::Instant::now();
        if let Some(proxy) = &self.proxy {
            let dialled = tokio::time::timeout(LIMIT, self.through(proxy, edge)).await;
            return dialled.unwrap_or(Err(DialFailure::TimedOut));
        }
        let addr = self.one_of(edge).await?;
        let dialled = self.dial_at(addr, protocol, began).await;
        if dialled.is_err() {
            *self.tries_both_until.lock() = Some(Instant::now() + TRIES_BOTH_FOR);
        }
        dialled
    }

    async fn dial_at(
        &self,
        addr: SocketAddr,
        protocol: Protocol,
        began: tokio::time::Instant,
    ) -> Result<Link, DialFailure> {
        let limit = LIMIT.saturating_sub(began.elapsed());
        match protocol {
            Protocol::Quic => {
                // A new socket for each: what a NAT or a firewall has against an old one is over with it.
                let dialer = QuicDialer::new(Arc::clone(&self.tls.quic), self.bind_address);
                let dialer = dialer.map_err(DialError::Socket)?;
                let connection = dialer.dial(addr, QUIC_SERVER_NAME, limit).await?;
                Ok(Link::Quic { connection, dialer })
            }
            Protocol::Http2 => Ok(self.http2.dial(addr, H2_SERVER_NAME, limit).await?.into()),
        }
    }

    /// A handshake as a precheck makes it: under a name of its own, and nothing after it.
    pub(crate) async fn probe(&self, addr: SocketAddr, protocol: Protocol) -> Result<(), DialFailure> {
        match protocol {
            Protocol::Quic => {
                let dialer = QuicDialer::new(Arc::clone(&self.tls.quic), self.bind_address);
                let dialer = dialer.map_err(DialError::Socket)?;
                let connection = dialer.dial(addr, PROBE_SERVER_NAME, PROBE_LIMIT).await?;
                connection.close(0, "precheck complete");
                drop(tokio::time::timeout(PROBE_LIMIT, dialer.wait_idle()).await);
                Ok(())
            }
            Protocol::Http2 => {
                let probing = async {
                    let tcp = self.http2.connect(addr).await;
                    let tcp = tcp.map_err(|error| H2DialError::Connect(addr, error))?;
                    self.http2.shake(tcp, PROBE_SERVER_NAME).await.map(drop)
                };
                let probed = tokio::time::timeout(PROBE_LIMIT, probing).await;
                Ok(probed.unwrap_or(Err(H2DialError::TimedOut(PROBE_LIMIT)))?)
            }
        }
    }

    /// The proxy is looked up as an edge is; the edge's name is the proxy's business.
    async fn through(&self, proxy: &OutboundProxy, edge: &EdgeAddress) -> Result<Link, DialFailure> {
        let to = edge.destination();
        let to = to.ok_or_else(|| DialFailure::NoAddress(edge.as_str().to_owned()))?;
        let at = proxy.address().parse::<EdgeAddress>();
        let at = at.map_err(|_| DialFailure::NoAddress(proxy.address().to_owned()))?;
        let addr = self.one_of(&at).await?;
        let failed = |error| DialFailure::Proxy(edge.as_str().to_owned(), error);
        let tcp = self
            .http2
            .connect(addr)
            .await
            .map_err(|error| failed(error.into()))?;
        let tcp = proxy.connect(tcp, &to).await.map_err(failed)?;
        Ok(self.http2.serve(tcp, addr, H2_SERVER_NAME).await?.into())
    }

    /// An address of the edge that can be dialled from here.
    async fn one_of(&self, edge: &EdgeAddress) -> Result<SocketAddr, DialFailure> {
        let found = self.names.look_up(edge).await;
        let found = found.map_err(|error| DialFailure::LookUp(edge.as_str().to_owned(), error))?;
        let usable = self.usable(found);
        // Dials come in a row while an edge is away, so every address of a name gets its turn.
        let place = rand::random_range(0..usable.len().max(1));
        let addr = usable.get(place).copied();
        addr.ok_or_else(|| DialFailure::NoAddress(edge.as_str().to_owned()))
    }

    /// Those of the wanted family if there are any; of these, those that the machine has a route to. An address to dial
    /// from decides the family.
    fn usable(&self, mut found: Vec<SocketAddr>) -> Vec<SocketAddr> {
        if let Some(bind) = self.bind_address {
            found.retain(|addr| addr.is_ipv4() == bind.is_ipv4());
            return found;
        }
        let wanted: Vec<_> = found
            .iter()
            .copied()
            .filter(|addr| self.ip_version.admits(*addr))
            .collect();
        if !wanted.is_empty() {
            found = wanted;
        }
        found.retain(|addr| route::source_towards(*addr).is_ok());
        let until = *self.tries_both_until.lock();
        if until.is_none_or(|until| Instant::now() > until) {
            of_first_family(&mut found);
        }
        found
    }
}

/// Keeps those of the family of the first one.
fn of_first_family(found: &mut Vec<SocketAddr>) {
    if let Some(v4) = found.first().map(SocketAddr::is_ipv4) {
        found.retain(|addr| addr.is_ipv4() == v4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_first_address_decides_the_family() {
        let [four, six] = ["192.0.2.1:1", "[2001:db8::1]:1"].map(|text| text.parse::<SocketAddr>().unwrap());
        for (found, kept) in [
            (vec![six, four, six], vec![six, six]),
            (vec![four, six], vec![four]),
            (vec![], vec![]),
        ] {
            let mut found = found;
            of_first_family(&mut found);
            assert_eq!(found, kept);
        }
    }
}
