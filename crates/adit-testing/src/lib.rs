//! Harness, fixtures and scripted peers for tests. Nothing here ships.
//!
//! [`ScriptedEdge`] plays an edge towards a connector under test, kills and restarts included; [`TestOrigin`] plays
//! an origin; [`wait_for`] waits for a condition instead of sleeping.
//!
//! What goes wrong here is a failed test, so helpers panic with what they were doing.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that cannot do its part fails the test that called it"
)]

mod edge;
mod identity;
mod origin;
mod wait;

pub use edge::{Answer, EdgeConnection, Exchange, Script, ScriptedEdge};
pub use identity::TestIdentity;
pub use origin::{TestBody, TestOrigin, full};
pub use wait::{wait_for, within};
