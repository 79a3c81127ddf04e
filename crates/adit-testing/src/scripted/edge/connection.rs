//! One connection of a scripted edge, and requests over it.

use std::sync::Arc;

use adit_net::h2::{H2RecvBody, H2SendBody, H2Session};
use adit_net::quic::{QuicConnection, ReadError, RecvStream, SendStream};
use adit_wire::http2::{RESPONSE_HEADERS, deserialize_headers};
use adit_wire::registration::RegisterConnection;
use adit_wire::{ConnectAnswer, FlowKind, RequestHead, decode_preamble, message_length};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode, response};
use parking_lot::Mutex;

use crate::within;

/// A registered connection, seen from the edge.
#[derive(Clone)]
pub struct EdgeConnection {
    carrier: Carrier,
    request: Arc<RegisterConnection>,
    told: Arc<Mutex<Told>>,
}

/// What a connection runs over.
#[derive(Clone)]
pub(super) enum Carrier {
    Quic(QuicConnection),
    Http2(H2Session),
}

impl Carrier {
    pub(super) fn set_window(&self, bytes: u32) {
        match self {
            Self::Quic(connection) => connection.set_window(bytes),
            Self::Http2(session) => session.set_window(bytes),
        }
    }
}

#[derive(Default)]
struct Told {
    unregistered: bool,
    local_configuration: Option<Vec<u8>>,
}

/// One request under way.
pub struct Exchange {
    /// Towards the connector.
    pub send: SendStream,
    /// From the connector.
    pub recv: RecvStream,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The origin's status.
    pub status: StatusCode,
    /// The origin's headers.
    pub headers: HeaderMap,
    /// The origin's body.
    pub body: Bytes,
}

impl EdgeConnection {
    pub(super) fn new(carrier: Carrier, request: RegisterConnection) -> Self {
        Self {
            carrier,
            request: Arc::new(request),
            told: Arc::default(),
        }
    }

    /// What the connector registered with.
    #[must_use]
    pub fn request(&self) -> &RegisterConnection {
        &self.request
    }

    /// Whether the connector has said that it leaves.
    #[must_use]
    pub fn is_unregistered(&self) -> bool {
        self.told.lock().unregistered
    }

    /// The configuration that the connector told, as JSON.
    #[must_use]
    pub fn local_configuration(&self) -> Option<Vec<u8>> {
        self.told.lock().local_configuration.clone()
    }

    /// The QUIC connection.
    ///
    /// # Panics
    /// If it runs over HTTP/2.
    #[must_use]
    pub fn quic(&self) -> &QuicConnection {
        match &self.carrier {
            Carrier::Quic(connection) => connection,
            Carrier::Http2(_) => panic!("this connection runs over HTTP/2"),
        }
    }

    /// The HTTP/2 session.
    ///
    /// # Panics
    /// If it runs over QUIC.
    #[must_use]
    pub fn http2(&self) -> &H2Session {
        match &self.carrier {
            Carrier::Http2(session) => session,
            Carrier::Quic(_) => panic!("this connection runs over QUIC"),
        }
    }

    /// Whether it runs over QUIC.
    #[must_use]
    pub fn is_quic(&self) -> bool {
        matches!(self.carrier, Carrier::Quic(_))
    }

    /// Sends a request over HTTP/2 and gives the head of the answer as it came, its body, and the request's body.
    ///
    /// # Panics
    /// If it runs over QUIC, or no answer comes.
    pub async fn ask_http2(
        &self,
        request: Request<()>,
        is_whole: bool,
    ) -> (response::Parts, H2RecvBody, H2SendBody) {
        let (response, body) = self.http2().open(request, is_whole).await.unwrap();
        let (head, answer) = within("the answer's head", response).await.unwrap();
        (head, answer, body)
    }

