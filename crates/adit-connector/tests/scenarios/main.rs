//! Connectors against scripted edges and origins, over real loopback sockets.
#![cfg(test)]

mod healing;
mod local_endpoint;
mod proxying;
mod registration;
mod shutdown;
mod support;
