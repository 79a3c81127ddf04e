//! Asking every edge about a tunnel's connections.

use adit_core::{
    lifecycle::connections_of_all,
    port::{Ask, AskError, ChangeNumber, Question},
};

use crate::state::ApiState;

/// How many connections all edges have, or closed, when they know of everything up to `after`.
///
/// # Errors
/// Those of [`connections_of_all`]: an edge that does not answer may have some.
pub(super) async fn ask_all(
    state: &ApiState,
    after: ChangeNumber,
    question: Question,
) -> Result<usize, AskError> {
    let ask = Ask { after, question };
    let answers = state.edges.ask(ask, state.limits.edge_time).await;
    connections_of_all(&answers)
}
