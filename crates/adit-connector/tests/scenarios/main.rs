//! Connectors against scripted edges and origins, over real loopback sockets.
#![cfg(test)]

mod bulk;
mod healing;
mod local_endpoint;
mod proxying;
mod registration;
mod services;
mod shutdown;
mod support;
mod upgrades;
