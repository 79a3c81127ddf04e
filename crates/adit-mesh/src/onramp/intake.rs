//! Where the hub hands packets over.

use std::net::IpAddr;

use adit_core::mesh::forwarding::{Proxied, Who};
use bytes::BytesMut;
use tokio::sync::mpsc;

use crate::hub::packet::head::Head;

/// How many packets wait at most; a newer one is dropped.
const MOST_WAITING: usize = 4096;

/// A packet that a member has sent, checked as those are that go to other members.
#[derive(Debug, Clone)]
pub struct Handed {
    pub(crate) packet: BytesMut,
    pub(crate) head: Head,
    /// Who sent it.
    pub(crate) who: Who,
    /// What its sender may call the hub by.
    pub(crate) hub: Option<IpAddr>,
    /// Where it leads.
    pub(crate) to: Proxied,
    /// How long packets to its sender may be.
    pub(crate) mtu: u16,
}

impl Handed {
    /// A packet of a member whose path takes packets of `mtu` bytes; `None` if it is none that a router forwards.
    #[must_use]
    pub fn new(mut packet: BytesMut, who: Who, to: Proxied, mtu: u16) -> Option<Self> {
        let head = Head::read(&packet).ok()?;
        packet.truncate(head.total);
        Some(Self {
            packet,
            head,
            who,
            hub: None,
            to,
            mtu,
        })
    }
}

/// Takes packets for what connectors reach. Never makes anyone wait.
#[derive(Debug, Clone)]
pub struct Intake {
    packets: mpsc::Sender<Handed>,
}

impl Intake {
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Handed>) {
        let (packets, receiver) = mpsc::channel(MOST_WAITING);
        (Self { packets }, receiver)
    }

    /// Takes a packet; false if too many wait.
    #[must_use]
    pub fn take(&self, handed: Handed) -> bool {
        self.packets.try_send(handed).is_ok()
    }
}
