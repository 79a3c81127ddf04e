//! Frames on one interface.

use std::io;

use socket2::{Domain, SockFilter, SockRef, Socket, Type};
use tokio::net::UdpSocket;

use super::{arp, ndp, sys};

/// What a socket hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum Listens {
    /// Nothing: it only speaks.
    Nothing,
    /// ARP.
    Arp,
    /// Questions of neighbour discovery.
    Solicitations,
    /// Its answers.
    Advertisements,
}

/// A socket for frames of one interface. It is gone with its process, and so is what it answers.
#[derive(Debug)]
pub(in crate::node) struct PacketSocket(UdpSocket);

impl PacketSocket {
    /// Opens one. Must be called inside a tokio runtime; wants `CAP_NET_RAW`.
    pub(in crate::node) fn open(interface: u32, listens: Listens) -> io::Result<Self> {
        // Without a protocol it hears nothing before it is bound and its filter is there.
        let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking().cloexec(), None)?;
        let kind = match listens {
            Listens::Nothing => 0,
            Listens::Arp => arp::KIND,
            Listens::Solicitations => {
                socket.attach_filter(&only(ndp::SOLICITATION))?;
                ndp::KIND
            }
            Listens::Advertisements => {
                socket.attach_filter(&only(ndp::ADVERTISEMENT))?;
                ndp::KIND
            }
        };
        sys::bind(&socket, interface, kind)?;
        // Frames go in and out of a packet socket as datagrams do of any other.
        Ok(Self(UdpSocket::from_std(socket.into())?))
    }

    /// Sends a frame; one that finds no room is dropped.
    pub(in crate::node) fn send(&self, frame: &[u8]) -> io::Result<()> {
        // Right after it was opened, the runtime does not know yet that it can be written to.
        match SockRef::from(&self.0).send(frame) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits for a frame; what is longer than the buffer is cut.
    pub(in crate::node) async fn receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
        let len = self.0.recv(buffer).await?;
        Ok(buffer.get(..len).unwrap_or_default())
    }
}

/// Lets messages of ICMPv6 of one type through, so that a busy LAN costs nothing. Where a frame has extension headers it
/// is no neighbour discovery.
fn only(kind: u8) -> [SockFilter; 6] {
    let load = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
    let jump_if_equal = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    let give = (libc::BPF_RET | libc::BPF_K) as u16;
    [
        SockFilter::new(load, 0, 0, 20),
        SockFilter::new(jump_if_equal, 0, 3, ndp::ICMP.into()),
        SockFilter::new(load, 0, 0, 54),
        SockFilter::new(jump_if_equal, 0, 1, kind.into()),
        SockFilter::new(give, 0, 0, 0xffff),
        SockFilter::new(give, 0, 0, 0),
    ]
}
