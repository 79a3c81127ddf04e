//! Binding a packet socket to an interface.
#![expect(unsafe_code, reason = "addresses of packet sockets have no safe interface")]

use std::{io, mem::size_of, os::fd::AsRawFd, ptr};

use socket2::Socket;

/// Binds to an interface and to frames of one type; 0 is none. Source: packet(7).
pub(super) fn bind(socket: &Socket, interface: u32, kind: u16) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: kind.to_be(),
        sll_ifindex: i32::try_from(interface).map_err(|_| io::ErrorKind::InvalidInput)?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: the address is a whole `sockaddr_ll` that lives until the call returns, and the length is its own.
    let done = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            ptr::from_ref(&address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
