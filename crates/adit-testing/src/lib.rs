//! What tests share: origins to proxy to, processes to run and kill, a stock connector, and waiting without sleeping.
//!
//! A dev-dependency of every crate that needs it, and of nothing that ships. It knows neither the edge nor the API, so
//! that their crates can use it in their own tests. Start with [`wait_for`] and [`origin::Origin`].
//!
//! The harness fails the test it serves: what goes wrong here panics and says what was expected.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a harness fails its test by panicking, and speaks through the test's output"
)]

pub mod client;
pub mod cloudflared;
pub mod dns;
pub mod mesh;
pub mod misbehaviour;
pub mod netns;
pub mod origin;
pub mod postgres;
pub mod process;
pub mod resolver;
pub mod scenes;
pub mod scripted;
mod skip;
mod wait;

pub use skip::{long_only, long_wanted, skip};
pub use wait::{wait_for, wait_for_some, wait_within, within};
