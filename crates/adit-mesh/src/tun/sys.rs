//! The two ioctls of TUN devices.
#![expect(unsafe_code, reason = "the ioctls of TUN devices have no safe interface")]

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
};

/// `struct ifreq` as `TUNSETIFF` reads it: a name, flags, and room for what other calls put there.
#[repr(C, align(8))]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    flags: i16,
    rest: [u8; 22],
}

/// Makes this file a queue of the device of this name; the name, with its `%d` filled in.
pub(super) fn attach(file: BorrowedFd<'_>, name: &str, is_one_of_several: bool) -> io::Result<String> {
    let mut flags = libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
    if is_one_of_several {
        flags |= libc::IFF_MULTI_QUEUE;
    }
    let mut request = Request {
        name: [0; libc::IFNAMSIZ],
        flags: flags as i16,
        rest: [0; 22],
    };
    // The last byte stays 0.
    let place = request
        .name
        .get_mut(..name.len())
        .filter(|_| name.len() < libc::IFNAMSIZ);
    place
        .ok_or(io::ErrorKind::InvalidInput)?
        .copy_from_slice(name.as_bytes());
    // SAFETY: TUNSETIFF reads and writes a `struct ifreq`, which is 40 bytes at most, as `Request` is.
    let done = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, ptr::from_mut(&mut request)) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    let name = request.name.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}

/// Says what the kernel may leave to this file's reader and take from its writer.
pub(super) fn set_offloads(file: BorrowedFd<'_>, offloads: libc::c_uint) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes a number and touches no memory of this process.
    let done = unsafe {
        libc::ioctl(
            file.as_raw_fd(),
            libc::TUNSETOFFLOAD,
            libc::c_ulong::from(offloads),
        )
    };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
