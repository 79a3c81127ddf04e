//! Datagrams between a client and one address.

use std::{net::SocketAddr, time::Duration};

use adit_net::private::{PrivateDialer, PrivateNetwork};
use adit_wire::socks::encode_datagram;
use bytes::Bytes;
use tokio::{net::UdpSocket, sync::mpsc, time::Instant};

use crate::{end::End, private_proxy::record::FlowRecord};

/// A flow without a datagram in either direction ends after this time.
const IDLE: Duration = Duration::from_secs(60);

/// Carries the datagrams of one flow until it is idle, or either side of it is gone.
pub(super) async fn carry_flow(
    dialer: &dyn PrivateDialer,
    network: PrivateNetwork,
    to: SocketAddr,
    mut waiting: mpsc::Receiver<Bytes>,
    socket: &UdpSocket,
    client: SocketAddr,
    mut record: FlowRecord,
) {
    let flow = match dialer.udp(network, to, IDLE).await {
        Ok(flow) => flow,
        Err(error) => return record.refused(&error),
    };
    let idle = tokio::time::sleep(IDLE);
    tokio::pin!(idle);
    let end = loop {
        tokio::select! {
            payload = waiting.recv() => match payload {
                Some(payload) => {
                    let length = payload.len();
                    if flow.send(payload) {
                        record.sent(length);
                    }
                }
                None => break End::Client,
            },
            payload = flow.receive() => match payload {
                Some(payload) => {
                    let datagram = encode_datagram(to, &payload);
                    // A client that is gone ends its connection, too.
                    if socket.send_to(&datagram, client).await.is_ok() {
                        record.received(payload.len());
                    }
                }
                None => break End::Connector,
            },
            () = &mut idle => break End::Complete,
        }
        idle.as_mut().reset(Instant::now() + IDLE);
    };
    record.ended(end, None);
}
