//! Peers that do what a test says: an edge for a connector under test, a connector for an edge under test, and an
//! origin with an answer of its own.

mod connector;
mod edge;
mod identity;
mod origin;

pub(crate) use connector::begin_control;
pub use connector::{
    AnswerBody, Asked, AskedBody, AskedSession, Called, Offer, ScriptedConnector, Waiting, registration,
    speaking_v3,
};
pub use edge::{Answer, EdgeConnection, Exchange, Script, ScriptedEdge, Transports};
pub use identity::TestIdentity;
pub use origin::{ScriptedBody, ScriptedOrigin, full};
