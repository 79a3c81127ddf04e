//! A UDP flow: datagrams between two addresses.

use adit_net::private::PrivateDatagrams;
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use tokio::{select, time::Instant};

use super::{
    super::{
        counts::Lost,
        flows::Arrival,
        record::{End, Record},
        shared::Shared,
        sort::{Content, FlowKey, Protocol},
        write,
    },
    Flow, IDLE, MOST_TOGETHER,
};
use crate::hub::packet::{
    head::{V4_BYTES, V6_BYTES},
    icmp::Problem,
};

const UDP_BYTES: usize = 8;

/// Carries a flow until it is idle, or the far end is gone.
pub(super) async fn carry(flow: Flow) {
    let Flow {
        key,
        first,
        mut packets,
        mut place,
        shared,
    } = flow;
    let mut record = Record::new(key, &first.handed);
    let far = match shared.dialer.udp(key.private(), key.destination, IDLE).await {
        Ok(far) => far,
        Err(error) => {
            shared.refuse(&first.handed, Protocol::Udp, &error);
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
            payload = far.receive() => {
                let Some(payload) = payload else { break End::Connector };
                let batch = gather(&*far, payload, &key, &mut record);
                if !shared.answer(&handed, batch).await {
                    break End::Edge;
                }
            }
            () = &mut idle => break End::Complete,
        }
        idle.as_mut().reset(Instant::now() + IDLE);
    };
    record.ended(end, None);
}

/// A member's datagram goes to the far end.
fn send(far: &dyn PrivateDatagrams, arrival: Arrival, shared: &Shared, record: &mut Record) {
    let Content::Datagram(payload) = arrival.content else {
        return;
    };
    let (bytes, most) = (payload.len(), far.max_bytes());
    if bytes > most {
        Lost::TooBig.count();
        let headers = UDP_BYTES
            + match arrival.handed.head.source {
                std::net::IpAddr::V4(_) => V4_BYTES,
                std::net::IpAddr::V6(_) => V6_BYTES,
            };
        let mtu = u16::try_from(most + headers).unwrap_or(u16::MAX);
        shared.complain(&arrival.handed, Problem::TooBig(mtu));
    } else if far.send(payload) {
        record.sent += bytes as u64;
    } else {
        Lost::Unsent.count();
    }
}

/// What is there already goes together.
fn gather(far: &dyn PrivateDatagrams, first: Bytes, key: &FlowKey, record: &mut Record) -> Vec<BytesMut> {
    let mut batch = Vec::new();
    let mut next = Some(first);
    while let Some(payload) = next {
        record.received += payload.len() as u64;
        batch.extend(write::datagram(key.destination, key.source, &payload));
        if batch.len() >= MOST_TOGETHER {
            break;
        }
        // Its end is seen the next time.
        next = far.receive().now_or_never().flatten();
    }
    batch
}
