//! What an edge sends in datagrams: each goes to whom it belongs. One that makes no sense costs nothing but itself.

use std::sync::Arc;

use adit_model::SessionId;
use adit_wire::datagram::{DatagramError, Version, v2, v3};
use bytes::Bytes;

use super::Carrier;
use super::metrics::Dropped;
use super::sessions;

/// Datagrams taken before others have their turn.
const TAKEN_AT_ONCE: usize = 64;

/// Takes the datagrams of a connection until it ends.
pub(crate) async fn carry(carrier: Arc<Carrier>) {
    carrier.quic.take_datagrams();
    carrier.private.pings.look(&carrier);
    while let Ok(datagram) = carrier.quic.receive_datagram().await {
        take(&carrier, datagram);
        for _ in 0..TAKEN_AT_ONCE {
            match carrier.quic.try_receive_datagram() {
                Some(datagram) => take(&carrier, datagram),
                None => break,
            }
        }
        tokio::task::yield_now().await;
    }
}

fn take(carrier: &Arc<Carrier>, datagram: Bytes) {
    let taken = match carrier.version {
        Version::V2 => v2::ToConnector::decode(datagram).map(|asked| take_v2(carrier, asked)),
        Version::V3 => v3::ToConnector::decode(datagram).map(|asked| take_v3(carrier, asked)),
    };
    if let Err(error) = taken {
        odd(carrier, error);
    }
}

fn take_v2(carrier: &Arc<Carrier>, asked: v2::ToConnector) {
    match asked {
        v2::ToConnector::Udp { session, payload } => pass_on(carrier, session, &payload),
        // Spans are for stock edges.
        v2::ToConnector::Ip(packet) | v2::ToConnector::TracedIp { packet, .. } => {
            carrier.private.pings.take(carrier, packet);
        }
    }
}

fn take_v3(carrier: &Arc<Carrier>, asked: v3::ToConnector) {
    match asked {
        v3::ToConnector::Register(registration) => {
            let session = registration.session;
            let answer = sessions::register_v3(carrier, registration);
            let error = String::new();
            carrier.offer_answer(v3::RegistrationAnswer {
                session,
                answer,
                error,
            });
        }
        v3::ToConnector::Payload { session, payload } => pass_on(carrier, session, &payload),
        v3::ToConnector::Icmp(packet) => carrier.private.pings.take(carrier, packet),
    }
}

fn pass_on(carrier: &Carrier, session: SessionId, payload: &[u8]) {
    match carrier.sessions().get(session) {
        Some(flow) => flow.send(payload),
        None => {
            carrier.drops.datagram(Dropped::UnknownFlow);
            tracing::debug!(connIndex = carrier.index, %session, "a datagram of no session");
        }
    }
}

fn odd(carrier: &Carrier, error: DatagramError) {
    tracing::debug!(connIndex = carrier.index, %error, "the edge sent an odd datagram");
}
