//! UDP in batches: one system call moves up to 64 datagrams of one peer (segmentation offload, GSO and GRO), and
//! several peers' of them at once (`sendmmsg`, `recvmmsg`).
//!
//! [`SendBatch`] collects datagrams in trains, [`BatchSocket::flush`] sends them; [`BatchSocket::receive`] fills a
//! [`ReceiveBatch`]. Where the kernel or a device refuses a train, its datagrams go one by one.
//!
//! Source: Linux, Documentation/networking/udp.rst and udp(7), `UDP_SEGMENT` and `UDP_GRO`.

mod batch;
mod control;
mod receive;
mod socket;
mod sys;
#[cfg(test)]
mod tests;

pub use batch::{Endpoint, SendBatch};
pub use receive::ReceiveBatch;
pub use socket::{BatchSocket, Flushed};
