//! A member's end of a TCP flow, played by another stack.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use smoltcp::{
    iface::{Interface, PollResult, SocketHandle, SocketSet},
    socket::tcp::{Socket, SocketBuffer},
    time::Instant as Stamp,
    wire::IpCidr,
};

use super::{interface, wire::Wire};

pub(crate) struct Peer {
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    wire: Wire,
    began: Instant,
}

impl Peer {
    /// One that begins to connect.
    pub(crate) fn connect(from: SocketAddr, to: SocketAddr, mtu: usize, now: Instant) -> Self {
        let buffer = || SocketBuffer::new(vec![0; 64 * 1024]);
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(Socket::new(buffer(), buffer()));
        let mut wire = Wire::new(mtu);
        let bits = if from.is_ipv4() { 32 } else { 128 };
        let mut interface = interface(&mut wire, IpCidr::new(from.ip().into(), bits), 7);
        sockets
            .get_mut::<Socket<'_>>(socket)
            .connect(interface.context(), to, from)
            .unwrap();
        Self {
            interface,
            sockets,
            socket,
            wire,
            began: now,
        }
    }

    pub(crate) fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.socket)
    }

    pub(crate) fn take(&mut self, packet: &[u8]) {
        self.wire.arrived.push_back(BytesMut::from(packet));
    }

    /// Looks at all packets, and makes others.
    pub(crate) fn poll(&mut self, now: Instant) -> Vec<BytesMut> {
        self.wire.room = usize::MAX;
        let stamp = self.stamp(now);
        while self.interface.poll(stamp, &mut self.wire, &mut self.sockets) != PollResult::None {}
        std::mem::take(&mut self.wire.leaving)
    }

    pub(crate) fn next(&mut self, now: Instant) -> Option<Instant> {
        let stamp = self.stamp(now);
        let next = self.interface.poll_at(stamp, &self.sockets)?;
        Some(self.began + Duration::from_micros(next.total_micros().try_into().unwrap()))
    }

    fn stamp(&self, now: Instant) -> Stamp {
        let micros = now.duration_since(self.began).as_micros();
        Stamp::from_micros(i64::try_from(micros).unwrap())
    }
}
