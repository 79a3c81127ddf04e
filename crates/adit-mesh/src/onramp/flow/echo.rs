//! Echo requests of one source and id to one address, and their answers.

use std::net::IpAddr;

use adit_net::private::{Echo, EchoAnswer, PrivateEchoes};
use adit_wire::{
    datagram::MAX_PACKET_BYTES,
    icmp::{EchoMessage, Expired, IcmpMessage, IcmpPacket},
};
use bytes::BytesMut;
use tokio::{select, time::Instant};

use super::{
    super::{
        counts::Lost,
        flows::Arrival,
        record::{End, Record},
        shared::Shared,
        sort::{Content, FlowKey, Protocol},
    },
    Flow, IDLE,
};
use crate::hub::packet::{head::is_forwarded, icmp::Problem};

/// How many hops an answer has.
const HOPS: u8 = 64;

/// Carries requests and answers until there are none for a while.
pub(super) async fn carry(flow: Flow) {
    let Flow {
        key,
        first,
        mut packets,
        mut place,
        shared,
    } = flow;
    let mut record = Record::new(key, &first.handed);
    let far = match shared.dialer.icmp(key.private(), key.destination).await {
        Ok(far) => far,
        Err(error) => {
            shared.refuse(&first.handed, Protocol::Echo, &error);
            return record.refused(&error);
        }
    };
    place.open();
    let handed = first.handed.clone();
    send(&*far, first, &shared, &mut record);
    let mut idle = std::pin::pin!(tokio::time::sleep(IDLE));
    let end = loop {
        select! {
            queued = packets.recv() => match queued {
                Some(queued) => send(&*far, queued.packet, &shared, &mut record),
                None => break End::Edge,
            },
            answer = far.receive() => {
                let Some(answer) = answer else { break End::Connector };
                let packet = packet(&key, answer, handed.hub, &mut record);
                if !shared.answer(&handed, packet.into_iter().collect()).await {
                    break End::Edge;
                }
            }
            () = &mut idle => break End::Complete,
        }
        idle.as_mut().reset(Instant::now() + IDLE);
    };
    record.ended(end, None);
}

/// A member's request goes to the far end, with a hop less.
fn send(far: &dyn PrivateEchoes, arrival: Arrival, shared: &Shared, record: &mut Record) {
    let Content::Echo(echo) = arrival.content else {
        return;
    };
    let (bytes, head) = (echo.payload.len(), &arrival.handed.head);
    let request = Echo {
        sequence: echo.sequence,
        payload: echo.payload,
    };
    if bytes > IcmpPacket::max_payload(head.destination, MAX_PACKET_BYTES) {
        Lost::TooBig.count();
        let mtu = u16::try_from(MAX_PACKET_BYTES).unwrap_or(u16::MAX);
        shared.complain(&arrival.handed, Problem::TooBig(mtu));
    } else if far.send(request, head.hops.saturating_sub(1)) {
        record.sent += bytes as u64;
    } else {
        Lost::Unsent.count();
    }
}

/// The packet that tells the member. `hub` speaks for a router without an address, as a connector is that knows none of its
/// own machine's.
fn packet(key: &FlowKey, answer: EchoAnswer, hub: Option<IpAddr>, record: &mut Record) -> Option<BytesMut> {
    let id = key.source.port();
    let (source, message) = match answer {
        EchoAnswer::Reply(Echo { sequence, payload }) => {
            record.received += payload.len() as u64;
            let echo = EchoMessage {
                id,
                sequence,
                payload,
            };
            (key.destination.ip(), IcmpMessage::EchoReply(echo))
        }
        EchoAnswer::TimeExceeded { from, sequence } => {
            let expired = Expired {
                destination: key.destination.ip(),
                id,
                sequence,
            };
            let speaker = Some(from).filter(|from| is_forwarded(*from)).or(hub);
            (
                speaker.unwrap_or(key.destination.ip()),
                IcmpMessage::TimeExceeded(expired),
            )
        }
    };
    let packet = IcmpPacket {
        source,
        destination: key.source.ip(),
        hops: HOPS,
        message,
    };
    packet.encode().map(BytesMut::from)
}
