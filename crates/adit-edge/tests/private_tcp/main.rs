//! Private networks: dialled through connectors that do what the test says, and through unmodified cloudflared where it
//! is present; and the proxy that lets people in.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod dialling;
mod hosts;
mod logins;
mod proxy;
mod stage;
mod stock;
