//! Flows into private networks: with a connector that does what the test says, always, and with unmodified cloudflared
//! where it is present.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

#[path = "../support/mod.rs"]
mod support;

mod bounds;
mod counters;
mod hostile;
mod icmp;
mod moving;
mod stage;
mod stock;
mod udp;
