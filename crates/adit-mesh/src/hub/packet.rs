//! What the hub reads and writes of the packets that it forwards.

pub(crate) mod bytes;
pub(crate) mod fragment;
pub(crate) mod head;
pub(crate) mod icmp;
pub(crate) mod mss;

#[cfg(test)]
pub(crate) mod samples;
