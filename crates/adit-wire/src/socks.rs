//! SOCKS5 with user name and password, as a server reads and writes it: RFC 1928 and RFC 1929.
//!
//! Decoders take what has come so far and answer `Ok(None)` while something is missing; else what they read, and how
//! many bytes it took.

mod datagram;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub use datagram::{Datagram, decode_datagram, encode_datagram};

use crate::destination::{Destination, ProxyLogin};

/// The first byte of every message but those of the login.
pub const VERSION: u8 = 5;
const LOGIN_VERSION: u8 = 1;
const NO_LOGIN: u8 = 0;
const USER_PASSWORD: u8 = 2;
/// The longest message: a login of two texts of 255 bytes.
pub const MAX_MESSAGE_BYTES: usize = 513;

/// Chooses user name and password.
pub const CHOOSE_LOGIN: [u8; 2] = [VERSION, USER_PASSWORD];
/// Chooses that nobody logs in.
pub const CHOOSE_NO_LOGIN: [u8; 2] = [VERSION, NO_LOGIN];
/// Nothing that the client offers will do.
pub const NOTHING_ACCEPTABLE: [u8; 2] = [VERSION, 0xff];
/// The login was good.
pub const LOGIN_ACCEPTED: [u8; 2] = [LOGIN_VERSION, 0];
/// It was not; the connection must be closed.
pub const LOGIN_REFUSED: [u8; 2] = [LOGIN_VERSION, 1];

/// What is no SOCKS5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SocksError {
    /// Another version of the protocol, or none.
    #[error("not SOCKS version 5")]
    Version,
    /// An address of a kind that nobody knows.
    #[error("unknown type of address")]
    AddressType,
    /// A name that is no host name, or an empty one.
    #[error("not a host name")]
    Name,
    /// A byte that must be zero is not, or a text is not UTF-8.
    #[error("malformed message")]
    Malformed,
}

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// A TCP connection.
    Connect,
    /// To be connected to.
    Bind,
    /// A way for datagrams.
    UdpAssociate,
    /// Something else.
    Unknown(u8),
}

/// A client's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it asks for.
    pub command: Command,
    /// Where to.
    pub destination: Destination,
}

/// The server's answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Reply {
    /// It is done.
    Succeeded = 0,
    /// It failed, for none of the other reasons.
    Failed = 1,
    /// It is not allowed.
    NotAllowed = 2,
    /// The network cannot be reached.
    NetworkUnreachable = 3,
    /// The host cannot be reached.
    HostUnreachable = 4,
    /// The host refused.
    ConnectionRefused = 5,
    /// Nobody answered in time.
    TtlExpired = 6,
    /// The command is not served.
    CommandNotSupported = 7,
    /// The type of address is not served.
    AddressTypeNotSupported = 8,
}

/// What was read, and from how many bytes; `None` while something is missing.
type Read<T> = Result<Option<(T, usize)>, SocksError>;

/// Reads the greeting; true if the client offers user name and password.
///
/// # Errors
/// [`SocksError`]
pub fn decode_greeting(bytes: &[u8]) -> Read<bool> {
    let Some((&version, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    if version != VERSION {
        return Err(SocksError::Version);
    }
    let Some((&count, rest)) = rest.split_first() else {
        return Ok(None);
    };
    let methods = rest.get(..usize::from(count));
    Ok(methods.map(|methods| (methods.contains(&USER_PASSWORD), 2 + methods.len())))
}

/// Reads the greeting for a server that asks nobody to log in; true if the client offers that.
///
/// # Errors
/// [`SocksError`]
pub fn decode_open_greeting(bytes: &[u8]) -> Read<bool> {
    let Some((_, length)) = decode_greeting(bytes)? else {
        return Ok(None);
    };
    let methods = bytes.get(2..length).unwrap_or_default();
    Ok(Some((methods.contains(&NO_LOGIN), length)))
}

/// Reads a login.
///
/// # Errors
/// [`SocksError`]
pub fn decode_login(bytes: &[u8]) -> Read<ProxyLogin> {
    let Some((&version, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    if version != LOGIN_VERSION {
        return Err(SocksError::Version);
    }
    let Some((user, rest)) = counted(rest) else {
        return Ok(None);
    };
    let Some((password, rest)) = counted(rest) else {
        return Ok(None);
    };
    let login = ProxyLogin {
        user: text(user)?.to_owned(),
        password: text(password)?.to_owned(),
    };
    Ok(Some((login, bytes.len() - rest.len())))
}

/// Reads a request.
///
/// # Errors
/// [`SocksError`]; one about the address is worth a reply.
pub fn decode_request(bytes: &[u8]) -> Read<Request> {
    let Some((&version, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    if version != VERSION {
        return Err(SocksError::Version);
    }
    let [command, reserved, rest @ ..] = rest else {
        return Ok(None);
    };
    if *reserved != 0 {
        return Err(SocksError::Malformed);
    }
    let command = match command {
        1 => Command::Connect,
        2 => Command::Bind,
        3 => Command::UdpAssociate,
        other => Command::Unknown(*other),
    };
    let read = decode_destination(rest)?;
    Ok(read.map(|(destination, length)| {
        let request = Request { command, destination };
        (request, 3 + length)
    }))
}

/// Writes the answer to a request: `bound` is where the server's end of it is, as far as the client may know.
#[must_use]
pub fn encode_reply(reply: Reply, bound: SocketAddr) -> Vec<u8> {
    let mut bytes = vec![VERSION, reply as u8, 0];
    encode_address(bound, &mut bytes);
    bytes
}

const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Type, address and port.
fn decode_destination(bytes: &[u8]) -> Read<Destination> {
    let Some((&kind, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let read = match kind {
        IPV4 => rest.split_first_chunk().map(|(address, rest): (&[u8; 4], _)| {
            let address = IpAddr::V4(Ipv4Addr::from(*address));
            (Host::Address(address), rest)
        }),
        IPV6 => rest.split_first_chunk().map(|(address, rest): (&[u8; 16], _)| {
            let address = IpAddr::V6(Ipv6Addr::from(*address));
            (Host::Address(address), rest)
        }),
        NAME => counted(rest).map(|(name, rest)| (Host::Name(name), rest)),
        _ => return Err(SocksError::AddressType),
    };
    let Some((host, rest)) = read else { return Ok(None) };
    let Some((port, rest)) = rest.split_first_chunk() else {
        return Ok(None);
    };
    let port = u16::from_be_bytes(*port);
    let destination = match host {
        Host::Address(address) => Destination::address(address, port),
        Host::Name(name) => Destination::host(text(name)?, port).ok_or(SocksError::Name)?,
    };
    Ok(Some((destination, bytes.len() - rest.len())))
}

enum Host<'b> {
    Address(IpAddr),
    Name(&'b [u8]),
}

fn encode_address(address: SocketAddr, bytes: &mut Vec<u8>) {
    match address.ip() {
        IpAddr::V4(ip) => {
            bytes.push(IPV4);
            bytes.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            bytes.push(IPV6);
            bytes.extend(ip.octets());
        }
    }
    bytes.extend(address.port().to_be_bytes());
}

/// A text behind its length in a byte, and what follows.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(length))
}

fn text(bytes: &[u8]) -> Result<&str, SocksError> {
    std::str::from_utf8(bytes).map_err(|_| SocksError::Malformed)
}

#[cfg(test)]
mod tests;
