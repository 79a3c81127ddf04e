//! Edges that say what they are told to.

use std::{net::IpAddr, time::Duration};

use adit_core::port::{Answer, Ask, AskError, EdgeControl, LiveConnection, Question};
use adit_model::{ConnectionId, ConnectionIndex, ConnectorId, NodeId, Timestamp, TransportProtocol};
use async_trait::async_trait;
use parking_lot::Mutex;

/// One edge with a number of connections, or one that does not answer. Remembers what it was asked.
#[derive(Default)]
pub(crate) struct ScriptedEdges {
    pub(crate) asked: Mutex<Vec<Ask>>,
    pub(crate) live: Mutex<usize>,
    pub(crate) fails: Mutex<Option<AskError>>,
}

#[async_trait]
impl EdgeControl for ScriptedEdges {
    async fn ask(&self, ask: Ask, _within: Duration) -> Vec<(NodeId, Result<Answer, AskError>)> {
        self.asked.lock().push(ask.clone());
        if let Some(error) = *self.fails.lock() {
            return vec![(NodeId::random(), Err(error))];
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
