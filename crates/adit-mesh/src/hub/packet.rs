//! What the hub reads and writes of the packets that it forwards.

pub(super) mod bytes;
pub(super) mod fragment;
pub(super) mod head;
pub(super) mod icmp;
pub(super) mod mss;

#[cfg(test)]
pub(super) mod samples;
