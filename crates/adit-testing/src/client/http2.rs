//! The same over HTTP/2 and TLS.

use std::{net::SocketAddr, sync::Arc};

use adit_net::tls::{TrustAnchors, outgoing_config};
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::Empty;
use hyper::{body::Incoming, client::conn::http2, ext::Protocol};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

use super::{AnswerBody, ClientError};

/// Shakes hands for `host`, offering HTTP/2 alone.
async fn connect(
    listener: SocketAddr,
    anchors: &TrustAnchors,
    host: &str,
) -> Result<TlsStream<TcpStream>, ClientError> {
    let mut config = outgoing_config(anchors)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from(host.to_owned())?;
    let stream = TcpStream::connect(listener).await?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err("the listener does not speak HTTP/2".into());
    }
    Ok(stream)
}

/// Sends a request whose URI is absolute on a connection of its own; returns its head and its body, still to be read.
///
/// # Errors
/// When nobody listens there, the certificate is not trusted, or no head comes back.
pub async fn send_http2<B>(
    listener: SocketAddr,
    anchors: &TrustAnchors,
    request: Request<B>,
) -> Result<(Response<()>, AnswerBody), ClientError>
where
    B: Body<Data: Send, Error: Into<ClientError>> + Send + Unpin + 'static,
{
    let host = request.uri().host().ok_or("the URI is not absolute")?.to_owned();
    let stream = connect(listener, anchors, &host).await?;
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let mut connection_task = JoinSet::new();
    connection_task.spawn(async move {
        // How the connection ends is told by the answer.
        let _ = connection.await;
    });
    let (head, incoming) = sender.send_request(request).await?.into_parts();
    let body = AnswerBody {
        incoming,
        _connection: connection_task,
        _sender: Box::new(sender),
    };
    Ok((Response::from_parts(head, ()), body))
}

/// Opens a WebSocket on a stream (RFC 8441): its bytes, unframed.
///
/// # Errors
/// As [`send_http2`], and with the status when the answer is no success.
pub async fn websocket_http2(
    listener: SocketAddr,
    anchors: &TrustAnchors,
    uri: Uri,
) -> Result<(impl AsyncRead + AsyncWrite + Unpin, JoinSet<()>), ClientError> {
    let host = uri.host().ok_or("the URI is not absolute")?.to_owned();
    let stream = connect(listener, anchors, &host).await?;
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let mut connection_task = JoinSet::new();
    connection_task.spawn(async move {
        let _ = connection.await;
    });
    // The listener's settings, which allow the method, have come when it has answered something.
    let warm_up = Request::get(uri.clone()).body(Empty::<Bytes>::new())?;
    drop(sender.send_request(warm_up).await?);
    let connect = Request::connect(uri)
        .extension(Protocol::from_static("websocket"))
        .body(Empty::new())?;
    let answer: Response<Incoming> = sender.send_request(connect).await?;
    if answer.status() != StatusCode::OK {
        return Err(format!("the handshake was answered with {}", answer.status()).into());
    }
    Ok((TokioIo::new(hyper::upgrade::on(answer).await?), connection_task))
}
