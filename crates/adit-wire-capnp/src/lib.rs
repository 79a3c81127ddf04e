//! Code generated from Adit's Cap'n Proto schemas, in `schema/`.
//!
//! Committed, so that a build needs no Cap'n Proto compiler. `tests/generated.rs` generates it anew
//! where `capnp` is installed and fails on any difference; with `ADIT_GENERATE=1` it writes instead.

#![allow(warnings, clippy::all, clippy::pedantic, clippy::restriction)]

#[rustfmt::skip]
pub mod control_capnp;
#[rustfmt::skip]
pub mod stream_capnp;
