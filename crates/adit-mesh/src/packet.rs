//! IP packets: how long they are, how super-packets are cut into wire packets ([`split`]), and how wire packets become
//! super-packets again ([`Coalescer`]).
//!
//! A super-packet is what the kernel's segmentation offload passes through a TUN device: one set of headers, up to
//! 64 KiB of payload, and a [`VnetHeader`] that says where to cut. It saves the trip through the stack for 40 packets
//! of 41. No decision here reads a clock or a file descriptor.

mod checksum;
mod coalesce;
mod ip;
mod layout;
mod split;
#[cfg(test)]
mod tests;
mod vnet;

pub use checksum::Sum;
pub use coalesce::Coalescer;
pub use ip::{destination, length, source};
pub use split::{SplitError, split};
pub use vnet::{Segments, VnetHeader};
