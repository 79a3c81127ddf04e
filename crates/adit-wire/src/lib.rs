//! The bytes between connector and edge: preambles, heads, serialised headers, datagrams, tokens. Also those of the proxy into
//! private networks, between it and its clients ([`socks`], [`http_connect`]) and a resolver ([`dns`]), those of a proxy before the
//! edge ([`proxy_client`]), those of TCP inside a WebSocket ([`websocket`]), and those of the mesh's control
//! connection ([`mesh`]).
//!
//! No I/O: encoders give bytes, decoders take bytes and say how many more they need. Every decoder is made for a
//! hostile peer: bounded, and an error for whatever does not fit. Start with [`StreamKind`], the six bytes that
//! open a QUIC stream, and [`RequestHead`], what follows them on a data stream.

pub mod calls;
pub mod datagram;
mod destination;
pub mod dns;
pub mod features;
mod framed_body;
mod framing;
pub mod hop;
pub mod http2;
pub mod http_connect;
pub mod icmp;
pub mod management;
pub mod management_token;
pub mod mesh;
mod pem;
mod preamble;
pub mod proxy_client;
pub mod proxy_protocol;
pub mod registration;
mod request_head;
mod response_head;
pub mod socks;
pub mod token;
pub mod websocket;

pub use destination::{Destination, ProxyLogin};
pub use framed_body::{FramedBody, Piece, encode_body_end, encode_body_frame};
pub use framing::{MAX_MESSAGE_BYTES, MessageError, message_length};
pub use preamble::{PreambleError, StreamKind, decode_preamble};
pub use request_head::{Extras, FlowKind, RequestHead, is_internal_header};
pub use response_head::{ConnectAnswer, ConnectFailure, ResponseHead};
pub use token::{CredentialsFile, OriginCertificate, TokenError, TunnelToken};
