//! Sockets with the room that a busy server needs.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpSocket};

/// What is asked for in each direction, in bytes. The kernel grants at most `net.core.{r,w}mem_max`.
const BUFFER_BYTES: usize = 4 << 20;

/// TCP connections that wait to be accepted. The kernel grants at most `net.core.somaxconn`. Where they are more, the SYN
/// of a good client is dropped beside those of a flood, and comes again a second later.
const BACKLOG: u32 = 4096;

/// Listens for TCP connections on `addr`, with room for bursts of them.
///
/// # Errors
/// When the address is taken, or not this machine's.
pub fn listen_tcp(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Opens a UDP socket on `addr`; an IPv6 wildcard also takes IPv4.
pub(crate) fn bind_udp(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    if addr.is_ipv6() && addr.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // A small buffer costs throughput, not correctness: a refusal is no reason to stay down.
    let received = socket
        .set_recv_buffer_size(BUFFER_BYTES)
        .and_then(|()| socket.recv_buffer_size());
    let sent = socket
        .set_send_buffer_size(BUFFER_BYTES)
        .and_then(|()| socket.send_buffer_size());
    tracing::debug!(?received, ?sent, "UDP socket buffers");
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    Ok(socket.into())
}