    /// Opens a stream and sends `head` and the first bytes of the body.
    pub async fn open(&self, head: &RequestHead, body: &[u8]) -> Exchange {
        let (mut send, recv) = self.quic().open_stream().await.unwrap();
        let opening = [&head.encode()[..], body].concat();
        send.write_chunk(Bytes::from(opening)).await.unwrap();
        Exchange { send, recv }
    }

    /// Sends a GET and gives the whole answer.
    ///
    /// # Panics
    /// If the connector does not reach the origin, or breaks off.
    pub async fn get(&self, host: &str, path: &str) -> Answer {
        if !self.is_quic() {
            let request = Request::get(format!("http://{host}{path}")).body(()).unwrap();
            let (head, mut answer, _) = self.ask_http2(request, true).await;
            let mut body = BytesMut::new();
            while let Some(chunk) = within("the body", answer.read_chunk()).await.unwrap() {
                body.extend_from_slice(&chunk);
            }
            let packed = head.headers[RESPONSE_HEADERS].as_bytes();
            return Answer {
                status: head.status,
                headers: deserialize_headers(packed).unwrap(),
                body: body.freeze(),
            };
        }
        let mut exchange = self.open(&get(host, path), b"").await;
        exchange.send.finish();
        exchange.answer().await
    }

    pub(super) fn is_open(&self) -> bool {
        match &self.carrier {
            Carrier::Quic(connection) => connection.close_cause().is_none(),
            Carrier::Http2(session) => !session.has_ended(),
        }
    }

    pub(super) fn set_unregistered(&self) {
        self.told.lock().unregistered = true;
    }

    pub(super) fn set_local_configuration(&self, json: Vec<u8>) {
        self.told.lock().local_configuration = Some(json);
    }
}

/// The head of a GET without headers.
fn get(host: &str, path: &str) -> RequestHead {
    RequestHead {
        kind: FlowKind::Http,
        dest: format!("http://{host}{path}"),
        method: Method::GET,
        host: host.to_owned(),
        headers: HeaderMap::new(),
        flow_id: None,
        extras: adit_wire::Extras::default(),
    }
}

impl Exchange {
    /// The head of the answer, with those bytes of the body that came along.
    ///
    /// # Errors
    /// If the connector resets the stream first.
    ///
    /// # Panics
    /// If what comes is no answer, or nothing comes.
    pub async fn head(&mut self) -> Result<(ConnectAnswer, Bytes), ReadError> {
        let mut seen = BytesMut::new();
        loop {
            if let Some((_, preamble)) = decode_preamble(&seen).unwrap()
                && let Some(length) = message_length(seen.get(preamble..).unwrap()).unwrap()
                && let Some(message) = seen.get(preamble..preamble + length)
            {
                let answer = ConnectAnswer::decode(message).unwrap();
                return Ok((answer, seen.split_off(preamble + length).freeze()));
            }
            let chunk = within("the answer's head", self.recv.read_chunk(64 * 1024)).await?;
            seen.extend_from_slice(&chunk.expect("the answer ended within its head"));
        }
    }

    /// The whole answer of an origin.
    ///
    /// # Panics
    /// If the connector does not reach the origin, or breaks off.
    pub async fn answer(mut self) -> Answer {
        let (answer, first) = self.head().await.unwrap();
        let head = match answer {
            ConnectAnswer::Accepted(head) => head,
            ConnectAnswer::Failed(failure) => panic!("the connector failed: {failure}"),
        };
        let mut body = BytesMut::from(&first[..]);
        while let Some(chunk) = within("the body", self.recv.read_chunk(64 * 1024)).await.unwrap() {
            body.extend_from_slice(&chunk);
        }
        Answer {
            status: head.status,
            headers: head.headers,
            body: body.freeze(),
        }
    }

    /// Why there was no answer from an origin.
    ///
    /// # Panics
    /// If there was one.
    pub async fn failure(mut self) -> String {
        match self.head().await.unwrap().0 {
            ConnectAnswer::Failed(failure) => failure.message,
            ConnectAnswer::Accepted(head) => panic!("the origin answered {}", head.status),
        }
    }
}
