//! Format 2: kind and ids stand at the end.
//!
//! Sessions are registered and ended by RPC calls, and belong to the connection they were registered on.
//! Source: cloudflare/cloudflared: quic/datagram.go and quic/datagramv2.go.

use adit_model::SessionId;
use bytes::{BufMut, Bytes, BytesMut};

use super::{Cut, DatagramError, MAX_PACKET_BYTES, MAX_PAYLOAD_BYTES};

const UDP: u8 = 0;
const IP: u8 = 1;
const TRACED_IP: u8 = 2;
const SPANS: u8 = 3;

/// Which trace a packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The trace.
    pub trace: [u8; 16],
    /// The span in it.
    pub span: [u8; 8],
    /// Whether it is sampled, and more.
    pub flags: u8,
}

/// What an edge sends. A connector that is sent anything else ends the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToConnector {
    /// A datagram of a session.
    Udp {
        /// The session.
        session: SessionId,
        /// At most [`MAX_PAYLOAD_BYTES`].
        payload: Bytes,
    },
    /// A whole IP packet, at most [`MAX_PACKET_BYTES`].
    Ip(Bytes),
    /// The same, which is to be traced.
    TracedIp {
        /// The packet.
        packet: Bytes,
        /// The trace.
        trace: Trace,
    },
}

/// What a connector sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToEdge {
    /// A datagram of a session.
    Udp {
        /// The session.
        session: SessionId,
        /// At most [`MAX_PAYLOAD_BYTES`].
        payload: Bytes,
    },
    /// A whole IP packet, at most [`MAX_PACKET_BYTES`].
    Ip(Bytes),
    /// What became of a traced packet.
    Spans {
        /// Protobuf.
        spans: Bytes,
        /// The trace.
        trace: Trace,
    },
}

impl ToConnector {
    /// The datagram's bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Udp { session, payload } => encode(payload, session.as_bytes(), UDP),
            Self::Ip(packet) => encode(packet, &[], IP),
            Self::TracedIp { packet, trace } => encode(packet, &trace.bytes(), TRACED_IP),
        }
    }

    /// Reads what an edge sent.
    ///
    /// # Errors
    /// See [`DatagramError`].
    pub fn decode(datagram: Bytes) -> Result<Self, DatagramError> {
        let mut cut = Cut(datagram);
        match cut.end::<1>()? {
            [UDP] => udp(cut).map(|(session, payload)| Self::Udp { session, payload }),
            [IP] => cut.packet(MAX_PACKET_BYTES).map(Self::Ip),
            [TRACED_IP] => {
                let trace = Trace::read(cut.end()?);
                let packet = cut.packet(MAX_PACKET_BYTES)?;
                Ok(Self::TracedIp { packet, trace })
            }
            [other] => Err(DatagramError::Kind(other)),
        }
    }
}

impl ToEdge {
    /// The datagram's bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Udp { session, payload } => encode(payload, session.as_bytes(), UDP),
            Self::Ip(packet) => encode(packet, &[], IP),
            Self::Spans { spans, trace } => encode(spans, &trace.bytes(), SPANS),
        }
    }

    /// Reads what a connector sent.
    ///
    /// # Errors
    /// See [`DatagramError`].
    pub fn decode(datagram: Bytes) -> Result<Self, DatagramError> {
        let mut cut = Cut(datagram);
        match cut.end::<1>()? {
            [UDP] => udp(cut).map(|(session, payload)| Self::Udp { session, payload }),
            [IP] => cut.packet(MAX_PACKET_BYTES).map(Self::Ip),
            [SPANS] => {
                let trace = Trace::read(cut.end()?);
                let spans = cut.rest(usize::from(u16::MAX))?;
                Ok(Self::Spans { spans, trace })
            }
            [other] => Err(DatagramError::Kind(other)),
        }
    }
}

impl Trace {
    fn bytes(&self) -> [u8; 25] {
        let mut bytes = [self.flags; 25];
        let (trace, rest) = bytes.split_at_mut(16);
        trace.copy_from_slice(&self.trace);
        if let Some(span) = rest.first_chunk_mut() {
            *span = self.span;
        }
        bytes
    }

    fn read(bytes: [u8; 25]) -> Self {
        let (mut trace, mut span) = ([0; 16], [0; 8]);
        let (first, rest) = bytes.split_at(16);
        let (second, flags) = rest.split_at(8);
        trace.copy_from_slice(first);
        span.copy_from_slice(second);
        Self {
            trace,
            span,
            flags: flags.first().copied().unwrap_or_default(),
        }
    }
}

