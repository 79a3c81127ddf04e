//! The near end of one TCP flow: packets in, packets out, and bytes between them. Reads no clock and opens no socket.
//!
//! It is a whole stack of smoltcp's with one address, which is the flow's destination, and one socket. So an end costs what
//! its own packets cost, however many there are.

mod sent;
mod wire;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use smoltcp::{
    iface::{Config, Interface, PollIngressSingleResult, PollResult, SocketHandle, SocketSet},
    socket::tcp::{RecvError, Socket, SocketBuffer, State},
    time::Instant as Stamp,
    wire::{HardwareAddress, IpCidr},
};

use self::{sent::Sent, wire::Wire};

/// How long a member may take over the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A member that is silent for so long is gone. One that has nothing to say is asked after [`ASKED`].
const SILENT: Duration = Duration::from_secs(120);
const ASKED: Duration = Duration::from_secs(45);
/// A member that takes nothing for so long is let go, whatever it says meanwhile.
const STALLED: Duration = Duration::from_secs(120);
/// No segment is shorter than this, whatever the path is said to take.
const LEAST_MTU: u16 = 576;

/// The near end of a TCP flow.
pub struct TcpEnd {
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    wire: Wire,
    sent: Sent,
    address: IpCidr,
    began: Instant,
    is_open: bool,
    /// How much the member has not acknowledged, and since when it has not changed.
    owed: (usize, Instant),
}

/// What a member has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming {
    /// Bytes that nobody has read.
    Bytes,
    /// Nothing more for now.
    Nothing,
    /// It has ended its side, and everything before that has been read.
    End,
    /// The flow is over.
    Over,
}

