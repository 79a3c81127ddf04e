//! The edge as public clients see it, with a connector that does what the test says.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod certificates;
mod connections;
mod host_limits;
mod passing;
mod smuggling;
mod stage;
#[path = "../support/mod.rs"]
mod support;
