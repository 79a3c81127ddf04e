//! Both sides of every transport over real loopback sockets.
#![cfg(test)]

mod carriers;
mod h2;
mod mesh;
mod quic_connections;
mod quic_datagrams;
mod quic_packets;
mod quic_streams;
mod support;
