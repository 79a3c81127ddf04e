//! Takes what a connection brings, and watches over its flows.

use std::{future::pending, sync::Arc};

use adit_model::SessionId;
use adit_wire::datagram::{Version, v2, v3};
use bytes::Bytes;
use tokio::{task::JoinSet, time::sleep_until};

use super::{Carrier, calls, next_sweep};
use crate::private::{
    counts::Dropped,
    icmp::EchoFlow,
    sessions::{DatagramFlows, Flow, answered},
};

/// Datagrams that are taken before anything else has its turn.
const BATCH: usize = 64;

/// Serves the flows on a connection until it ends, and then moves them elsewhere.
pub(in crate::private) async fn carry(flows: Arc<DatagramFlows>, carrier: Arc<Carrier>) {
    tokio::select! {
        () = serve(&flows, &carrier) => {}
        () = carrier.connection.ended() => {}
        () = flows.context.stopped.cancelled() => {}
    }
    flows.forget(&carrier);
    carrier.place.lock().take();
    carrier.echoes.lock().take();
    let left = carrier.sessions.write().take();
    for flow in left.into_iter().flat_map(std::collections::HashMap::into_values) {
        flows.carrier_gone(&flow, &carrier);
    }
}

/// Returns when the connection is closed.
async fn serve(flows: &Arc<DatagramFlows>, carrier: &Arc<Carrier>) {
    let mut called = JoinSet::new();
    let mut changed = Box::pin(carrier.tunnel.until_changed());
    let mut has_flows = carrier.settle_place();
    let mut sweep_at = next_sweep();
    // Whether its flows have been offered to others since it became suspect.
    let mut is_left = false;
    // It may have gone out of service before anyone listened.
    if !carrier.is_in_service() {
        flows.leave(&flows_of(carrier), carrier);
    }
    loop {
        tokio::select! {
            datagram = carrier.quic.receive_datagram() => {
                let Ok(datagram) = datagram else { return };
                take(flows, carrier, datagram);
                for _ in 1..BATCH {
                    let Some(datagram) = carrier.quic.try_receive_datagram() else { break };
                    take(flows, carrier, datagram);
                }
            }
            () = sleep_until(sweep_at), if has_flows => {
                sweep(flows, carrier);
                sweep_at = next_sweep();
            }
            () = carrier.woken.notified() => {
                let had_flows = has_flows;
                has_flows = carrier.settle_place();
                if !had_flows {
                    sweep_at = next_sweep();
                }
            }
            () = changed.as_mut() => {
                changed.set(carrier.tunnel.until_changed());
                is_left = false;
                if !carrier.is_in_service() {
                    flows.leave(&flows_of(carrier), carrier);
                    has_flows = carrier.settle_place();
                }
            }
            () = suspected(carrier, is_left || !has_flows) => {
                is_left = true;
                flows.avoid(&flows_of(carrier), carrier);
            }
            stream = carrier.quic.accept_stream() => {
                let Ok((writer, reader)) = stream else { return };
                called.spawn(calls::answer(Arc::clone(flows), Arc::clone(carrier), reader, writer));
            }
            Some(_) = called.join_next() => {}
        }
    }
}

async fn suspected(carrier: &Carrier, known: bool) {
    if known {
        pending::<()>().await;
    }
    carrier.connection.suspected().await;
}

fn flows_of(carrier: &Carrier) -> Vec<Arc<Flow>> {
    let sessions = carrier.sessions.read();
    sessions.iter().flat_map(|all| all.values().cloned()).collect()
}

/// Looks at the deadlines.
fn sweep(flows: &Arc<DatagramFlows>, carrier: &Arc<Carrier>) {
    let now = flows.now();
    let due: Vec<_> = {
        let sessions = carrier.sessions.read();
        let all = sessions.iter().flat_map(|all| all.values());
        all.filter_map(|flow| Some((Arc::clone(flow), flow.time_passes(carrier, now)?)))
            .collect()
    };
    for (flow, todo) in due {
        flows.time_passed(&flow, carrier, todo);
    }
}

fn take(flows: &Arc<DatagramFlows>, carrier: &Arc<Carrier>, datagram: Bytes) {
    let taken = match carrier.version {
        Version::V2 => v2::ToEdge::decode(datagram).map(|datagram| match datagram {
            v2::ToEdge::Udp { session, payload } => flows.deliver(carrier, carrier.session(session), payload),
            v2::ToEdge::Ip(packet) => flows.packet(carrier, packet),
            // Nothing that is sent asks for them.
            v2::ToEdge::Spans { .. } => Err(Dropped::Unasked),
        }),
        Version::V3 => v3::ToEdge::decode(datagram).map(|datagram| match datagram {
            v3::ToEdge::Payload { session, payload } => {
                flows.deliver(carrier, carrier.session(session), payload)
            }
            v3::ToEdge::Icmp(packet) => flows.packet(carrier, packet),
            v3::ToEdge::Answer(answer) => match carrier.session(answer.session) {
                Some(flow) => {
                    flows.answered(&flow, carrier, answered(answer));
                    Ok(())
                }
                None => Err(Dropped::UnknownFlow),
            },
        }),
    };
    if let Err(why) = taken.unwrap_or(Err(Dropped::Malformed)) {
        flows.counts.drop(why);
    }
}

impl Carrier {
    /// The connector has ended a session.
    pub(super) fn unregistered(&self, flows: &Arc<DatagramFlows>, session: SessionId, why: &str) {
        match self.session(session) {
            Some(flow) => flows.unregistered(&flow, self, why),
            None => flows.counts.drop(Dropped::UnknownFlow),
        }
    }

    /// The echo flow that has this id here.
    pub(in crate::private) fn echo_flow(&self, id: u16) -> Option<Arc<EchoFlow>> {
        self.echoes.lock().as_ref()?.get(id).cloned()
    }
}
