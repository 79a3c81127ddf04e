//! Echo requests into private networks, and their answers.
//!
//! A flow has an echo id of its own on the connection that carries it. When that goes, its next request takes another.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use adit_core::sessions::Unanswered;
use adit_model::ConnectorId;
use adit_net::private::{Echo, EchoAnswer, PrivateDialError, PrivateEchoes};
use adit_wire::{
    datagram::MAX_PACKET_BYTES,
    icmp::{EchoMessage, IcmpMessage, IcmpPacket},
};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    counts::Dropped,
    datagrams::Carrier,
    sessions::{DatagramFlows, choose},
};
use crate::{connection::Connection, tunnels::Tunnel};

/// Who asks, as connectors see it; only the answer's way back to the edge depends on it. These are set aside for
/// packets that have no address of their own.
/// Source: RFC 7600, section 4.8, and RFC 9780.
const SOURCE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0x100, 0, 0, 1, 0, 0, 0, 1);
/// Answers that wait for a user; a newer one is dropped.
const QUEUE: usize = 64;

/// One flow. Held by its user and by the connection that carries it.
pub(super) struct EchoFlow {
    tunnel: Arc<Tunnel>,
    to: IpAddr,
    inner: Mutex<Inner>,
    told: Notify,
}

struct Inner {
    carrier: Option<(Arc<Carrier>, u16)>,
    /// Whose place it has.
    connector: ConnectorId,
    unanswered: Unanswered,
    answers: VecDeque<EchoAnswer>,
}

/// A user's end of a flow.
struct UserEchoes {
    flows: Arc<DatagramFlows>,
    flow: Arc<EchoFlow>,
}

impl DatagramFlows {
    /// Opens a flow of echo requests to an address that a tunnel's connectors reach.
    pub(crate) async fn icmp(
        self: &Arc<Self>,
        tunnel: &Arc<Tunnel>,
        to: SocketAddr,
    ) -> Result<Box<dyn PrivateEchoes>, PrivateDialError> {
        let first = self.take_place(tunnel)?;
        let flow = Arc::new(EchoFlow {
            tunnel: Arc::clone(tunnel),
            to: to.ip().to_canonical(),
            inner: Mutex::new(Inner {
                carrier: None,
                connector: first.connector.id,
                unanswered: Unanswered::default(),
                answers: VecDeque::new(),
            }),
            told: Notify::new(),
        });
        self.counts.echoes.increment(1);
        let held = UserEchoes {
            flows: Arc::clone(self),
            flow,
        };
        let carried = held.put_on(&first);
        carried.map_err(|_| PrivateDialError::Broken("the connection has just ended".to_owned()))?;
        Ok(Box::new(held))
    }

    /// A connector brings an IP packet.
    pub(super) fn packet(&self, carrier: &Carrier, packet: Bytes) -> Result<(), Dropped> {
        let packet = IcmpPacket::decode(packet).map_err(|_| Dropped::Malformed)?;
        let (id, sequence, about, answer) = match packet.message {
            IcmpMessage::EchoReply(echo) => {
                let reply = Echo {
                    sequence: echo.sequence,
                    payload: echo.payload,
                };
                (echo.id, echo.sequence, packet.source, EchoAnswer::Reply(reply))
            }
            IcmpMessage::TimeExceeded(expired) => {
                let answer = EchoAnswer::TimeExceeded {
                    from: packet.source,
                    sequence: expired.sequence,
                };
                (expired.id, expired.sequence, expired.destination, answer)
            }
            IcmpMessage::EchoRequest(_) => return Err(Dropped::Unasked),
        };
        let flow = carrier.echo_flow(id).ok_or(Dropped::UnknownFlow)?;
        flow.deliver(about, sequence, answer)?;
        self.counts.to_users.increment(1);
        Ok(())
    }
}

