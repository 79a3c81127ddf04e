//! TCP services inside the client's WebSocket: one origin, the client's choice, or a SOCKS5 server.

mod socks;

use std::io;
use std::net::SocketAddr;

use adit_core::ingress::{HostPort, IpRule, OriginRequest, ProxyProtocol, ProxyType};
use adit_wire::proxy_protocol;
use http::{HeaderMap, HeaderName};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::dial::Dialer;
use crate::websocket::{self, FromClient, ToClient};

const JUMP_DESTINATION: HeaderName = HeaderName::from_static("cf-access-jump-destination");
const CONNECTING_IP: HeaderName = HeaderName::from_static("cf-connecting-ip");

/// A TCP service inside the client's WebSocket.
pub(crate) struct TcpOrigin {
    to: To,
    dialer: Dialer,
    proxy_protocol: ProxyProtocol,
}

/// Where its flows go.
enum To {
    Origin {
        at: HostPort,
        /// Clients speak SOCKS5 before they get there, whatever they ask for.
        behind_socks: bool,
    },
    /// Where the client says, in a header.
    Bastion,
    /// Where the client says, in SOCKS5, if these let it.
    Socks(Vec<IpRule>),
}

/// A flow that may begin.
pub(crate) enum Flow<'a> {
    /// A connection to an origin.
    Connected { tcp: TcpStream, behind_socks: bool },
    /// A client that has yet to say where it wants to go.
    Asked { dialer: &'a Dialer, rules: &'a [IpRule] },
}

impl TcpOrigin {
    pub(super) fn at(at: HostPort, settings: &OriginRequest) -> Self {
        let behind_socks = settings.proxy_type == ProxyType::Socks;
        Self::new(To::Origin { at, behind_socks }, settings)
    }

    pub(super) fn bastion(settings: &OriginRequest) -> Self {
        Self::new(To::Bastion, settings)
    }

    pub(super) fn socks(settings: &OriginRequest) -> Self {
        Self::new(To::Socks(settings.ip_rules.clone()), settings)
    }

    fn new(to: To, settings: &OriginRequest) -> Self {
        Self {
            to,
            dialer: Dialer::new(settings),
            proxy_protocol: settings.proxy_protocol,
        }
    }

    /// Connects to the origin, as far as it is known by now.
    ///
    /// # Errors
    /// Why there is no flow, for the edge and the log.
    pub(crate) async fn open(
        &self,
        headers: &HeaderMap,
        client: Option<SocketAddr>,
    ) -> Result<Flow<'_>, String> {
        let (at, behind_socks) = match &self.to {
            To::Socks(rules) => {
                return Ok(Flow::Asked {
                    dialer: &self.dialer,
                    rules,
                });
            }
            To::Bastion => (&destination(headers)?, false),
            To::Origin { at, behind_socks } => (at, *behind_socks),
        };
        let connected = async {
            let mut tcp = self.dialer.dial(at).await?;
            self.introduce(&mut tcp, client.or_else(|| told(headers))).await?;
            Ok(tcp)
        };
        let connected: io::Result<TcpStream> = connected.await;
        match connected {
            Ok(tcp) => Ok(Flow::Connected { tcp, behind_socks }),
            Err(error) => Err(format!(
                "Unable to reach the origin service. The service may be down or it may not be responding: {}",
                super::client::chain(&error)
            )),
        }
    }

    /// Tells the origin whose connection it is, if it wants to know.
    async fn introduce(&self, tcp: &mut TcpStream, client: Option<SocketAddr>) -> io::Result<()> {
        let header = match self.proxy_protocol {
            ProxyProtocol::None => return Ok(()),
            ProxyProtocol::V1 => proxy_protocol::encode_v1(client, tcp.peer_addr()?),
            ProxyProtocol::V2 => proxy_protocol::encode_v2(client, tcp.peer_addr()?),
        };
        tcp.write_all(&header).await
    }
}

impl Flow<'_> {
    /// Carries the flow to its end.
    ///
    /// # Errors
    /// If a side breaks off, or the client breaks a protocol.
    pub(crate) async fn run(self, mut from: FromClient, mut to: ToClient<'_>) -> io::Result<()> {
        let tcp = match self {
            Self::Connected {
                tcp,
                behind_socks: false,
            } => Some(tcp),
            Self::Connected {
                tcp,
                behind_socks: true,
            } => socks::connected(&mut from, &mut to).await?.then_some(tcp),
            Self::Asked { dialer, rules } => socks::connect(&mut from, &mut to, dialer, rules).await?,
        };
        match tcp {
            Some(tcp) => websocket::relay(tcp, from, &mut to).await,
            None => to.close().await,
        }
    }
}

/// Where the client of a bastion wants to go.
fn destination(headers: &HeaderMap) -> Result<HostPort, String> {
    let Some(wanted) = headers.get(JUMP_DESTINATION).filter(|wanted| !wanted.is_empty()) else {
        return Err(
            "Did not receive final destination from client. The --destination flag is likely not set on the client side"
                .to_owned(),
        );
    };
    let at = wanted.to_str().ok().and_then(HostPort::from_client);
    at.ok_or_else(|| "the client's destination is neither host:port nor a URL that holds one".to_owned())
}

/// The client's address as the edge says it in a header, which leaves its port out.
fn told(headers: &HeaderMap) -> Option<SocketAddr> {
    let ip = headers.get(CONNECTING_IP)?.to_str().ok()?.parse().ok()?;
    Some(SocketAddr::new(ip, 0))
}
