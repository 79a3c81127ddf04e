//! UDP sockets with the buffers that a busy endpoint needs.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// What is asked for in each direction, in bytes. The kernel grants at most `net.core.{r,w}mem_max`.
const BUFFER_BYTES: usize = 4 << 20;

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