fn udp(mut cut: Cut) -> Result<(SessionId, Bytes), DatagramError> {
    let id = cut.end::<16>()?;
    let session = SessionId::from_slice(&id).ok_or(DatagramError::Short)?;
    Ok((session, cut.rest(MAX_PAYLOAD_BYTES)?))
}

fn encode(payload: &[u8], suffix: &[u8], kind: u8) -> Bytes {
    let mut datagram = BytesMut::with_capacity(payload.len() + suffix.len() + 1);
    datagram.put_slice(payload);
    datagram.put_slice(suffix);
    datagram.put_u8(kind);
    datagram.freeze()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn any_trace() -> impl Strategy<Value = Trace> {
        any::<([u8; 16], [u8; 8], u8)>().prop_map(|(trace, span, flags)| Trace { trace, span, flags })
    }

    fn any_payload(least: usize) -> impl Strategy<Value = Bytes> {
        vec(any::<u8>(), least..=1280).prop_map(Bytes::from)
    }

    fn any_session() -> impl Strategy<Value = SessionId> {
        any::<[u8; 16]>().prop_map(|id| SessionId::from_slice(&id).unwrap())
    }

    proptest! {
        #[test]
        fn what_an_edge_sends_is_read_back(
            session in any_session(), payload in any_payload(0), packet in any_payload(1), trace in any_trace(),
        ) {
            for sent in [
                ToConnector::Udp { session, payload },
                ToConnector::Ip(packet.clone()),
                ToConnector::TracedIp { packet, trace },
            ] {
                prop_assert_eq!(ToConnector::decode(sent.encode()), Ok(sent));
            }
        }

        #[test]
        fn what_a_connector_sends_is_read_back(
            session in any_session(), payload in any_payload(0), packet in any_payload(1), trace in any_trace(),
        ) {
            for sent in [
                ToEdge::Udp { session, payload: payload.clone() },
                ToEdge::Ip(packet),
                ToEdge::Spans { spans: payload, trace },
            ] {
                prop_assert_eq!(ToEdge::decode(sent.encode()), Ok(sent));
            }
        }

        #[test]
        fn no_input_panics(bytes: Vec<u8>) {
            let _ = ToConnector::decode(Bytes::from(bytes.clone()));
            let _ = ToEdge::decode(Bytes::from(bytes));
        }
    }

    #[test]
    fn a_payload_is_followed_by_its_session_and_its_kind() {
        let session = SessionId::from_slice(&[0x11; 16]).unwrap();
        let payload = Bytes::from_static(b"u:udp-hello");
        let bytes = ToEdge::Udp { session, payload }.encode();
        assert_eq!(bytes.len(), 28);
        assert_eq!(&bytes[..11], b"u:udp-hello");
        assert_eq!(bytes[11..27], [0x11; 16]);
        assert_eq!(bytes[27], 0);
    }

    #[test]
    fn nothing_goes_the_wrong_way() {
        let trace = Trace {
            trace: [1; 16],
            span: [2; 8],
            flags: 3,
        };
        let spans = Bytes::from_static(b"spans");
        let spans = ToEdge::Spans { spans, trace }.encode();
        assert_eq!(ToConnector::decode(spans), Err(DatagramError::Kind(3)));
        let packet = Bytes::from_static(b"packet");
        let traced = ToConnector::TracedIp { packet, trace }.encode();
        assert_eq!(ToEdge::decode(traced), Err(DatagramError::Kind(2)));
    }

    #[test]
    fn what_is_too_short_or_too_long_is_refused() {
        let decode = |length: usize, kind: u8| {
            let mut bytes = vec![0; length];
            bytes.push(kind);
            ToEdge::decode(Bytes::from(bytes))
        };
        assert_eq!(ToEdge::decode(Bytes::new()), Err(DatagramError::Short));
        assert_eq!(decode(15, UDP), Err(DatagramError::Short));
        assert!(decode(16, UDP).is_ok(), "an empty payload");
        assert!(decode(16 + 1280, UDP).is_ok());
        assert_eq!(decode(16 + 1281, UDP), Err(DatagramError::Long));
        assert_eq!(decode(0, IP), Err(DatagramError::Short));
        assert_eq!(decode(1281, IP), Err(DatagramError::Long));
        assert_eq!(decode(24, SPANS), Err(DatagramError::Short));
    }
}
