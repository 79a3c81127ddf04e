//! What the node says and hears on a LAN below IP: who has which address.
//!
//! [`arp`] and [`ndp`] write and read frames; [`PacketSocket`] sends and receives them on one interface.

pub(super) mod arp;
pub(super) mod ndp;
mod socket;
mod sys;

pub(super) use socket::{Listens, PacketSocket};

/// The address of a network card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Mac(pub(super) [u8; 6]);

impl Mac {
    /// Everybody on the LAN.
    pub(super) const BROADCAST: Self = Self([0xff; 6]);
}

/// The first bytes of a frame: to, from, and what it carries.
fn header(to: Mac, from: Mac, kind: u16) -> Vec<u8> {
    let mut frame = Vec::with_capacity(96);
    frame.extend(to.0);
    frame.extend(from.0);
    frame.extend(kind.to_be_bytes());
    frame
}

/// What a frame carries, if it is of that kind, and who sent it.
fn payload(frame: &[u8], kind: u16) -> Option<(Mac, &[u8])> {
    let from = Mac(*frame.get(6..)?.first_chunk()?);
    let rest = frame.get(12..)?.strip_prefix(&kind.to_be_bytes())?;
    Some((from, rest))
}