impl EchoFlow {
    /// `about` is where the request went.
    fn deliver(&self, about: IpAddr, sequence: u16, answer: EchoAnswer) -> Result<(), Dropped> {
        let mut inner = self.inner.lock();
        if about != self.to || !inner.unanswered.answered(sequence) {
            return Err(Dropped::Unasked);
        }
        if inner.answers.len() >= QUEUE {
            return Err(Dropped::SlowUser);
        }
        inner.answers.push_back(answer);
        drop(inner);
        self.told.notify_one();
        Ok(())
    }
}

impl UserEchoes {
    /// Where the flow is, if that is still of use; else it goes elsewhere.
    fn carrier(&self) -> Result<(Arc<Carrier>, u16), Dropped> {
        let carried = self.flow.inner.lock().carrier.clone();
        if let Some((carrier, id)) = carried
            && carrier.is_in_service()
            && carrier.quic.close_cause().is_none()
        {
            return Ok((carrier, id));
        }
        let chosen = choose(&self.flow.tunnel, None, &[], false);
        self.put_on(&chosen.map_err(|_| Dropped::NoConnection)?)
    }

    fn put_on(&self, connection: &Arc<Connection>) -> Result<(Arc<Carrier>, u16), Dropped> {
        let (flow, connector) = (&self.flow, connection.connector.id);
        let carrier = self.flows.carrier(&flow.tunnel, connection);
        let carrier = carrier.ok_or(Dropped::NoConnection)?;
        let mut inner = flow.inner.lock();
        let changed = self.flows.places.lock().change(inner.connector, connector);
        changed.map_err(|_| Dropped::NoConnection)?;
        inner.connector = connector;
        let id = carrier.add_echoes(flow).ok_or(Dropped::NoConnection)?;
        let before = inner.carrier.replace((Arc::clone(&carrier), id));
        drop(inner);
        if let Some((before, id)) = before {
            before.remove_echoes(id);
        }
        Ok((carrier, id))
    }

    fn try_send(&self, echo: Echo, ttl: u8) -> Result<(), Dropped> {
        let to = self.flow.to;
        if echo.payload.len() > IcmpPacket::max_payload(to, MAX_PACKET_BYTES) {
            return Err(Dropped::TooLarge);
        }
        let (carrier, id) = self.carrier()?;
        let sequence = echo.sequence;
        let packet = IcmpPacket {
            source: match to {
                IpAddr::V4(_) => SOURCE_V4.into(),
                IpAddr::V6(_) => SOURCE_V6.into(),
            },
            destination: to,
            hops: ttl,
            message: IcmpMessage::EchoRequest(EchoMessage {
                id,
                sequence,
                payload: echo.payload,
            }),
        };
        // Before it is sent, since the answer may be quick.
        self.flow.inner.lock().unanswered.sent(sequence);
        carrier.send_packet(packet.encode().ok_or(Dropped::TooLarge)?)
    }
}

#[async_trait]
impl PrivateEchoes for UserEchoes {
    fn send(&self, echo: Echo, ttl: u8) -> bool {
        match self.try_send(echo, ttl) {
            Ok(()) => {
                self.flows.counts.to_connectors.increment(1);
                true
            }
            Err(why) => {
                self.flows.counts.drop(why);
                false
            }
        }
    }

    async fn receive(&self) -> Option<EchoAnswer> {
        loop {
            let next = self.flow.inner.lock().answers.pop_front();
            if next.is_some() {
                return next;
            }
            tokio::select! {
                () = self.flow.told.notified() => {}
                () = self.flows.context.stopped.cancelled() => return None,
            }
        }
    }
}

impl Drop for UserEchoes {
    fn drop(&mut self) {
        let (carried, connector) = {
            let mut inner = self.flow.inner.lock();
            (inner.carrier.take(), inner.connector)
        };
        if let Some((carrier, id)) = carried {
            carrier.remove_echoes(id);
        }
        let account = self.flow.tunnel.key.account;
        self.flows.places.lock().give_back(account, connector);
        self.flows.counts.echoes.decrement(1);
    }
}

impl std::fmt::Debug for UserEchoes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserEchoes")
            .field("to", &self.flow.to)
            .finish_non_exhaustive()
    }
}
