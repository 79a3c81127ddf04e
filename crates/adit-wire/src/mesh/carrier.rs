//! Carriers: how a node's WireGuard datagrams travel where UDP to the hub is blocked.
//!
//! A carrier is a connection to the edge's HTTPS port with ALPN [`CARRIER_ALPN`]: TLS over TCP, or QUIC. Both carry
//! frames ([`put_frame`], [`take_frame`]), TLS on its one stream, QUIC on the first stream that the node opens.
//!
//! 1. The node's first frame is a [`CarrierClaim`], JSON: which replica it is, signed for this connection.
//! 2. The edge's first frame is a [`CarrierAnswer`], JSON. Unless it accepts, the connection ends.
//! 3. Every further frame, both ways, is a WireGuard datagram. On QUIC a datagram travels in a DATAGRAM frame, and on the
//!    stream only if it is too large for one.
//!
//! A frame is its length as u16 big-endian and that many bytes; an empty one means nothing.

use adit_model::{AccountId, ConnectorId, TunnelId, TunnelKey};
use bytes::{Buf, BufMut, BytesMut};
use serde::{Deserialize, Serialize};

use super::{field::text, identity::IdentitySignature};

/// What both sides of a carrier agree on in the TLS handshake.
pub const CARRIER_ALPN: &[u8] = b"adit-mesh-data/1";
/// The label under which both sides of a carrier export 32 bytes of keying material, without a context. Another one than
/// that of control connections: what is signed for one kind is worth nothing for the other.
pub const CARRIER_EXPORTER_LABEL: &[u8] = b"adit mesh data";
/// The most bytes of a frame's content.
pub const MAX_FRAME_BYTES: usize = u16::MAX as usize;
/// The most bytes of the first frame of either side.
pub const MAX_CLAIM_BYTES: usize = 1024;
/// The bytes of a length.
const LENGTH_BYTES: usize = 2;

/// A node says which replica it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierClaim {
    /// Whose site.
    pub account: AccountId,
    /// The site.
    pub tunnel: TunnelId,
    /// Under which id it enrolled.
    pub connector: ConnectorId,
    /// Made with the identity that it enrolled with, for this connection's keying material.
    pub signature: IdentitySignature,
}

impl CarrierClaim {
    /// The site, by its whole name.
    #[must_use]
    pub const fn site(&self) -> TunnelKey {
        TunnelKey {
            account: self.account,
            tunnel: self.tunnel,
        }
    }
}

/// What the edge says to a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierAnswer {
    /// Whether datagrams are taken from now on.
    pub accepted: bool,
    /// Why not, for people; at most 256 bytes.
    #[serde(default, deserialize_with = "text::<_, 256>")]
    pub message: String,
}

/// Why something cannot be a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// More than [`MAX_FRAME_BYTES`], or more than [`MAX_CLAIM_BYTES`] where a claim or an answer has to be.
    #[error("a frame of {0} bytes is too long")]
    TooLong(usize),
    /// Not the JSON that has to be there.
    #[error("the first frame is not of its form")]
    Malformed,
}

/// Adds a frame.
///
/// # Errors
/// [`FrameError::TooLong`]; then nothing is added.
pub fn put_frame(content: &[u8], out: &mut BytesMut) -> Result<(), FrameError> {
    let length = u16::try_from(content.len()).map_err(|_| FrameError::TooLong(content.len()))?;
    out.reserve(LENGTH_BYTES + content.len());
    out.put_u16(length);
    out.put_slice(content);
    Ok(())
}

/// Takes the content of the first whole frame off the front of `input`, without copying it; passes over empty frames.
/// `None` once what is left is less than a frame, which is less than 2 + [`MAX_FRAME_BYTES`] bytes.
pub fn take_frame(input: &mut BytesMut) -> Option<BytesMut> {
    loop {
        let length = usize::from(u16::from_be_bytes(*input.first_chunk::<LENGTH_BYTES>()?));
        if input.len() < LENGTH_BYTES + length {
            return None;
        }
        input.advance(LENGTH_BYTES);
        if length > 0 {
            return Some(input.split_to(length));
        }
    }
}

/// Adds a claim or an answer as a frame.
///
/// # Errors
/// [`FrameError::TooLong`].
pub fn put_first<T: Serialize>(first: &T, out: &mut BytesMut) -> Result<(), FrameError> {
    let json = serde_json::to_vec(first).map_err(|_| FrameError::Malformed)?;
    if json.len() > MAX_CLAIM_BYTES {
        return Err(FrameError::TooLong(json.len()));
    }
    put_frame(&json, out)
}

