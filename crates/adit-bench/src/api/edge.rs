//! An edge that holds no connection, closes all it is asked to and has no replica of any site.

use std::time::Duration;

use adit_core::{
    ha::Epoch,
    port::{
        Answer, Ask, AskError, BadLogLevel, ChangeNumber, EdgeControl, Eviction, FailoverError,
        FailoverRequest, LiveReplica, LogControl, Question, SiteControl,
    },
};
use adit_model::{NodeId, TunnelKey};
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

#[async_trait]
impl SiteControl for IdleEdge {
    async fn applied(&self, _after: ChangeNumber, _within: Duration) -> Result<(), AskError> {
        Ok(())
    }

    async fn evict(&self, _eviction: Eviction, _within: Duration) -> Result<usize, AskError> {
        Ok(0)
    }

    async fn live(
        &self,
        _tunnel: TunnelKey,
        _after: ChangeNumber,
        _within: Duration,
    ) -> Result<Vec<LiveReplica>, AskError> {
        Ok(Vec::new())
    }

    async fn fail_over(&self, _request: FailoverRequest, _within: Duration) -> Result<Epoch, FailoverError> {
        Err(FailoverError::Offline)
    }
}

impl LogControl for IdleEdge {
    fn log_level(&self) -> String {
        "off".to_owned()
    }

    fn set_log_level(&self, _directives: &str) -> Result<String, BadLogLevel> {
        Err(BadLogLevel("nothing is logged here".to_owned()))
    }
}
