//! The head of a data stream from edge to connector.

use std::net::SocketAddr;

use adit_wire_capnp::stream_capnp::{ConnectionType, connect_request};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::{MessageError, StreamKind, framing};

const METHOD: &str = "HttpMethod";
const HOST: &str = "HttpHost";
const HEADER: &str = "HttpHeader:";
const FLOW_ID: &str = "FlowID";
const TRAILERS: &str = "AditTrailers";
const CLIENT: &str = "AditClientAddr";

/// What the edge wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowKind {
    /// One HTTP request; the body follows the head.
    Http,
    /// A request that becomes a byte stream once the origin accepts.
    WebSocket,
    /// A byte stream to an `ip:port`.
    Tcp,
}

/// What the edge asks of a connector on a new data stream.
/// Source: cloudflare/cloudflared: connection/quic_connection.go, tunnelrpc/quic.
#[derive(Debug, Clone)]
pub struct RequestHead {
    /// What is wanted.
    pub kind: FlowKind,
    /// An absolute URL, whose path and query count; for [`FlowKind::Tcp`] an `ip:port`.
    pub dest: String,
    /// The request's method; GET for TCP.
    pub method: Method,
    /// The Host header's value; empty for TCP.
    pub host: String,
    /// The request's headers. Repeated names keep their count and order.
    pub headers: HeaderMap,
    /// For TCP: opaque text for logs.
    pub flow_id: Option<String>,
    /// What only Adit's own peers understand.
    pub extras: Extras,
}

/// What an edge adds for a connector that announced one of [`crate::features`]; stock connectors never see it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extras {
    /// The answer's body comes in frames and ends with trailers: see [`crate::FramedBody`]. Metadata `AditTrailers=1`.
    pub trailers: bool,
    /// Whose request or flow it is. Metadata `AditClientAddr=ip:port`.
    pub client: Option<SocketAddr>,
}

impl RequestHead {
    /// The preamble and the head, in one piece: cloudflared reads the version with a single call.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.encode_with(self.extras)
    }

    /// The same with other extras than the head has: those that the peer understands.
    #[must_use]
    pub fn encode_with(&self, extras: Extras) -> Vec<u8> {
        let client = extras.client.map(|client| client.to_string());
        let texts = texts_of(&self.headers)
            + self.dest.len()
            + self.host.len()
            + self.flow_id.as_ref().map_or(0, String::len)
            + client.as_ref().map_or(0, |client| CLIENT.len() + client.len())
            + if extras.trailers { TRAILERS.len() + 1 } else { 0 };
        let more = usize::from(extras.trailers) + usize::from(client.is_some());
        let mut message = framing::builder(self.headers.len() + 2 + more, texts + 32);
        let mut root = message.init_root::<connect_request::Builder<'_>>();
        root.set_dest(&self.dest[..]);
        root.set_type(match self.kind {
            FlowKind::Http => ConnectionType::Http,
            FlowKind::WebSocket => ConnectionType::Websocket,
            FlowKind::Tcp => ConnectionType::Tcp,
        });
        let is_request = self.kind != FlowKind::Tcp;
        let fixed = if is_request {
            2
        } else {
            usize::from(self.flow_id.is_some())
        };
        let count = u32::try_from(fixed + more + self.headers.len()).unwrap_or(u32::MAX);
        let mut metadata = root.init_metadata(count);
        let mut next = 0;
        let mut add = |key: &str, value: &[u8]| {
            let mut item = metadata.reborrow().get(next);
            item.set_key(key);
            item.set_val(capnp::text::Reader(value));
            next += 1;
        };
        if is_request {
            add(METHOD, self.method.as_str().as_bytes());
            add(HOST, self.host.as_bytes());
        } else if let Some(flow_id) = &self.flow_id {
            add(FLOW_ID, flow_id.as_bytes());
        }
        if extras.trailers {
            add(TRAILERS, b"1");
        }
        if let Some(client) = &client {
            add(CLIENT, client.as_bytes());
        }
        each_header(&self.headers, add);
        framing::opened_by(StreamKind::Data, &message)
    }

    /// Reads the message that follows the preamble.
    ///
    /// # Errors
    /// [`MessageError`]; a key with more than one colon is one, as cloudflared has it.
    pub fn decode(message: &[u8]) -> Result<Self, MessageError> {
        let reader = framing::open(message)?;
        let root: connect_request::Reader<'_> = reader.get_root()?;
        let mut head = Self {
            kind: match root.get_type()? {
                ConnectionType::Http => FlowKind::Http,
                ConnectionType::Websocket => FlowKind::WebSocket,
                ConnectionType::Tcp => FlowKind::Tcp,
            },
            dest: text(root.get_dest()?, "destination")?,
            method: Method::GET,
            host: String::new(),
            headers: HeaderMap::new(),
            flow_id: None,
            extras: Extras::default(),
        };
        for item in root.get_metadata()? {
            let (key, value) = (item.get_key()?.0, item.get_val()?.0);
            if let Some(name) = header_name(key) {
                append(&mut head.headers, name, value)?;
            } else if key == METHOD.as_bytes() {
                head.method = Method::from_bytes(value).map_err(|_| MessageError::BadField("method"))?;
            } else if key == HOST.as_bytes() {
                head.host = text(capnp::text::Reader(value), "host")?;
            } else if key == FLOW_ID.as_bytes() {
                head.flow_id = Some(text(capnp::text::Reader(value), "flow id")?);
            } else if key == TRAILERS.as_bytes() {
                head.extras.trailers = value == b"1";
            } else if key == CLIENT.as_bytes() {
                let client = text(capnp::text::Reader(value), "client address")?;
                let client = client
                    .parse()
                    .map_err(|_| MessageError::BadField("client address"))?;
                head.extras.client = Some(client);
            }
        }
        Ok(head)
    }
}

