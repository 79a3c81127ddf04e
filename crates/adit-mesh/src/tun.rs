//! The TUN device: where packets of this host's kernel leave it, and enter it.
//!
//! It is opened with offloads: the kernel hands over super-packets and takes them, see [`crate::packet`]. With several
//! queues the kernel keeps each flow on one of them, so that one thread a queue keeps packets in order.
//!
//! The device lives as long as its [`Tun`]: it and its addresses are gone when the process is.
//! Source: Linux, Documentation/networking/tuntap.rst; `include/uapi/linux/if_tun.h`.

mod sys;
#[cfg(test)]
mod tests;

use std::{
    fs::{File, OpenOptions},
    io::{self, IoSlice},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::OpenOptionsExt,
    },
};

use crate::packet::VnetHeader;

/// How long what one read returns may be, in bytes: a header and the longest super-packet.
pub const READ_BYTES: usize = VnetHeader::BYTES + (1 << 16);

/// A TUN device of ours.
#[derive(Debug)]
pub struct Tun {
    name: String,
    queues: Vec<Queue>,
    joins_udp: bool,
}

/// One of its queues.
#[derive(Debug)]
pub struct Queue(File);

impl Tun {
    /// Makes a device with this many queues (at least one); a `%d` in the name becomes a free number. It is down and
    /// has no addresses. Wants `CAP_NET_ADMIN`.
    ///
    /// # Errors
    /// Those of the system: not permitted, a name that is taken or longer than 15 bytes, no `/dev/net/tun`.
    pub fn create(name: &str, queues: usize) -> io::Result<Self> {
        let queues = queues.max(1);
        let mut tun = Self {
            name: name.to_owned(),
            queues: Vec::with_capacity(queues),
            joins_udp: true,
        };
        for _ in 0..queues {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
                .open("/dev/net/tun")?;
            tun.name = sys::attach(file.as_fd(), &tun.name, queues > 1)?;
            let tcp = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;
            if sys::set_offloads(file.as_fd(), tcp | libc::TUN_F_USO4 | libc::TUN_F_USO6).is_err() {
                // Linux before 6.2 does not cut UDP here.
                tun.joins_udp = false;
                sys::set_offloads(file.as_fd(), tcp)?;
            }
            tun.queues.push(Queue(file));
        }
        Ok(tun)
    }

    /// A device that is the other end of sockets: each datagram is a packet.
    #[cfg(test)]
    pub(crate) fn of_sockets(sockets: Vec<std::os::fd::OwnedFd>) -> Self {
        let queues = sockets
            .into_iter()
            .map(|socket| Queue(File::from(socket)))
            .collect();
        Self {
            name: "test".to_owned(),
            queues,
            joins_udp: true,
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its queues.
    #[must_use]
    pub fn queues(&self) -> &[Queue] {
        &self.queues
    }

    /// Whether the kernel takes super-packets of UDP.
    #[must_use]
    pub fn joins_udp(&self) -> bool {
        self.joins_udp
    }
}

impl Queue {
    /// Reads the next packet without waiting: its offload header, and the packet itself.
    ///
    /// # Errors
    /// `WouldBlock` if there is none, `InvalidData` if it is too short to be one; others of the system, for example that
    /// the device is gone.
    pub fn read<'a>(&self, buffer: &'a mut [u8; READ_BYTES]) -> io::Result<(VnetHeader, &'a [u8])> {
        let bytes = rustix::io::read(&self.0, &mut buffer[..])?;
        let read = buffer.get(..bytes).and_then(|read| read.split_first_chunk());
        let (header, packet) = read.ok_or(io::ErrorKind::InvalidData)?;
        Ok((VnetHeader::read(*header), packet))
    }

    /// Writes a packet, given in pieces. It does not block: the kernel takes the packet or refuses it.
    ///
    /// # Errors
    /// Those of the system: the device is down, or the packet is none.
    pub fn write(&self, header: &VnetHeader, packet: &[IoSlice<'_>]) -> io::Result<()> {
        let header = header.write();
        let mut slices = Vec::with_capacity(packet.len() + 1);
        slices.push(IoSlice::new(&header));
        slices.extend_from_slice(packet);
        rustix::io::writev(&self.0, &slices)?;
        Ok(())
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
