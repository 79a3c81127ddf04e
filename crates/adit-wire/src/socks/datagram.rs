//! Datagrams between a client and its way for them.

use std::net::SocketAddr;

use super::{SocksError, decode_destination, encode_address};
use crate::destination::Destination;

/// A datagram of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram<'b> {
    /// Its place among the fragments of a larger one; 0 if it is whole.
    pub fragment: u8,
    /// Where to.
    pub destination: Destination,
    /// What is in it.
    pub payload: &'b [u8],
}

/// Reads a client's datagram.
///
/// # Errors
/// [`SocksError`]: one to be dropped.
pub fn decode_datagram(bytes: &[u8]) -> Result<Datagram<'_>, SocksError> {
    let [0, 0, fragment, rest @ ..] = bytes else {
        return Err(SocksError::Malformed);
    };
    let (destination, length) = decode_destination(rest)?.ok_or(SocksError::Malformed)?;
    Ok(Datagram {
        fragment: *fragment,
        destination,
        payload: rest.get(length..).unwrap_or_default(),
    })
}

/// Writes a datagram to a client: `from` is who sent it.
#[must_use]
pub fn encode_datagram(from: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0];
    encode_address(from, &mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}
