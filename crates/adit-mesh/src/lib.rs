//! The mesh: packets between sites and devices.
//!
//! From the wire inwards: [`udp`] carries datagrams in batches, [`noise`] is WireGuard without sockets for one peer or
//! a thousand, [`packet`] cuts and joins what [`tun`], the device of this host, takes and gives. [`link`] puts them
//! together, and [`node`] is what joins a site; [`hub`] forwards packets between members. Beside the packets, [`control`] is the connection between
//! a node and the edge, and [`server`] the edge's side of it: who is there, what they are told, and the hub's table.

pub mod control;
pub mod hub;
pub mod link;
pub mod node;
pub mod noise;
pub mod packet;
pub mod server;
pub mod tun;
pub mod udp;
pub mod wait;
