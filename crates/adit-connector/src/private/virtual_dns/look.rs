//! Whether resolvers answer.

use std::net::SocketAddr;
use std::time::Duration;

use adit_model::Hostname;
use adit_wire::dns::{AddressKind, decode_answer, encode_question};

use crate::resolvers;

/// Who has not answered by then does not.
const LIMIT: Duration = Duration::from_secs(2);

/// Asks one after the other for a name. That there is no such name is an answer; that it went wrong is none.
pub(super) async fn first_that_answers(resolvers: &[SocketAddr], name: &Hostname) -> Option<SocketAddr> {
    for resolver in resolvers {
        let id = rand::random();
        let question = encode_question(id, name, AddressKind::V4);
        let decode = |answer: &[u8]| decode_answer(answer, id, name, AddressKind::V4);
        let asking = resolvers::ask(*resolver, &question, decode);
        if let Ok(Ok(_)) = tokio::time::timeout(LIMIT, asking).await {
            return Some(*resolver);
        }
    }
    None
}
