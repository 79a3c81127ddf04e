//! What a connector may rely on, point by point: with a connector that does what the test says, always, and with
//! unmodified cloudflared where it is present.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../support/mod.rs"]
mod support;

mod bodies;
mod fairness;
mod grpc;
mod hanging;
mod registration;
mod services;
mod staying;
mod traces;
mod transport;