impl TcpEnd {
    /// The end for a flow that begins with this packet, a SYN. Buffers hold `window` bytes each; packets to the member
    /// have at most `mtu` bytes. `None` if it is no SYN to that destination.
    #[must_use]
    pub fn accept(
        syn: BytesMut,
        destination: SocketAddr,
        window: usize,
        mtu: u16,
        seed: u64,
        now: Instant,
    ) -> Option<Self> {
        let buffer = || SocketBuffer::new(vec![0; window]);
        let mut socket = Socket::new(buffer(), buffer());
        // The far end has done its own gathering.
        socket.set_nagle_enabled(false);
        socket.set_timeout(Some(HANDSHAKE.into()));
        socket.listen(destination).ok()?;
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket);
        let mut wire = Wire::new(mtu.max(LEAST_MTU).into());
        let bits = if destination.is_ipv4() { 32 } else { 128 };
        let address = IpCidr::new(destination.ip().into(), bits);
        let mut end = Self {
            interface: interface(&mut wire, address, seed),
            sockets,
            socket: handle,
            wire,
            sent: Sent::default(),
            address,
            began: now,
            is_open: false,
            owed: (0, now),
        };
        end.take(syn);
        end.ingress(now);
        (end.socket().state() == State::SynReceived).then_some(end)
    }

    /// Takes a packet, which is looked at by the next [`TcpEnd::ingress`].
    pub fn take(&mut self, packet: BytesMut) {
        self.sent.heard(&packet);
        self.wire.arrived.push_back(packet);
    }

    /// Looks at all packets that were taken.
    pub fn ingress(&mut self, now: Instant) {
        let stamp = self.stamp(now);
        while self
            .interface
            .poll_ingress_single(stamp, &mut self.wire, &mut self.sockets)
            != PollIngressSingleResult::None
        {}
        // Before more is written, which would hide what has been acknowledged.
        let owed = self.socket().send_queue();
        if owed < self.owed.0 {
            self.owed = (owed, now);
        }
        if !self.is_open && self.socket().may_send() {
            self.is_open = true;
            let socket = self.socket_mut();
            socket.set_timeout(Some(SILENT.into()));
            socket.set_keep_alive(Some(ASKED.into()));
        }
    }

    /// Makes packets, `most` of them at most beside those that had to be made before.
    pub fn egress(&mut self, now: Instant, most: usize) -> Vec<BytesMut> {
        let owed = self.socket().send_queue();
        if self.owed.0 == 0 {
            self.owed.1 = now;
        } else if now.saturating_duration_since(self.owed.1) >= STALLED {
            self.reset();
        }
        self.owed.0 = owed;
        self.wire.room = self.wire.leaving.len() + most;
        let stamp = self.stamp(now);
        while self
            .interface
            .poll_egress(stamp, &mut self.wire, &mut self.sockets)
            == PollResult::SocketStateChanged
            && self.wire.leaving.len() < self.wire.room
        {}
        let mut leaving = std::mem::take(&mut self.wire.leaving);
        for packet in &mut leaving {
            self.sent.leaves(packet);
        }
        leaving
    }

    /// When [`TcpEnd::egress`] is to be called again if nothing else happens.
    pub fn next(&mut self, now: Instant) -> Option<Instant> {
        let stamp = self.stamp(now);
        let next = self.interface.poll_at(stamp, &self.sockets).map(|next| {
            let micros = u64::try_from(next.total_micros()).unwrap_or(0);
            self.began + Duration::from_micros(micros)
        });
        let (owed, since) = self.owed;
        let stalled = (owed > 0).then(|| since + STALLED);
        next.into_iter().chain(stalled).min()
    }

    /// From now on packets to the member have at most so many bytes.
    pub fn set_mtu(&mut self, mtu: u16) {
        let mtu = usize::from(mtu.max(LEAST_MTU));
        if self.wire.mtu != mtu {
            self.wire.mtu = mtu;
            // It asks its device once, when it is made.
            self.interface = interface(&mut self.wire, self.address, rand::random());
        }
    }

    /// Whether the handshake is complete.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether nothing more can come of it but the packets of one more [`TcpEnd::egress`].
    #[must_use]
    pub fn is_over(&self) -> bool {
        // A reset in the middle of the handshake makes a socket listen again.
        matches!(
            self.socket().state(),
            State::Closed | State::TimeWait | State::Listen
        )
    }

    /// What there is to read.
    pub fn incoming(&mut self) -> Incoming {
        let socket = self.socket_mut();
        if socket.can_recv() {
            return Incoming::Bytes;
        }
        let opens = socket.state() == State::SynReceived;
        match socket.peek(0) {
            Err(RecvError::Finished) => Incoming::End,
            Err(RecvError::InvalidState) if !opens => Incoming::Over,
            Err(RecvError::InvalidState) | Ok(_) => Incoming::Nothing,
        }
    }

    /// Reads: `consume` says how many of the bytes it has taken.
    pub fn read(&mut self, consume: impl FnOnce(&[u8]) -> usize) {
        // There is nothing to read from an end that is over.
        let _ = self.socket_mut().recv(|bytes| {
            let consumed = consume(bytes).min(bytes.len());
            (consumed, ())
        });
    }

    /// How many bytes can be written.
    #[must_use]
    pub fn room(&self) -> usize {
        let socket = self.socket();
        if socket.can_send() {
            socket.send_capacity() - socket.send_queue()
        } else {
            0
        }
    }

    /// Writes: `fill` says how many bytes it has put there.
    pub fn write(&mut self, fill: impl FnOnce(&mut [u8]) -> usize) {
        // There is nowhere to write to in an end that is over.
        let _ = self.socket_mut().send(|place| {
            let filled = fill(place).min(place.len());
            (filled, ())
        });
    }

    /// Nothing more will be written.
    pub fn finish(&mut self) {
        self.socket_mut().close();
    }

    /// Ends the flow at once, which the next [`TcpEnd::egress`] tells the member.
    pub fn reset(&mut self) {
        self.socket_mut().abort();
    }

    /// Whether the member has acknowledged everything that was written, and that it ended.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        matches!(
            self.socket().state(),
            State::FinWait2 | State::TimeWait | State::Closed
        )
    }

    fn socket(&self) -> &Socket<'static> {
        self.sockets.get(self.socket)
    }

    fn socket_mut(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.socket)
    }

    fn stamp(&self, now: Instant) -> Stamp {
        let micros = now.saturating_duration_since(self.began).as_micros();
        Stamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

fn interface(wire: &mut Wire, address: IpCidr, seed: u64) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    let mut interface = Interface::new(config, wire, Stamp::ZERO);
    interface.update_ip_addrs(|addresses| {
        // There is room for one.
        let _ = addresses.push(address);
    });
    interface
}

#[cfg(test)]
pub(crate) mod peer;
#[cfg(test)]
mod tests;
