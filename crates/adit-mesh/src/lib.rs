//! The mesh: packets between sites and devices.
//!
//! From the wire inwards: [`udp`] carries datagrams in batches, [`noise`] is WireGuard without sockets for one peer or
//! a thousand, [`packet`] cuts and joins what [`tun`], the device of this host, takes and gives. [`link`] puts them
//! together; where UDP is blocked, [`carrier`]s take datagrams along, and [`way`] says when. [`node`] is what joins a site;
//! [`hub`] forwards packets between members, and [`onramp`] ends the flows that go on to networks behind connectors of
//! `cfd_tunnel`s. Beside the packets, [`control`] is the connection between
//! a node and the edge, and [`server`] the edge's side of it: who is there, what they are told, and the hub's table.

pub mod boot_clock;
pub mod boot_time;
pub mod carrier;
pub mod control;
pub mod hub;
pub mod link;
pub mod node;
pub mod noise;
pub mod onramp;
pub mod packet;
pub mod server;
pub mod tun;
pub mod udp;
pub mod wait;
pub mod way;
