//! What a stack takes packets from and puts packets on.

use std::collections::VecDeque;

use bytes::BytesMut;
use smoltcp::{
    phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken},
    time::Instant,
};

use super::super::write::ROOM;

/// Packets that nobody has looked at, and packets that nobody has sent.
pub(super) struct Wire {
    pub(super) arrived: VecDeque<BytesMut>,
    pub(super) leaving: Vec<BytesMut>,
    /// How many packets may leave of the stack's own accord. Answers to packets leave in any case, at most one each.
    pub(super) room: usize,
    pub(super) mtu: usize,
}

impl Wire {
    pub(super) fn new(mtu: usize) -> Self {
        Self {
            arrived: VecDeque::new(),
            leaving: Vec::new(),
            room: 0,
            mtu,
        }
    }
}

impl Device for Wire {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Leaving<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Arrived, Leaving<'_>)> {
        let packet = self.arrived.pop_front()?;
        Some((Arrived(packet), Leaving(&mut self.leaving)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Leaving<'_>> {
        (self.leaving.len() < self.room).then_some(Leaving(&mut self.leaving))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

pub(super) struct Arrived(BytesMut);

impl RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, look: F) -> R {
        look(&self.0)
    }
}

pub(super) struct Leaving<'a>(&'a mut Vec<BytesMut>);

impl TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut packet = BytesMut::with_capacity(length + ROOM);
        packet.resize(length, 0);
        let filled = fill(&mut packet);
        self.0.push(packet);
        filled
    }
}
