//! An edge that holds no connection and closes all it is asked to.

use std::time::Duration;

use adit_core::port::{Answer, Ask, AskError, EdgeControl, Question};
use adit_model::NodeId;
use async_trait::async_trait;

pub(super) struct IdleEdge;

#[async_trait]
impl EdgeControl for IdleEdge {
    async fn ask(&self, ask: Ask, _within: Duration) -> Vec<(NodeId, Result<Answer, AskError>)> {
        let answer = match ask.question {
            Question::ListConnections { .. } => Answer::Connections(Vec::new()),
            Question::CloseConnections { .. } => Answer::Closed(0),
        };
        vec![(NodeId::random(), Ok(answer))]
    }
}
