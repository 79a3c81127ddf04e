//! The control connection at both ends: `adit_wire::mesh` says what the bytes mean, `adit_core::mesh::session` what follows
//! from them, and here is what waits.

mod channel;
pub mod client;
pub(crate) mod server;
mod words;
