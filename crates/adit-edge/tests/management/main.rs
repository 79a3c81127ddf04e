//! Points 26 and 27 of the checklist: the management host, with connectors that do what the test says, always, and with
//! unmodified cloudflared where it is present.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod logs;
mod passing;
mod stage;
mod stock;
mod strangers;
mod streams;
mod tokens;
mod tricks;
mod viewer;

#[path = "../support/mod.rs"]
mod support;
