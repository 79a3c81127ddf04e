//! Peers that do what a test says: an edge for a connector under test, and an origin with an answer of its own.

mod edge;
mod identity;
mod origin;

pub use edge::{Answer, EdgeConnection, Exchange, Script, ScriptedEdge};
pub use identity::TestIdentity;
pub use origin::{ScriptedBody, ScriptedOrigin, full};
