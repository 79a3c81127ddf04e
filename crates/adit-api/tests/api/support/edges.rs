//! Edges that say what they are told to.

use std::{net::IpAddr, time::Duration};

use adit_core::port::{Answer, Ask, AskError, EdgeControl, LiveConnection, Question};
use adit_model::{ConnectionId, ConnectionIndex, ConnectorId, NodeId, Timestamp, TransportProtocol};
use async_trait::async_trait;
use parking_lot::Mutex;

/// What goes wrong when the edges are asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Error(AskError),
    Panic,
    Hang,
}

/// One edge with a number of connections, or one that does not answer. Remembers what it was asked.
#[derive(Default)]
pub(crate) struct ScriptedEdges {
    pub(crate) asked: Mutex<Vec<Ask>>,
    pub(crate) live: Mutex<usize>,
    pub(crate) fault: Mutex<Option<Fault>>,
}

impl ScriptedEdges {
    /// From now on asking fails so.
    pub(crate) fn fail(&self, fault: Fault) {
        *self.fault.lock() = Some(fault);
    }

    /// Waits until they are being asked.
    pub(crate) async fn are_asked(&self) {
        adit_testing::wait_for("a question to the edges", async || !self.asked.lock().is_empty()).await;
    }
}

#[async_trait]
impl EdgeControl for ScriptedEdges {
    async fn ask(&self, ask: Ask, _within: Duration) -> Vec<(NodeId, Result<Answer, AskError>)> {
        self.asked.lock().push(ask.clone());
        let fault = *self.fault.lock();
        match fault {
            Some(Fault::Error(error)) => return vec![(NodeId::random(), Err(error))],
            Some(Fault::Panic) => panic!("a bug"),
            Some(Fault::Hang) => std::future::pending().await,
            None => {}
        }
        let answer = match ask.question {
            Question::ListConnections { .. } => {
                Answer::Connections((0..*self.live.lock()).map(|_| connection()).collect())
            }
            Question::CloseConnections { .. } => Answer::Closed(std::mem::take(&mut *self.live.lock())),
        };
        vec![(NodeId::random(), Ok(answer))]
    }
}

fn connection() -> LiveConnection {
    LiveConnection {
        connection: ConnectionId::random(),
        connector: ConnectorId::random(),
        index: ConnectionIndex(0),
        protocol: TransportProtocol::Quic,
        origin_ip: IpAddr::from([192, 0, 2, 1]),
        opened_at: Timestamp::parse("2026-01-02T03:04:05Z").unwrap(),
    }
}
