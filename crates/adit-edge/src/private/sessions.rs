//! UDP sessions: opened, moved and ended. What is decided stands in [`adit_core::sessions`].

mod backlog;
mod flow;
mod moves;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_core::sessions::{Asking, End, FlowLimits, Full, Places, Session, Step, Todo};
use adit_model::ConnectionId;
use adit_net::private::{PrivateDatagrams, PrivateDialError};
use adit_wire::datagram::v3;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tracing::debug;

pub(super) use flow::Flow;

use super::{
    counts::{Dropped, FlowCounts},
    datagrams::{self, Carrier},
};
use crate::{
    connection::{Connection, Transport},
    context::Context,
    tunnels::Tunnel,
};
use backlog::Backlog;
use flow::UdpFlow;
pub(super) use moves::choose;

/// A session lives at least so long without a datagram.
const LEAST_IDLE: Duration = Duration::from_secs(1);
/// And at most: a registration tells the time in 16 bits of seconds.
const MOST_IDLE: Duration = Duration::from_secs(18 * 3600);
/// The most that is told of a connector's words, characters.
const MOST_WORDS: usize = 256;

/// Every flow of this edge into private networks.
pub(crate) struct DatagramFlows {
    pub(super) context: Arc<Context>,
    pub(super) counts: FlowCounts,
    pub(super) places: Mutex<Places>,
    carriers: Mutex<HashMap<ConnectionId, Arc<Carrier>>>,
    backlog: Arc<Backlog>,
    started: Instant,
    /// A flow may be dropped where no runtime is.
    runtime: Handle,
}

impl DatagramFlows {
    /// Must be called inside a tokio runtime.
    pub(crate) fn new(context: Arc<Context>, limits: FlowLimits) -> Arc<Self> {
        Arc::new(Self {
            context,
            counts: FlowCounts::new(),
            places: Mutex::new(Places::new(limits)),
            carriers: Mutex::default(),
            backlog: Arc::default(),
            started: Instant::now(),
            runtime: Handle::current(),
        })
    }

    /// Opens a session to an address that a tunnel's connectors reach.
    pub(crate) async fn udp(
        self: &Arc<Self>,
        tunnel: &Arc<Tunnel>,
        to: SocketAddr,
        idle: Duration,
    ) -> Result<Box<dyn PrivateDatagrams>, PrivateDialError> {
        let idle = idle.clamp(LEAST_IDLE, MOST_IDLE);
        let to = SocketAddr::new(to.ip().to_canonical(), to.port());
        let first = self.take_place(tunnel)?;
        let session = Session::new(self.now(), idle);
        let flow = Flow::new(
            Arc::clone(tunnel),
            to,
            idle,
            session,
            first.connector.id,
            &self.backlog,
        );
        self.counts.sessions.increment(1);
        let held = UdpFlow::new(Arc::clone(self), Arc::clone(&flow));
        if !self.ask(&flow, &first) {
            self.place(&flow);
        }
        flow.opened().await.map_err(|end| refusal(&end))?;
        debug!(
            tunnel.id = %tunnel.key.tunnel, session.id = %flow.id, %to, "session opened"
        );
        Ok(Box::new(held))
    }

    /// Takes a place for a flow of the tunnel's account, through the connector of the connection that is chosen.
    pub(super) fn take_place(&self, tunnel: &Tunnel) -> Result<Arc<Connection>, PrivateDialError> {
        if !self.context.memory.has_room() {
            return Err(PrivateDialError::TooMany("the edge is short of memory"));
        }
        let mut full = Vec::new();
        loop {
            let chosen = choose(tunnel, None, &full, false)?;
            let connector = chosen.connector.id;
            match self.places.lock().take(tunnel.key.account, connector) {
                Ok(()) => return Ok(chosen),
                Err(Full::Connector) => full.push(connector),
                Err(Full::Account) => {
                    return Err(PrivateDialError::TooMany("the account has as many as it may"));
                }
                Err(Full::Edge) => return Err(PrivateDialError::TooMany("the edge has as many as it may")),
            }
        }
    }

    /// The flows of a connection; `None` over HTTP/2.
    pub(super) fn carrier(
        self: &Arc<Self>,
        tunnel: &Arc<Tunnel>,
        connection: &Arc<Connection>,
    ) -> Option<Arc<Carrier>> {
        let Transport::Quic(quic) = &connection.transport else {
            return None;
        };
        let mut carriers = self.carriers.lock();
        if let Some(carrier) = carriers.get(&connection.id) {
            return Some(Arc::clone(carrier));
        }
        let carrier = Carrier::new(tunnel, connection, quic.clone());
        carriers.insert(connection.id, Arc::clone(&carrier));
        drop(carriers);
        let carried = datagrams::carry(Arc::clone(self), Arc::clone(&carrier));
        self.context.tasks.spawn_on(carried, &self.runtime);
        Some(carrier)
    }

    /// A connection has ended.
    pub(super) fn forget(&self, carrier: &Carrier) {
        self.carriers.lock().remove(&carrier.connection.id);
    }

    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// A connector brings a datagram.
    pub(super) fn deliver(
        &self,
        carrier: &Carrier,
        flow: Option<Arc<Flow>>,
        payload: Bytes,
    ) -> Result<(), Dropped> {
        let flow = flow.ok_or(Dropped::UnknownFlow)?;
        flow.deliver(carrier.connection.id, self.now(), payload)?;
        self.counts.to_users.increment(1);
        Ok(())
    }

