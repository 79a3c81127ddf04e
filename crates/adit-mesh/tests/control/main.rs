//! Nodes and a server of the mesh over real TLS on loopback, with a store in memory and a hub that only remembers.
#![cfg(test)]

mod bad_peers;
mod carriers;
mod configuration;
mod enrolment;
mod failover;
mod keys;
mod many;
mod peer;
mod replicas;
mod store;
mod world;
