//! A small HTTP client that connects to a listener and names any host, so that no test needs DNS.

mod flow;
mod http2;

use std::{any::Any, fmt::Debug, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header::HOST};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

pub use flow::Flow;
pub use http2::{send_http2, websocket_http2};

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("the body is no JSON ({error}): {:?}", self.body),
        }
    }
}

/// Asks for `path` of `host` at the listener and reads the whole answer.
///
/// # Errors
/// When nobody listens there, or the answer breaks off.
pub async fn get(listener: SocketAddr, host: &str, path: &str) -> Result<Answer, ClientError> {
    let request = Request::get(path).header(HOST, host).body(Empty::<Bytes>::new());
    let (head, mut body) = send(listener, request.expect("host and path are valid")).await?;
    Ok(Answer {
        status: head.status(),
        headers: head.headers().clone(),
        body: body.read().await?,
    })
}

/// Sends a request over HTTP/1.1 on a connection of its own; returns its head and its body, still to be read.
///
/// # Errors
/// When nobody listens there, or no head comes back.
pub async fn send<B>(
    listener: SocketAddr,
    request: Request<B>,
) -> Result<(Response<()>, AnswerBody), ClientError>
where
    B: Body<Data: Send, Error: Into<ClientError>> + Send + 'static,
{
    send_on(TcpStream::connect(listener).await?, request).await
}

/// As [`send`], on a connection that is there.
///
/// # Errors
/// When no head comes back.
pub async fn send_on<B>(
    stream: TcpStream,
    request: Request<B>,
) -> Result<(Response<()>, AnswerBody), ClientError>
where
    B: Body<Data: Send, Error: Into<ClientError>> + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut connection_task = JoinSet::new();
    connection_task.spawn(async move {
        // How the connection ends is told by the answer.
        let _ = connection.with_upgrades().await;
    });
    let (head, incoming) = sender.send_request(request).await?.into_parts();
    let body = AnswerBody {
        incoming,
        _connection: connection_task,
        _sender: Box::new(sender),
    };
    Ok((Response::from_parts(head, ()), body))
}

/// Why there is no answer.
pub type ClientError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer. Dropping it closes the connection.
#[derive(Debug)]
pub struct AnswerBody {
    incoming: Incoming,
    _connection: JoinSet<()>,
    /// Without it the connection closes when the answer has been read, whatever of the request is still to be sent.
    _sender: Box<dyn Any + Send>,
}

impl AnswerBody {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When the body breaks off.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        while let Some(frame) = self.incoming.frame().await {
            if let Ok(data) = frame?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Everything that is left.
    ///
    /// # Errors
    /// When the body breaks off.
    pub async fn read(&mut self) -> Result<Bytes, ClientError> {
        Ok((&mut self.incoming).collect().await?.to_bytes())
    }

    /// Everything that is left, and the trailers behind it.
    ///
    /// # Errors
    /// When the body breaks off.
    pub async fn read_with_trailers(&mut self) -> Result<(Bytes, Option<HeaderMap>), ClientError> {
        let collected = (&mut self.incoming).collect().await?;
        let trailers = collected.trailers().cloned();
        Ok((collected.to_bytes(), trailers))
    }

    /// Reads to the end and tells how many bytes came, without keeping them.
    ///
    /// # Errors
    /// When the body breaks off.
    pub async fn count(&mut self) -> Result<u64, ClientError> {
        let mut bytes = 0;
        while let Some(chunk) = self.chunk().await? {
            bytes += chunk.len() as u64;
        }
        Ok(bytes)
    }
}
