//! The system calls that have no safe form: `sendmmsg`, `recvmmsg` with control messages, and socket options.
#![expect(
    unsafe_code,
    reason = "batches of datagrams with control messages have no safe interface"
)]

use std::{
    io,
    mem::{MaybeUninit, zeroed},
    net::SocketAddr,
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
};

use bytes::BytesMut;
use socket2::SockAddr;

use super::{
    control::{Control, ROOM, Told},
    receive::{Arrived, ReceiveBatch},
};

/// One `sendmsg` of several.
pub(super) struct Outgoing<'a> {
    pub(super) to: SockAddr,
    pub(super) control: Control,
    pub(super) datagrams: &'a [BytesMut],
}

/// Sends these; returns how many of them went.
///
/// # Errors
/// That of the first, if it did not go.
pub(super) fn send(socket: BorrowedFd<'_>, messages: &[Outgoing<'_>]) -> io::Result<usize> {
    let datagrams = messages.iter().map(|message| message.datagrams.len()).sum();
    let mut slices: Vec<libc::iovec> = Vec::with_capacity(datagrams);
    for datagram in messages.iter().flat_map(|message| message.datagrams) {
        slices.push(libc::iovec {
            iov_base: datagram.as_ptr().cast_mut().cast(),
            iov_len: datagram.len(),
        });
    }
    let mut rest = slices.as_mut_slice();
    let mut headers: Vec<libc::mmsghdr> = Vec::with_capacity(messages.len());
    for message in messages {
        let (own, others) = rest.split_at_mut(message.datagrams.len());
        rest = others;
        // SAFETY: all zeros is a valid mmsghdr: null pointers with length 0.
        let mut header: libc::mmsghdr = unsafe { zeroed() };
        header.msg_hdr.msg_name = message.to.as_ptr().cast_mut().cast();
        header.msg_hdr.msg_namelen = message.to.len();
        header.msg_hdr.msg_iov = own.as_mut_ptr();
        header.msg_hdr.msg_iovlen = own.len() as _;
        if message.control.used > 0 {
            header.msg_hdr.msg_control = message.control.bytes.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_controllen = message.control.used as _;
        }
        headers.push(header);
    }
    let count = libc::c_uint::try_from(headers.len()).unwrap_or(libc::c_uint::MAX);
    // SAFETY: `headers` has `count` entries; the names, controls and slices they point to live in `messages` and
    // `slices`, which outlive the call; the kernel only reads them.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            count,
            libc::MSG_DONTWAIT,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Fills the batch with what has arrived already.
///
/// # Errors
/// `WouldBlock` if nothing has.
pub(super) fn receive(socket: BorrowedFd<'_>, batch: &mut ReceiveBatch) -> io::Result<()> {
    batch.arrived.clear();
    let messages = batch.buffers.len();
    let mut names = vec![MaybeUninit::<libc::sockaddr_storage>::zeroed(); messages];
    let mut controls = vec![Control::new(); messages];
    let mut slices: Vec<libc::iovec> = batch
        .buffers
        .iter_mut()
        .map(|buffer| libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.len(),
        })
        .collect();
    let mut headers: Vec<libc::mmsghdr> = Vec::with_capacity(messages);
    for ((name, control), slice) in names.iter_mut().zip(&mut controls).zip(&mut slices) {
        // SAFETY: all zeros is a valid mmsghdr: null pointers with length 0.
        let mut header: libc::mmsghdr = unsafe { zeroed() };
        header.msg_hdr.msg_name = name.as_mut_ptr().cast();
        header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as _;
        header.msg_hdr.msg_iov = ptr::from_mut(slice);
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_control = control.bytes.as_mut_ptr().cast();
        header.msg_hdr.msg_controllen = ROOM as _;
        headers.push(header);
    }
    let count = libc::c_uint::try_from(messages).unwrap_or(libc::c_uint::MAX);
    // SAFETY: `headers` has `count` entries; each points to a name, a control buffer, a slice and a buffer of its own,
    // with their true lengths, which nothing else touches until the call is over.
    let received = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            count,
            libc::MSG_DONTWAIT,
            ptr::null_mut(),
        )
    };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    for (at, header) in headers.iter().take(received).enumerate() {
        // A cut train could not be taken apart.
        if header.msg_hdr.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0 {
            continue;
        }
        let (Some(name), Some(control)) = (names.get(at), controls.get(at)) else {
            continue;
        };
        if let Some(from) = address(name, header.msg_hdr.msg_namelen) {
            let told: Told = control.read(header.msg_hdr.msg_controllen as _);
            batch.arrived.push(Arrived {
                buffer: at,
                bytes: header.msg_len as usize,
                from,
                told,
            });
        }
    }
    Ok(())
}

fn address(name: &MaybeUninit<libc::sockaddr_storage>, length: libc::socklen_t) -> Option<SocketAddr> {
    // SAFETY: the storage was zeroed before the kernel wrote an address of `length` bytes into it.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, len| {
            ptr::copy_nonoverlapping(
                name.as_ptr().cast::<u8>(),
                storage.cast::<u8>(),
                size_of_val(name),
            );
            *len = length;
            Ok(())
        })
    }
    .ok()?;
    address.as_socket()
}

/// Sets an option that is a number.
pub(super) fn set_option(socket: BorrowedFd<'_>, level: i32, option: i32, value: i32) -> io::Result<()> {
    // SAFETY: the kernel reads `value`, whose length is given.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            ptr::from_ref(&value).cast(),
            size_of::<i32>() as libc::socklen_t,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
