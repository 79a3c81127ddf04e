//! IP packets: how long they are, how super-packets are cut into wire packets, and how wire packets become
//! super-packets again.

mod ip;

pub use ip::length;
