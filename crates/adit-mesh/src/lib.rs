//! The mesh: packets between sites and devices.
//!
//! [`hub`] forwards packets between members. [`noise`] is WireGuard without sockets, for one peer or a thousand; [`udp`] carries its datagrams in batches, [`wait`] waits for them.

pub mod hub;
pub mod noise;
pub mod packet;
pub mod udp;
pub mod wait;
