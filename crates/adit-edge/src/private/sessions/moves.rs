//! Where sessions are asked for, first and when they must move.

use std::sync::Arc;

use adit_core::sessions::{Asking, End, Stop, idle_hint, next_stop};
use adit_model::{ConnectionId, ConnectorId};
use adit_net::private::PrivateDialError;
use adit_wire::datagram::v3;

use super::{DatagramFlows, Flow};
use crate::{
    connection::{Connection, Transport},
    private::datagrams::{self, Carrier},
    tunnels::Tunnel,
};

/// Places that are tried at once. A connection that ends meanwhile leads to the next.
const MAX_TRIES: usize = 8;

/// The connection for a session that leaves `left`, or is new.
pub(in crate::private) fn choose(
    tunnel: &Tunnel,
    left: Option<Stop>,
    refused: &[ConnectorId],
    only_healthy: bool,
) -> Result<Arc<Connection>, PrivateDialError> {
    let connections = tunnel.connections();
    let usable = |connection: &&Arc<Connection>| {
        let is_quic = match &connection.transport {
            // One that has just closed may still be in the list.
            Transport::Quic(quic) => quic.close_cause().is_none(),
            Transport::Http2(_) => false,
        };
        is_quic && (!only_healthy || connection.candidate().healthy)
    };
    let candidates: Vec<_> = connections.iter().filter(usable).collect();
    let seen = |connection: &&Arc<Connection>| {
        let stop = Stop {
            connector: connection.connector.id,
            connection: connection.id,
        };
        (stop, connection.candidate())
    };
    let chosen = next_stop(&candidates, seen, left, refused, rand::random());
    chosen.map(|connection| Arc::clone(connection)).ok_or_else(|| {
        if !refused.is_empty() {
            PrivateDialError::TooMany("each connector has as many as it may")
        } else if candidates.is_empty() && !connections.is_empty() {
            PrivateDialError::OnlyHttp2
        } else {
            PrivateDialError::NoConnector
        }
    })
}

impl DatagramFlows {
    /// Asks for a session at the best place there is; if there is none, it ends.
    pub(super) fn place(self: &Arc<Self>, flow: &Arc<Flow>) {
        for _ in 0..MAX_TRIES {
            if self.context.stopped.is_cancelled() {
                break;
            }
            let (left, refused) = {
                let inner = flow.inner.lock();
                if inner.session.ended().is_some() {
                    break;
                }
                (inner.session.at(), inner.session.refused().to_vec())
            };
            match choose(&flow.tunnel, left, &refused, false) {
                Ok(chosen) if self.ask(flow, &chosen) => return,
                Ok(_) => {}
                Err(PrivateDialError::TooMany(_)) => return self.end(flow, End::TooMany),
                Err(_) => break,
            }
        }
        self.end(flow, End::Lost);
    }

    /// Asks for a session on this connection; false if that is no use.
    pub(super) fn ask(self: &Arc<Self>, flow: &Arc<Flow>, connection: &Arc<Connection>) -> bool {
        let Some(carrier) = self.carrier(&flow.tunnel, connection) else {
            return false;
        };
        let stop = carrier.stop();
        {
            let mut inner = flow.inner.lock();
            let Some(held) = inner.connector else { return true };
            inner.session.ask(stop, carrier.asking(), self.now());
            if self.places.lock().change(held, stop.connector).is_err() {
                inner.session.handle_refusal(stop.connection, End::TooMany);
                return false;
            }
            inner.connector = Some(stop.connector);
            inner.carriers.retain(|other| !Arc::ptr_eq(other, &carrier));
            inner.carriers.push(Arc::clone(&carrier));
        }
        if !carrier.add(flow) {
            flow.inner
                .lock()
                .carriers
                .retain(|other| !Arc::ptr_eq(other, &carrier));
            return false;
        }
        if flow.inner.lock().session.ended().is_some() {
            // Its user has gone in this moment, and may not have seen the connection.
            carrier.remove(flow.id);
            return true;
        }
        self.register(flow, &carrier);
        true
    }

    /// Sends the question, or sends it again.
    pub(super) fn register(self: &Arc<Self>, flow: &Arc<Flow>, carrier: &Arc<Carrier>) {
        if carrier.asking() == Asking::Once {
            let (flows, carrier, flow) = (Arc::clone(self), Arc::clone(carrier), Arc::clone(flow));
            let asked = async move {
                if let Some(answer) = datagrams::register(&flows, &carrier, &flow).await {
                    flows.answered(&flow, &carrier, answer);
                }
            };
            self.context.tasks.spawn_on(asked, &self.runtime);
            return;
        }
        let hint = idle_hint(flow.idle);
        let seconds = hint.as_secs() + u64::from(hint.subsec_nanos() > 0);
        let registration = v3::Registration {
            session: flow.id,
            to: flow.to,
            idle_seconds: u16::try_from(seconds).unwrap_or(u16::MAX),
            traced: false,
            payload: None,
        };
        // One that is dropped here is sent again when no answer comes.
        if let Err(why) = carrier.send_registration(registration) {
            self.counts.drop(why);
        }
    }

    /// A connection has ended that had the session.
    pub(in crate::private) fn carrier_gone(self: &Arc<Self>, flow: &Arc<Flow>, carrier: &Arc<Carrier>) {
        let must_move = {
            let mut inner = flow.inner.lock();
            inner.carriers.retain(|other| !Arc::ptr_eq(other, carrier));
            inner.session.handle_gone(carrier.connection.id)
        };
        if must_move {
            self.place(flow);
        }
    }

    /// A connection gets no new work: its sessions go elsewhere if they can. While the edge stops, those end that cannot.
    pub(in crate::private) fn leave(self: &Arc<Self>, flows: &[Arc<Flow>], carrier: &Carrier) {
        for flow in flows {
            if !self.go(flow, carrier, false) && self.context.draining.is_cancelled() {
                self.end(flow, End::Lost);
            }
        }
    }

    /// A connection does not answer: its sessions go where one does.
    pub(in crate::private) fn avoid(self: &Arc<Self>, flows: &[Arc<Flow>], carrier: &Carrier) {
        for flow in flows {
            self.go(flow, carrier, true);
        }
    }

    /// Moves a session that is here; false if it must stay.
    fn go(self: &Arc<Self>, flow: &Arc<Flow>, carrier: &Carrier, only_healthy: bool) -> bool {
        let left = carrier.stop();
        if flow.inner.lock().session.at() != Some(left) {
            return true;
        }
        let chosen = choose(&flow.tunnel, Some(left), &[], only_healthy);
        chosen.is_ok_and(|chosen| {
            self.ask(flow, &chosen) || {
                self.place(flow);
                true
            }
        })
    }

    /// A session is on this connection alone from now on.
    pub(super) fn opened(self: &Arc<Self>, flow: &Arc<Flow>, here: ConnectionId) {
        let left: Vec<_> = {
            let mut inner = flow.inner.lock();
            if inner.is_known {
                self.counts.moved.increment(1);
            }
            inner.is_known = true;
            let elsewhere = |carrier: &mut Arc<Carrier>| carrier.connection.id != here;
            inner.carriers.extract_if(.., elsewhere).collect()
        };
        for carrier in left {
            carrier.remove(flow.id);
            self.tell_end(flow, &carrier, "moved to another connection");
        }
        flow.tell();
    }
}
