//! Sockets for echoes: those that Linux gives to whom net.ipv4.ping_group_range names, else one raw socket for all, which
//! takes the capability CAP_NET_RAW.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use adit_core::sessions::Echoes;
use adit_wire::icmp::{EchoMessage, IcmpMessage, IcmpPacket};
use bytes::Bytes;
use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::flow::EchoFlow;
use super::{Carrier, pass_back, source_towards};

/// The longest packet read, bytes.
const MAX_PACKET: usize = 1500;
/// Packets taken before others have their turn.
const TAKEN_AT_ONCE: usize = 64;

/// IPv4 or IPv6, as far as echoes go.
pub(super) struct Family {
    any: IpAddr,
    source: Option<IpAddr>,
    way: OnceLock<Way>,
}

/// How requests go out.
pub(super) enum Way {
    /// Each flow has a socket of its own.
    Own,
    /// All by one.
    Shared(Arc<Raw>),
    /// Not at all, and why.
    None(String),
}

/// A raw socket and the flows that share it.
pub(super) struct Raw {
    socket: UdpSocket,
    flows: Mutex<Echoes<Arc<EchoFlow>>>,
}

impl Family {
    pub(super) fn new(any: IpAddr, source: Option<IpAddr>) -> Self {
        Self {
            any,
            source,
            way: OnceLock::new(),
        }
    }

    /// What the system lets this process do, asked once.
    pub(super) fn way(&self, carrier: &Carrier) -> &Way {
        self.way.get_or_init(|| {
            let inside = carrier.runtime.enter();
            let own = match self.socket() {
                Ok(_) => return Way::Own,
                Err(error) => error,
            };
            match self.open(Type::RAW) {
                Ok(socket) => {
                    let raw = Arc::new(Raw {
                        socket,
                        // Other programs see the same replies, and may have begun at the same time.
                        flows: Mutex::new(Echoes::beginning_at(rand::random())),
                    });
                    drop(inside);
                    let private = &carrier.private;
                    let (reading, stopped) = (Arc::clone(&raw), private.stopped.clone());
                    let run = async move { stopped.run_until_cancelled(reading.run()).await };
                    private.tasks.spawn_on(run, &carrier.runtime);
                    Way::Shared(raw)
                }
                Err(_) => Way::None(own.to_string()),
            }
        })
    }

    /// A socket for one flow.
    pub(super) fn socket(&self) -> io::Result<UdpSocket> {
        self.open(Type::DGRAM)
    }

    fn open(&self, kind: Type) -> io::Result<UdpSocket> {
        let (domain, protocol) = match self.any {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
        };
        let socket = Socket::new(domain, kind, Some(protocol))?;
        socket.set_nonblocking(true)?;
        let source = self.source.unwrap_or(self.any);
        socket.bind(&SocketAddr::new(source, 0).into())?;
        // Tokio's has the calls that sockets for datagrams have in common.
        UdpSocket::from_std(socket.into())
    }

    /// From where this machine answers for itself, on the way to an address.
    pub(super) fn source_towards(&self, address: IpAddr) -> IpAddr {
        self.source
            .or_else(|| source_towards(address))
            .unwrap_or(self.any)
    }
}

impl Raw {
    pub(super) const fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Takes a flow in, which is made with its echo id; `None` if there is none left.
    pub(super) fn add(&self, flow: impl FnOnce(u16) -> Arc<EchoFlow>) -> Option<Arc<EchoFlow>> {
        self.flows.lock().add_with(flow)
    }

    pub(super) fn remove(&self, id: u16) {
        self.flows.lock().remove(id);
    }

    /// Passes replies on, without end.
    async fn run(&self) {
        loop {
            if self.socket.readable().await.is_ok() {
                self.receive();
            }
            tokio::task::yield_now().await;
        }
    }

    fn receive(&self) {
        let mut buffer = [0; MAX_PACKET];
        for _ in 0..TAKEN_AT_ONCE {
            // An error belongs to a request that is past.
            let Ok((length, from)) = self.socket.try_recv_from(&mut buffer) else {
                return;
            };
            let packet = buffer.get(..length).unwrap_or_default();
            if let Some((from, echo)) = reply(from.ip(), packet) {
                let flow = self.flows.lock().get(echo.id).cloned();
                if let Some(flow) = flow {
                    pass_back(&flow, from, echo);
                }
            }
        }
    }
}

/// The reply in a packet of a raw socket: with its header on IPv4, without on IPv6. Such sockets see all that comes.
fn reply(from: IpAddr, packet: &[u8]) -> Option<(IpAddr, EchoMessage)> {
    match from {
        IpAddr::V4(_) => {
            let packet = IcmpPacket::decode(Bytes::copy_from_slice(packet)).ok()?;
            match packet.message {
                IcmpMessage::EchoReply(echo) => Some((packet.source, echo)),
                IcmpMessage::EchoRequest(_) | IcmpMessage::TimeExceeded(_) => None,
            }
        }
        IpAddr::V6(_) => {
            let echo = EchoMessage::decode_bare_reply(from, &Bytes::copy_from_slice(packet)).ok()?;
            Some((from, echo))
        }
    }
}