    /// A connector has said yes or no.
    pub(super) fn answered(
        self: &Arc<Self>,
        flow: &Arc<Flow>,
        carrier: &Arc<Carrier>,
        answer: Result<(), End>,
    ) {
        let (from, is_yes) = (carrier.connection.id, answer.is_ok());
        let step = {
            let mut inner = flow.inner.lock();
            match answer {
                Ok(()) => inner.session.handle_ready(from, self.now()),
                Err(end) => inner.session.handle_refusal(from, end),
            }
        };
        match step {
            Step::Opened { .. } => self.opened(flow, from),
            Step::Elsewhere => self.place(flow),
            Step::Ended => self.settle(flow),
            Step::Stray if is_yes && carrier.asking() == Asking::Once => {
                self.tell_end(flow, carrier, "nobody waits for it");
            }
            Step::Stray => self.counts.drop(Dropped::NotOwner),
            Step::Same => {}
        }
    }

    /// A connector has ended a session.
    pub(super) fn unregistered(self: &Arc<Self>, flow: &Arc<Flow>, carrier: &Carrier, why: &str) {
        let from = carrier.connection.id;
        let step = flow.inner.lock().session.handle_unregistered(from, words(why));
        match step {
            Step::Ended => self.settle(flow),
            Step::Stray => self.counts.drop(Dropped::NotOwner),
            Step::Opened { .. } | Step::Same | Step::Elsewhere => {}
        }
    }

    /// Time has done something to a session of this connection.
    pub(super) fn time_passed(self: &Arc<Self>, flow: &Arc<Flow>, carrier: &Arc<Carrier>, todo: Todo) {
        match todo {
            Todo::Nothing => {}
            Todo::AskAgain => self.register(flow, carrier),
            Todo::Ended => self.settle(flow),
        }
    }

    /// Ends a session, unless it has ended.
    pub(super) fn end(self: &Arc<Self>, flow: &Arc<Flow>, end: End) {
        flow.inner.lock().session.end(end);
        self.settle(flow);
    }

    /// A session has ended: gives back all that it held, once.
    fn settle(self: &Arc<Self>, flow: &Arc<Flow>) {
        let (carriers, connector, end, is_known) = {
            let mut inner = flow.inner.lock();
            let Some(end) = inner.session.ended().cloned() else {
                return;
            };
            let Some(connector) = inner.connector.take() else {
                return;
            };
            (
                std::mem::take(&mut inner.carriers),
                connector,
                end,
                inner.is_known,
            )
        };
        self.places.lock().give_back(flow.tunnel.key.account, connector);
        self.counts.sessions.decrement(1);
        self.counts.end(&end);
        debug!(tunnel.id = %flow.tunnel.key.tunnel, session.id = %flow.id, why = %end, "session ended");
        for carrier in carriers {
            carrier.remove(flow.id);
            let by_connector = matches!(end, End::Unregistered(_) | End::Refused(_) | End::TooMany);
            if is_known && !by_connector {
                self.tell_end(flow, &carrier, &end.to_string());
            }
        }
        flow.tell();
    }

    /// Tells a connector that a session is over, where there is a way to.
    fn tell_end(self: &Arc<Self>, flow: &Flow, carrier: &Arc<Carrier>, why: &str) {
        if carrier.asking() != Asking::Once || carrier.quic.close_cause().is_some() {
            return;
        }
        let (flows, carrier) = (Arc::clone(self), Arc::clone(carrier));
        let (session, why) = (flow.id, why.to_owned());
        let told = async move { datagrams::unregister(&flows, &carrier, session, &why).await };
        self.context.tasks.spawn_on(told, &self.runtime);
    }
}

/// What a connector's answer of datagrams of version 3 means.
pub(super) fn answered(answer: v3::RegistrationAnswer) -> Result<(), End> {
    let otherwise = |text: &str| {
        let words = words(&answer.error);
        Err(End::Refused(if words.is_empty() {
            text.to_owned()
        } else {
            words
        }))
    };
    match answer.answer {
        v3::Answer::Ready => Ok(()),
        v3::Answer::Unreachable => otherwise("the address cannot be reached"),
        v3::Answer::CannotBind => otherwise("it could not open a socket to the address"),
        v3::Answer::TooMany => Err(End::TooMany),
        v3::Answer::Failed => otherwise("it did not say why"),
        v3::Answer::Other(code) => otherwise(&format!("code {code}")),
    }
}

/// What may be shown of a connector's words.
pub(super) fn words(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(MOST_WORDS)
        .collect()
}

/// What the user of a session hears that was never open.
fn refusal(end: &End) -> PrivateDialError {
    match end {
        End::Refused(words) | End::Unregistered(words) => PrivateDialError::Refused(words.clone()),
        End::TooMany => PrivateDialError::TooMany("the connector has as many as it may"),
        End::TimedOut | End::Idle => PrivateDialError::TimedOut,
        End::Lost | End::Closed => PrivateDialError::Broken(end.to_string()),
    }
}
