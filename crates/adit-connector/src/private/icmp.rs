//! Echo requests (ping) into private networks, and what is answered.
//!
//! A flow is what one user asks of one address with one echo id, on one connection. It ends when nothing has passed for
//! ten seconds. Everything else in ICMP is dropped.
//! Source: cloudflare/cloudflared: ingress/origin_icmp_proxy.go and ingress/icmp_linux.go.

mod flow;
mod sockets;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use adit_net::route;
use adit_wire::icmp::{EchoMessage, Expired, IcmpMessage, IcmpPacket};
use bytes::Bytes;
use parking_lot::Mutex;

use super::Carrier;
use super::metrics::Dropped;
use flow::{EchoFlow, Key};
use sockets::{Family, Way};

/// Flows at once; requests that would begin one more are dropped.
const MAX_FLOWS: usize = 4096;
/// What a packet of a connector's own has left.
const HOPS: u8 = 255;

/// The echo flows of a connector.
pub(super) struct Pings {
    is_wanted: bool,
    v4: Family,
    v6: Family,
    /// Neither family can be asked: said once.
    told: OnceLock<()>,
    flows: Arc<Flows>,
}

type Flows = Mutex<HashMap<Key, Arc<EchoFlow>>>;

impl Pings {
    pub(super) fn new(is_wanted: bool, v4: Option<IpAddr>, v6: Option<IpAddr>) -> Self {
        Self {
            is_wanted,
            v4: Family::new(Ipv4Addr::UNSPECIFIED.into(), v4),
            v6: Family::new(Ipv6Addr::UNSPECIFIED.into(), v6),
            told: OnceLock::new(),
            flows: Arc::default(),
        }
    }

    /// Finds out what the system lets this process do, and warns if that is nothing.
    pub(super) fn look(&self, carrier: &Arc<Carrier>) {
        if !self.is_wanted {
            return;
        }
        let ways = [&self.v4, &self.v6].map(|family| family.way(carrier));
        let none = ways.iter().all(|way| matches!(way, Way::None(_)));
        if none && self.told.set(()).is_ok() {
            let why = match ways {
                [Way::None(why), _] => why.as_str(),
                _ => "",
            };
            tracing::warn!(
                error = why,
                "ICMP proxy feature is disabled: this process may not send echo requests. It could if its group were \
                 within net.ipv4.ping_group_range, or with the capability CAP_NET_RAW"
            );
        }
    }

    /// Takes an IP packet of an edge's.
    pub(super) fn take(&self, carrier: &Arc<Carrier>, packet: Bytes) {
        if !self.is_wanted {
            return;
        }
        let packet = match IcmpPacket::decode(packet) {
            Ok(packet) => packet,
            Err(error) => {
                tracing::debug!(connIndex = carrier.index, %error, "the edge sent an odd IP packet");
                return carrier.drops.packet(Dropped::WriteFailed);
            }
        };
        let (asker, asked, hops) = (packet.source, packet.destination, packet.hops);
        let IcmpMessage::EchoRequest(echo) = packet.message else {
            return carrier.drops.packet(Dropped::WriteFailed);
        };
        let family = match asked {
            IpAddr::V4(_) => &self.v4,
            IpAddr::V6(_) => &self.v6,
        };
        let way = family.way(carrier);
        if matches!(way, Way::None(_)) {
            return;
        }
        // This machine is a router on the way.
        if hops <= 1 {
            let expired = Expired {
                destination: asked,
                id: echo.id,
                sequence: echo.sequence,
            };
            return answer(
                carrier,
                family.source_towards(asked),
                asker,
                IcmpMessage::TimeExceeded(expired),
            );
        }
        carrier.private.metrics.icmp_requests.increment(1);
        let key = Key::new(carrier, asker, asked, echo.id);
        let sent = self
            .flow(carrier, key, family, way)
            .and_then(|flow| flow.send(&echo));
        if let Err(why) = sent {
            carrier.drops.packet(why);
        }
    }

    /// The flow that a request belongs to; a new one if there is none.
    fn flow(
        &self,
        carrier: &Arc<Carrier>,
        key: Key,
        family: &Family,
        way: &Way,
    ) -> Result<Arc<EchoFlow>, Dropped> {
        let mut flows = self.flows.lock();
        if let Some(flow) = flows.get(&key) {
            return Ok(Arc::clone(flow));
        }
        if flows.len() >= MAX_FLOWS {
            return Err(Dropped::WriteFull);
        }
        let flow = EchoFlow::begin(key, carrier, family, way)?;
        flows.insert(key, Arc::clone(&flow));
        drop(flows);
        let (running, flows) = (Arc::clone(&flow), Arc::clone(&self.flows));
        let run = async move {
            running.run().await;
            flows.lock().remove(&key);
        };
        carrier.private.tasks.spawn_on(run, &carrier.runtime);
        Ok(flow)
    }
}

/// Sends an ICMP packet back to who asked.
fn answer(carrier: &Carrier, source: IpAddr, destination: IpAddr, message: IcmpMessage) {
    let packet = IcmpPacket {
        source,
        destination,
        hops: HOPS,
        message,
    };
    match packet.encode() {
        Some(packet) => carrier.offer_packet(packet),
        None => carrier.drops.packet(Dropped::WriteFailed),
    }
}

/// Passes a reply on to who asked.
fn pass_back(flow: &EchoFlow, from: IpAddr, mut echo: EchoMessage) {
    // Nobody else was asked, and a raw socket sees what other programs are answered.
    if from != flow.key.asked || !flow.waits_for(echo.sequence) {
        return;
    }
    flow.touch();
    echo.id = flow.key.id;
    let carrier = &flow.carrier;
    carrier.private.metrics.icmp_replies.increment(1);
    answer(carrier, from, flow.key.asker, IcmpMessage::EchoReply(echo));
}

/// From where this machine would speak with an address.
fn source_towards(address: IpAddr) -> Option<IpAddr> {
    // Any port will do: nothing is sent.
    route::source_towards(SocketAddr::new(address, 1)).ok()
}
