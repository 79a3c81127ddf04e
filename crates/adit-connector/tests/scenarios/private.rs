//! Flows into private networks, from a scripted edge to real sockets on loopback.

mod bad_input;
mod icmp;
mod stage;
mod tcp;
mod udp;
mod udp_places;
