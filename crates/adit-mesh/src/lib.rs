//! The mesh: packets between sites and devices.
//!
//! From the wire inwards: [`udp`] carries datagrams in batches, [`noise`] is WireGuard without sockets for one peer or
//! a thousand, [`packet`] cuts and joins what [`tun`], the device of this host, takes and gives. [`link`] puts them
//! together for a node; [`hub`] forwards packets between members.

pub mod hub;
pub mod link;
pub mod noise;
pub mod packet;
pub mod tun;
pub mod udp;
pub mod wait;
