//! Bytes inside a WebSocket, as the services of a connector that are not HTTP speak them.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderName, HeaderValue};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest},
};

use super::ClientError;

const MESSAGE_BYTES: usize = 16 * 1024;

/// A flow of bytes through a WebSocket on a connection of its own.
#[derive(Debug)]
pub struct Flow(WebSocketStream<TcpStream>);

impl Flow {
    /// Opens one to `host` at the listener, with these headers.
    ///
    /// # Errors
    /// When nobody listens there, or the upgrade is refused.
    pub async fn open(
        listener: SocketAddr,
        host: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, ClientError> {
        let stream = TcpStream::connect(listener).await?;
        let mut request = format!("ws://{host}/").into_client_request()?;
        for (name, value) in headers {
            let name = HeaderName::from_static(name);
            request.headers_mut().insert(name, HeaderValue::from_str(value)?);
        }
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
        Ok(Self(socket))
    }

    /// Sends bytes, in messages that a stock connector takes: of larger ones it loses the end.
    ///
    /// # Errors
    /// When the flow has ended.
    pub async fn send(&mut self, bytes: impl Into<Bytes>) -> Result<(), ClientError> {
        let mut bytes = bytes.into();
        while !bytes.is_empty() {
            let message = bytes.split_to(bytes.len().min(MESSAGE_BYTES));
            self.0.send(Message::Binary(message)).await?;
        }
        Ok(())
    }

    /// Ends this side of the TCP connection, without a word in the WebSocket's own terms.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn shut_down(&mut self) -> Result<(), ClientError> {
        Ok(self.0.get_mut().shutdown().await?)
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// When the flow breaks off inside a message.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Binary(bytes))) => return Ok(Some(bytes)),
                Some(Ok(Message::Text(text))) => return Err(format!("text: {text}").into()),
                Some(Ok(Message::Close(_))) | None => return Ok(None),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                // A connector ends such a flow without a close frame.
                Some(Err(
                    tokio_tungstenite::tungstenite::Error::Protocol(
                        tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
                    )
                    | tokio_tungstenite::tungstenite::Error::ConnectionClosed,
                )) => return Ok(None),
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }

    /// So many bytes.
    ///
    /// # Errors
    /// When the flow ends before.
    pub async fn exactly(&mut self, count: usize) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let chunk = self.chunk().await?.ok_or("the flow ended early")?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}
