//! One session, between its user and the connection that carries it.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

use adit_core::sessions::{End, Session, Todo};
use adit_model::{ConnectionId, ConnectorId, SessionId};
use adit_net::private::PrivateDatagrams;
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{DatagramFlows, backlog::Backlog};
use crate::{
    private::{counts::Dropped, datagrams::Carrier},
    tunnels::Tunnel,
};

/// Datagrams that wait for a user; a newer one is dropped.
const QUEUE: usize = 512;
/// A queue that is empty keeps room for so many.
const KEPT: usize = 16;

/// One session. Held by its user and by each connection that has it.
pub(in crate::private) struct Flow {
    pub(in crate::private) id: SessionId,
    pub(super) tunnel: Arc<Tunnel>,
    pub(in crate::private) to: SocketAddr,
    pub(in crate::private) idle: Duration,
    pub(super) inner: Mutex<Inner>,
    backlog: Arc<Backlog>,
    /// A datagram has come, or the session has opened or ended.
    told: Notify,
}

pub(super) struct Inner {
    pub(super) session: Session,
    /// Those that have it; the last is where it is, or has been asked for.
    pub(super) carriers: Vec<Arc<Carrier>>,
    /// Whose place it has; `None` once that is given back.
    pub(super) connector: Option<ConnectorId>,
    /// A connector has said yes to it.
    pub(super) is_known: bool,
    queue: VecDeque<Bytes>,
}

impl Flow {
    pub(super) fn new(
        tunnel: Arc<Tunnel>,
        to: SocketAddr,
        idle: Duration,
        session: Session,
        connector: ConnectorId,
        backlog: &Arc<Backlog>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id: SessionId::random(),
            tunnel,
            to,
            idle,
            inner: Mutex::new(Inner {
                session,
                carriers: Vec::new(),
                connector: Some(connector),
                is_known: false,
                queue: VecDeque::new(),
            }),
            backlog: Arc::clone(backlog),
            told: Notify::new(),
        })
    }

    /// Something has changed for the user.
    pub(super) fn tell(&self) {
        self.told.notify_one();
    }

    /// Waits until a connector has it.
    pub(super) async fn opened(&self) -> Result<(), End> {
        loop {
            {
                let inner = self.inner.lock();
                if inner.session.is_open() {
                    return Ok(());
                }
                if let Some(end) = inner.session.ended() {
                    return Err(end.clone());
                }
            }
            self.told.notified().await;
        }
    }

    /// Queues what a connection brings.
    pub(super) fn deliver(&self, from: ConnectionId, now: Duration, payload: Bytes) -> Result<(), Dropped> {
        let mut inner = self.inner.lock();
        if let Some(why) = Dropped::of(inner.session.handle_datagram(from, now)) {
            return Err(why);
        }
        if inner.queue.len() >= QUEUE {
            return Err(Dropped::SlowUser);
        }
        let payload = self.backlog.admit(payload).ok_or(Dropped::SlowUser)?;
        inner.queue.push_back(payload);
        drop(inner);
        self.tell();
        Ok(())
    }

    /// What is to be done now for the connection that it is on, if anything.
    pub(in crate::private) fn time_passes(&self, carrier: &Carrier, now: Duration) -> Option<Todo> {
        let mut inner = self.inner.lock();
        let is_here = inner.session.at() == Some(carrier.stop());
        let todo = if is_here {
            inner.session.handle_timeout(now)
        } else {
            Todo::Nothing
        };
        (todo != Todo::Nothing).then_some(todo)
    }

    fn next(&self) -> Option<Option<Bytes>> {
        let mut inner = self.inner.lock();
        if let Some(datagram) = inner.queue.pop_front() {
            if inner.queue.is_empty() && inner.queue.capacity() > KEPT {
                inner.queue.shrink_to(KEPT);
            }
            self.backlog.release(&datagram);
            return Some(Some(datagram));
        }
        inner.session.ended().map(|_| None)
    }

    fn current(&self) -> Option<Arc<Carrier>> {
        self.inner.lock().carriers.last().cloned()
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        for datagram in &self.inner.get_mut().queue {
            self.backlog.release(datagram);
        }
    }
}

/// A user's end of a session.
pub(super) struct UdpFlow {
    flows: Arc<DatagramFlows>,
    flow: Arc<Flow>,
}

impl UdpFlow {
    pub(super) const fn new(flows: Arc<DatagramFlows>, flow: Arc<Flow>) -> Self {
        Self { flows, flow }
    }

    fn try_send(&self, payload: Bytes) -> Result<(), Dropped> {
        let carrier = {
            let mut inner = self.flow.inner.lock();
            let at = inner.session.handle_send(self.flows.now());
            let has_it = |carrier: &&Arc<Carrier>| Some(carrier.stop()) == at;
            inner.carriers.iter().rev().find(has_it).cloned()
        };
        let carrier = carrier.ok_or(Dropped::NoConnection)?;
        carrier.send_udp(self.flow.id, payload)
    }
}

#[async_trait]
impl PrivateDatagrams for UdpFlow {
    fn max_bytes(&self) -> usize {
        self.flow.current().map_or(0, |carrier| carrier.max_payload())
    }

    fn send(&self, payload: Bytes) -> bool {
        match self.try_send(payload) {
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

    async fn receive(&self) -> Option<Bytes> {
        loop {
            if let Some(next) = self.flow.next() {
                return next;
            }
            self.flow.told.notified().await;
        }
    }
}

impl Drop for UdpFlow {
    fn drop(&mut self) {
        self.flows.end(&self.flow, End::Closed);
    }
}

impl std::fmt::Debug for UdpFlow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UdpFlow")
            .field("session", &self.flow.id)
            .field("to", &self.flow.to)
            .finish_non_exhaustive()
    }
}
