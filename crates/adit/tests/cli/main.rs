//! The binary from outside: command lines, configuration, data directory, and a whole Adit on free ports.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod admin;
mod commands;
mod configuration;
mod conformance;
mod connector;
mod ingress;
mod lifecycle;
mod networks;
mod recording_api;
mod stock_client;
mod support;
mod tail;
