//! Connectors against scripted edges and origins, over real loopback sockets.
#![cfg(test)]

mod bad_edges;
mod bulk;
mod healing;
mod local_endpoint;
mod management;
mod odd_origins;
mod origin_proxies;
mod private;
mod proxies;
mod proxying;
mod reconfiguration;
mod registration;
mod services;
mod shutdown;
mod slow_edges;
mod support;
mod tcp_services;
mod transports;
mod upgrades;