fn text(reader: capnp::text::Reader<'_>, field: &'static str) -> Result<String, MessageError> {
    String::from_utf8(reader.0.to_vec()).map_err(|_| MessageError::BadField(field))
}

/// The name in `HttpHeader:<Name>`; `None` if the key is another.
pub(crate) fn header_name(key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(HEADER.as_bytes())
}

/// Hands each header to `add` under the key of its name.
pub(crate) fn each_header(headers: &HeaderMap, mut add: impl FnMut(&str, &[u8])) {
    let mut key = String::from(HEADER);
    for (name, value) in headers {
        key.truncate(HEADER.len());
        key.push_str(name.as_str());
        add(&key, value.as_bytes());
    }
}

/// How many bytes that makes.
pub(crate) fn texts_of(headers: &HeaderMap) -> usize {
    let bytes = |(name, value): (&HeaderName, &HeaderValue)| HEADER.len() + name.as_str().len() + value.len();
    headers.iter().map(bytes).sum()
}

/// Adds a header whose name and value come from a peer.
pub(crate) fn append(headers: &mut HeaderMap, name: &[u8], value: &[u8]) -> Result<(), MessageError> {
    let name = HeaderName::from_bytes(name).map_err(|_| MessageError::BadHeader)?;
    let value = HeaderValue::from_bytes(value).map_err(|_| MessageError::BadHeader)?;
    headers
        .try_append(name, value)
        .map_err(|_| MessageError::TooLarge)?;
    Ok(())
}

/// True for headers that speak between connector and edge and must not cross to a client or an origin:
/// `Cf-Int-*`, `Cf-Cloudflared-*`, `Cf-Proxy-*`. Names are lower case, as [`HeaderName`] keeps them.
#[must_use]
pub fn is_internal_header(name: &str) -> bool {
    ["cf-int-", "cf-cloudflared-", "cf-proxy-"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{decode_preamble, message_length};

    pub(crate) fn any_headers() -> impl Strategy<Value = HeaderMap> {
        let value = proptest::collection::vec(prop_oneof![0x20_u8..0x7F, 0x80_u8..=0xFF], 0..40);
        proptest::collection::vec(("[a-z][a-z0-9-]{0,12}", value), 0..12).prop_map(|items| {
            items
                .into_iter()
                .map(|(name, value)| {
                    (
                        name.parse::<HeaderName>().unwrap(),
                        HeaderValue::from_bytes(&value).unwrap(),
                    )
                })
                .collect()
        })
    }

    fn any_extras() -> impl Strategy<Value = Extras> {
        (any::<bool>(), any::<Option<SocketAddr>>()).prop_map(|(trailers, client)| {
            // A scope has no place in the text form that both sides read alike.
            let client = client.map(|client| SocketAddr::new(client.ip(), client.port()));
            Extras { trailers, client }
        })
    }

    fn any_head() -> impl Strategy<Value = RequestHead> {
        let kind = prop_oneof![Just(FlowKind::Http), Just(FlowKind::WebSocket)];
        (
            kind,
            "[ -~]{0,60}",
            "(GET|POST|PURGE)",
            "[a-z.]{0,30}",
            any_headers(),
            any_extras(),
        )
            .prop_map(|(kind, dest, method, host, headers, extras)| RequestHead {
                kind,
                dest,
                method: method.parse().unwrap(),
                host,
                headers,
                flow_id: None,
                extras,
            })
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(head in any_head()) {
            let bytes = head.encode();
            let (kind, preamble) = decode_preamble(&bytes).unwrap().unwrap();
            prop_assert_eq!(kind, StreamKind::Data);
            let message = &bytes[preamble..];
            prop_assert_eq!(message_length(message).unwrap(), Some(message.len()));
            let back = RequestHead::decode(message).unwrap();
            prop_assert_eq!(back.kind, head.kind);
            prop_assert_eq!(back.dest, head.dest);
            prop_assert_eq!(back.method, head.method);
            prop_assert_eq!(back.host, head.host);
            prop_assert_eq!(back.headers, head.headers);
            prop_assert_eq!(back.extras, head.extras);
        }

        #[test]
        fn no_input_panics(bytes: Vec<u8>) {
            let _ = RequestHead::decode(&bytes);
        }

        #[test]
        fn no_flipped_bit_panics(head in any_head(), at: prop::sample::Index, bit in 0_u8..8) {
            let mut bytes = head.encode();
            let at = 8 + at.index(bytes.len() - 8);
            bytes[at] ^= 1 << bit;
            let _ = RequestHead::decode(&bytes[8..]);
        }
    }

    #[test]
    fn a_header_name_with_a_colon_is_refused() {
        let mut headers = HeaderMap::new();
        assert_eq!(append(&mut headers, b"X-A:b", b"1"), Err(MessageError::BadHeader));
    }

    #[test]
    fn a_message_of_several_segments_is_read() {
        let mut message = capnp::message::Builder::new(
            capnp::message::HeapAllocator::new()
                .first_segment_words(2)
                .allocation_strategy(capnp::message::AllocationStrategy::FixedSize),
        );
        let mut root = message.init_root::<connect_request::Builder<'_>>();
        root.set_dest("http://shop.example/with/a/path/that/needs/room");
        let mut bytes = Vec::new();
        capnp::serialize::write_message(&mut bytes, &message).unwrap();
        assert!(bytes[0] > 0, "the message has one segment");
        assert_eq!(
            RequestHead::decode(&bytes).unwrap().dest,
            "http://shop.example/with/a/path/that/needs/room"
        );
    }
}
