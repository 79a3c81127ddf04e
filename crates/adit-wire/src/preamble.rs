//! What opens a QUIC stream.

/// The version that follows a data signature: ASCII `01`. Readers ignore its value.
const VERSION: &[u8; 2] = b"01";

/// What a QUIC stream carries, told by the six bytes that open it.
/// Source: cloudflare/cloudflared: tunnelrpc/quic/protocol.go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// One proxied request or TCP flow. Two bytes of version follow the signature.
    Data,
    /// Cap'n Proto RPC, such as the registration of a UDP session.
    Rpc,
}

/// A stream that opens with neither signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream opens with an unknown signature")]
pub struct PreambleError;

impl StreamKind {
    const fn signature(self) -> [u8; 6] {
        match self {
            Self::Data => [0x0A, 0x36, 0xCD, 0x12, 0xA1, 0x3E],
            Self::Rpc => [0x52, 0xBB, 0x82, 0x5C, 0xDB, 0x65],
        }
    }

    /// Appends what opens a stream of this kind.
    pub fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.signature());
        if self == Self::Data {
            out.extend_from_slice(VERSION);
        }
    }

    /// How many bytes open a stream of this kind.
    #[must_use]
    pub const fn preamble_bytes(self) -> usize {
        match self {
            Self::Data => 8,
            Self::Rpc => 6,
        }
    }
}

/// Reads what opens a stream: the kind and how many bytes it took, or `None` if more are needed.
/// A peer may write signature and version apart, so a first read that ends between them is ordinary.
///
/// # Errors
/// [`PreambleError`] as soon as the bytes fit no signature.
pub fn decode_preamble(bytes: &[u8]) -> Result<Option<(StreamKind, usize)>, PreambleError> {
    for kind in [StreamKind::Data, StreamKind::Rpc] {
        let signature = kind.signature();
        let seen = bytes.len().min(signature.len());
        if bytes.get(..seen) == signature.get(..seen) {
            let length = kind.preamble_bytes();
            return Ok((bytes.len() >= length).then_some((kind, length)));
        }
    }
    Err(PreambleError)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_kind() -> impl Strategy<Value = StreamKind> {
        prop_oneof![Just(StreamKind::Data), Just(StreamKind::Rpc)]
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(kind in any_kind(), rest: Vec<u8>) {
            let mut bytes = Vec::new();
            kind.encode(&mut bytes);
            let length = bytes.len();
            bytes.extend_from_slice(&rest);
            prop_assert_eq!(decode_preamble(&bytes), Ok(Some((kind, length))));
        }

        #[test]
        fn a_preamble_cut_anywhere_asks_for_more(kind in any_kind(), cut in 0_usize..6) {
            let mut bytes = Vec::new();
            kind.encode(&mut bytes);
            prop_assert_eq!(decode_preamble(&bytes[..cut]), Ok(None));
        }

        #[test]
        fn no_input_panics(bytes: Vec<u8>) {
            let _ = decode_preamble(&bytes);
        }
    }

    #[test]
    fn an_unknown_first_byte_is_refused_at_once() {
        assert_eq!(decode_preamble(&[0x16]), Err(PreambleError));
    }
}
