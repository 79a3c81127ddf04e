//! One request of the edge, and its answer.

use adit_net::quic::{RecvStream, SendStream};
use adit_wire::{
    ConnectAnswer, ConnectFailure, RequestHead, ResponseHead,
    http2::{RESPONSE_HEADERS, RESPONSE_META, serialize_headers},
};
use bytes::{Bytes, BytesMut};
use h2::{Reason, server::SendResponse};
use http::{HeaderMap, Response, StatusCode};

use super::http2;
use crate::within;

/// A request that waits for its answer. Dropping it refuses it.
pub struct Asked {
    /// What the edge sent.
    pub head: RequestHead,
    /// The request's body.
    pub body: AskedBody,
    pub(super) answer: AnswerTo,
}

/// Where the answer goes.
pub(super) enum AnswerTo {
    Quic(AnswerBody),
    Http2 {
        respond: SendResponse<Bytes>,
        websocket: bool,
    },
}

/// A request's body.
pub enum AskedBody {
    /// On a QUIC stream: what came with the head, then the rest.
    Quic {
        /// Bytes that came with the head.
        leftover: Bytes,
        /// The rest.
        recv: RecvStream,
    },
    /// On an HTTP/2 stream.
    Http2(h2::RecvStream),
}

impl AskedBody {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When the edge broke it off.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, String> {
        match self {
            Self::Quic { leftover, .. } if !leftover.is_empty() => Ok(Some(std::mem::take(leftover))),
            Self::Quic { recv, .. } => recv
                .read_chunk(64 * 1024)
                .await
                .map_err(|error| error.to_string()),
            Self::Http2(stream) => loop {
                let Some(bytes) = stream.data().await else {
                    return Ok(None);
                };
                let bytes = bytes.map_err(|error| error.to_string())?;
                let _ = stream.flow_control().release_capacity(bytes.len());
                // The last frame may be empty.
                if !bytes.is_empty() {
                    return Ok(Some(bytes));
                }
            },
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// When the edge broke it off.
    pub async fn read(&mut self) -> Result<Bytes, String> {
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// The trailers behind it, which QUIC does not carry.
    pub async fn trailers(&mut self) -> Option<HeaderMap> {
        match self {
            Self::Quic { .. } => None,
            Self::Http2(stream) => stream.trailers().await.ok().flatten(),
        }
    }
}

/// The way of an answer's body. Dropped unfinished, it tells the edge that the answer was cut short.
pub enum AnswerBody {
    /// On a QUIC stream.
    Quic(SendStream),
    /// On an HTTP/2 stream.
    Http2(h2::SendStream<Bytes>),
}

impl AnswerBody {
    /// Sends a piece.
    ///
    /// # Errors
    /// When the edge wants no more.
    pub async fn write(&mut self, bytes: impl Into<Bytes>) -> Result<(), String> {
        match self {
            Self::Quic(stream) => stream
                .write_chunk(bytes.into())
                .await
                .map_err(|error| error.to_string()),
            Self::Http2(stream) => http2::write(stream, bytes.into())
                .await
                .map_err(|error| error.to_string()),
        }
    }

    /// The answer is complete.
    pub fn finish(&mut self) {
        match self {
            Self::Quic(stream) => stream.finish(),
            Self::Http2(stream) => {
                let _ = stream.send_data(Bytes::new(), true);
            }
        }
    }

    /// The answer is complete and ends with trailers, which QUIC does not carry.
    pub fn finish_with_trailers(&mut self, trailers: HeaderMap) {
        match self {
            Self::Quic(stream) => stream.finish(),
            Self::Http2(stream) => {
                let _ = stream.send_trailers(trailers);
            }
        }
    }

    /// Breaks the answer off, as a connector does whose origin died.
    pub fn reset(self) {
        match self {
            // A send half that is dropped unfinished resets its stream.
            Self::Quic(stream) => drop(stream),
            Self::Http2(mut stream) => stream.send_reset(Reason::INTERNAL_ERROR),
        }
    }
}

impl Asked {
    /// Answers with the origin's head; the body follows.
    ///
    /// # Panics
    /// When the edge has gone.
    pub async fn answer(self, status: u16, headers: HeaderMap) -> (AskedBody, AnswerBody) {
        let status = StatusCode::from_u16(status).expect("a status");
        let answer = match self.answer {
            AnswerTo::Quic(mut body) => {
                let head = ConnectAnswer::Accepted(ResponseHead { status, headers });
                body.write(head.encode()).await.expect("the edge listens");
                body
            }
            AnswerTo::Http2 {
                mut respond,
                websocket,
            } => {
                // HTTP/2 knows no 101.
                let accepted = websocket && status == StatusCode::SWITCHING_PROTOCOLS;
                let head = Response::builder()
                    .status(if accepted { StatusCode::OK } else { status })
                    .header(RESPONSE_HEADERS, serialize_headers(&headers))
                    .header(RESPONSE_META, r#"{"src":"origin"}"#)
                    .body(())
                    .expect("a head");
                AnswerBody::Http2(respond.send_response(head, false).expect("the edge listens"))
            }
        };
        (self.body, answer)
    }

    /// The bare ways of a QUIC stream, to write what is no answer.
    ///
    /// # Panics
    /// Over HTTP/2, where an answer is frames.
    #[must_use]
    pub fn bare(self) -> (AskedBody, AnswerBody) {
        match self.answer {
            AnswerTo::Quic(body) => (self.body, body),
            AnswerTo::Http2 { .. } => panic!("an HTTP/2 stream has no bare bytes"),
        }
    }

    /// Answers over HTTP/2 with a head as it is, whose headers are the connector's own.
    ///
    /// # Panics
    /// Over QUIC, and when the edge has gone.
    #[must_use]
    pub fn respond(self, head: Response<()>) -> AnswerBody {
        match self.answer {
            AnswerTo::Quic(_) => panic!("a QUIC stream has no head of its own"),
            AnswerTo::Http2 { mut respond, .. } => {
                AnswerBody::Http2(respond.send_response(head, false).expect("the edge listens"))
            }
        }
    }

    /// Waits until the edge wants no answer any more.
    ///
    /// # Panics
    /// When it goes on waiting for one.
    pub async fn given_up(&mut self) {
        within("the edge to give the request up", async {
            match &mut self.answer {
                AnswerTo::Quic(AnswerBody::Quic(stream)) => drop(stream.stopped().await),
                AnswerTo::Http2 { respond, .. } => {
                    let _ = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
                }
                AnswerTo::Quic(AnswerBody::Http2(_)) => {}
            }
        })
        .await;
    }

    /// Answers with a whole body.
    ///
    /// # Panics
    /// As [`Asked::answer`].
    pub async fn say(self, status: u16, text: &str) {
        let (_, mut body) = self.answer(status, HeaderMap::new()).await;
        body.write(text.to_owned()).await.expect("the edge listens");
        body.finish();
    }

    /// Says that the origin could not be reached.
    ///
    /// # Panics
    /// As [`Asked::answer`].
    pub async fn fail(self, message: &str) {
        self.refuse(message, false).await;
    }

    /// Says that as many flows run as may.
    ///
    /// # Panics
    /// As [`Asked::answer`].
    pub async fn too_many_flows(self) {
        self.refuse("too many active flows", true).await;
    }

    async fn refuse(self, message: &str, flow_limited: bool) {
        match self.answer {
            AnswerTo::Quic(mut body) => {
                let failure = ConnectAnswer::Failed(ConnectFailure {
                    message: message.to_owned(),
                    flow_limited,
                });
                body.write(failure.encode()).await.expect("the edge listens");
                body.finish();
            }
            AnswerTo::Http2 { mut respond, .. } => {
                let meta = if flow_limited {
                    r#"{"src":"cloudflared","flow_rate_limited":true}"#
                } else {
                    r#"{"src":"cloudflared"}"#
                };
                let head = Response::builder()
                    .status(StatusCode::BAD_GATEWAY)
                    .header(RESPONSE_META, meta)
                    .body(())
                    .expect("a head");
                respond.send_response(head, true).expect("the edge listens");
            }
        }
    }
}
