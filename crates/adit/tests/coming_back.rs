//! A connector whose network comes and goes: the whole binary, in a namespace of its own.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "coming_back/edges.rs"]
mod edges;
#[path = "coming_back/names.rs"]
mod names;
#[path = "coming_back/network.rs"]
mod network;
#[path = "coming_back/scene.rs"]
mod scene;