/// Takes a claim or an answer off the front of `input`; `None` if it is not whole yet.
///
/// # Errors
/// [`FrameError`], also if only the length came and it is too large: nobody has to wait for the rest.
pub fn take_first<T: for<'de> Deserialize<'de>>(input: &mut BytesMut) -> Result<Option<T>, FrameError> {
    let Some(length) = input.first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes(*length));
    if length > MAX_CLAIM_BYTES {
        return Err(FrameError::TooLong(length));
    }
    if length == 0 {
        return Err(FrameError::Malformed);
    }
    let Some(json) = take_frame(input) else {
        return Ok(None);
    };
    serde_json::from_slice(&json)
        .map(Some)
        .map_err(|_| FrameError::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::mesh::{Exporter, IdentityPair};

    fn claim() -> CarrierClaim {
        CarrierClaim {
            account: AccountId::from_bytes([1; 16]),
            tunnel: TunnelId::from_uuid(uuid::Uuid::from_u128(2)),
            connector: ConnectorId::from_uuid(uuid::Uuid::from_u128(3)),
            signature: IdentityPair::generate()
                .unwrap()
                .sign(&Exporter::from_bytes([4; 32])),
        }
    }

    #[test]
    fn a_claim_and_an_answer_are_read_as_they_were_written() {
        let mut bytes = BytesMut::new();
        let answer = CarrierAnswer {
            accepted: false,
            message: "not linked".to_owned(),
        };
        let claim = claim();
        put_first(&claim, &mut bytes).unwrap();
        put_first(&answer, &mut bytes).unwrap();
        assert_eq!(take_first(&mut bytes), Ok(Some(claim)));
        assert_eq!(take_first(&mut bytes), Ok(Some(answer)));
        assert_eq!(take_first::<CarrierAnswer>(&mut bytes), Ok(None));
    }

    #[test]
    fn what_cannot_be_a_claim_is_refused_by_its_length_alone() {
        let mut long = BytesMut::from(&[0x04, 0x01][..]);
        assert_eq!(
            take_first::<CarrierClaim>(&mut long),
            Err(FrameError::TooLong(1025))
        );
        let mut empty = BytesMut::from(&[0, 0][..]);
        assert_eq!(take_first::<CarrierClaim>(&mut empty), Err(FrameError::Malformed));
        let mut other = BytesMut::new();
        put_frame(b"[1]", &mut other).unwrap();
        assert_eq!(take_first::<CarrierClaim>(&mut other), Err(FrameError::Malformed));
    }

    #[test]
    fn the_longest_frame_is_of_65535_bytes() {
        let mut bytes = BytesMut::new();
        let longest = vec![7; MAX_FRAME_BYTES];
        put_frame(&longest, &mut bytes).unwrap();
        let more = vec![7; MAX_FRAME_BYTES + 1];
        let length = bytes.len();
        assert_eq!(put_frame(&more, &mut bytes), Err(FrameError::TooLong(65_536)));
        assert_eq!(bytes.len(), length);
        assert_eq!(take_frame(&mut bytes).as_deref(), Some(&longest[..]));
        assert!(bytes.is_empty());
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_wherever_the_stream_is_cut(
            contents in vec(vec(any::<u8>(), 0..300), 0..20), cuts in vec(1_usize..400, 1..40),
        ) {
            let mut whole = BytesMut::new();
            for content in &contents {
                put_frame(content, &mut whole).unwrap();
            }
            let (mut input, mut taken, mut rest) = (BytesMut::new(), Vec::new(), &whole[..]);
            for cut in cuts.iter().cycle() {
                let (piece, later) = rest.split_at((*cut).min(rest.len()));
                input.extend_from_slice(piece);
                while let Some(frame) = take_frame(&mut input) {
                    taken.push(frame.to_vec());
                }
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            let expected: Vec<_> = contents.into_iter().filter(|content| !content.is_empty()).collect();
            prop_assert_eq!(taken, expected);
            prop_assert!(input.is_empty());
        }

        #[test]
        fn no_bytes_panic_and_what_is_left_is_less_than_a_frame(bytes in vec(any::<u8>(), 0..2000)) {
            let mut input = BytesMut::from(&bytes[..]);
            let _ = take_first::<CarrierClaim>(&mut input.clone());
            let _ = take_first::<CarrierAnswer>(&mut input.clone());
            while take_frame(&mut input).is_some() {}
            if let Some(length) = input.first_chunk::<2>() {
                prop_assert!(input.len() < 2 + usize::from(u16::from_be_bytes(*length)));
            }
        }
    }
}
