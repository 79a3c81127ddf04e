//! The stream of log lines, from the request to its end.

use std::time::Duration;

use adit_model::ConnectorId;
use futures_util::{SinkExt, StreamExt};
use http::{Response, StatusCode};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message,
        handshake::client::generate_key,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    lines::{self, Format},
    way::Way,
};
use crate::{failure::Failure, output, signals::StopSignals};

/// How long the handshakes may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the other side may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// Far above any log line.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
/// The close code of a connector whose stream somebody else has.
const TAKEN: u16 = 4002;

/// What is asked for.
pub(super) struct Request<'a> {
    /// A credential.
    pub(super) token: &'a str,
    pub(super) connector: Option<ConnectorId>,
    pub(super) trace: Option<&'a str>,
}

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Prints what a connector says until it, the reader or a signal ends that.
///
/// # Errors
/// If there is no stream, or if it ends and nobody here asked for that.
pub(super) async fn print(
    way: &Way,
    request: &Request<'_>,
    start: String,
    format: Format,
) -> Result<(), Failure> {
    let mut signals = StopSignals::listen().map_err(Failure::failed)?;
    let opening = tokio::time::timeout(PATIENCE, open(way, request));
    let mut socket = tokio::select! {
        opened = opening => opened.unwrap_or_else(|_| {
            Err(Failure::because(format!("{} did not answer in time", way.authority())))
        })?,
        _ = signals.next() => return Ok(()),
    };
    socket.send(Message::text(start)).await.map_err(broken)?;
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = signals.next() => return goodbye(socket).await,
        };
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(frame))) => return ended(frame),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {
                continue;
            }
            Some(Err(error)) => return Err(broken(error)),
            None => return ended(None),
        };
        let Some(text) = lines::printed(&text, format) else {
            return Err(Failure::because(
                "the connector sent what is no message of log lines",
            ));
        };
        if !output::result_unless_gone(&text)? {
            return goodbye(socket).await;
        }
    }
}

async fn open(way: &Way, request: &Request<'_>) -> Result<Socket, Failure> {
    let stream = way.open().await?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let handshake = client_async_with_config(handshake(way, request)?, stream, Some(config));
    match Box::pin(handshake).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(answer)) => Err(refused(&answer)),
        Err(error) => Err(broken(error)),
    }
}

fn handshake(way: &Way, request: &Request<'_>) -> Result<http::Request<()>, Failure> {
    let mut query = format!("access_token={}", request.token);
    if let Some(connector) = request.connector {
        query.push_str(&format!("&connector_id={connector}"));
    }
    let host = way.authority();
    let mut head = http::Request::get(format!("wss://{host}/logs?{query}"))
        .header("Host", host.as_str())
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", generate_key())
        .header("User-Agent", concat!("adit/", env!("CARGO_PKG_VERSION")));
    if let Some(trace) = request.trace {
        head = head.header("cf-trace-id", trace);
    }
    // The cause would quote the token.
    head.body(()).map_err(|_| {
        Failure::usage("the token has characters that no management token has").hint("`management token`")
    })
}

/// What the edge says when it refuses.
#[derive(Deserialize)]
struct Refusal {
    errors: Vec<Complaint>,
}

#[derive(Deserialize)]
struct Complaint {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

fn refused(answer: &Response<Option<Vec<u8>>>) -> Failure {
    let status = answer.status();
    let body = answer.body().as_deref().unwrap_or_default();
    let said: Option<Refusal> = serde_json::from_slice(body).ok();
    let said = said.and_then(|refusal| refusal.errors.into_iter().next());
    let words = match said {
        Some(Complaint { code, message }) => format!("{message} (code {code})"),
        None => format!("the answer's status is {status}"),
    };
    let failure = Failure::because(format!("there is no stream of log lines: {words}"));
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            failure.hint("leave out --token and TUNNEL_MANAGEMENT_TOKEN, and the API gives a new one")
        }
        status if status.as_u16() == 530 => {
            failure.hint("`tunnel info TUNNEL` shows which connectors are connected")
        }
        _ => failure,
    }
}

/// The other side closed.
fn ended(frame: Option<CloseFrame>) -> Result<(), Failure> {
    let Some(frame) = frame else {
        return Err(Failure::because("the stream of log lines broke off").hint("run the command again"));
    };
    if frame.code == CloseCode::Normal {
        return Ok(());
    }
    let code = u16::from(frame.code);
    let reason = frame
        .reason
        .chars()
        .filter(|c| !c.is_control())
        .collect::<String>();
    let failure = Failure::because(format!("the connector closed the stream: {reason} (code {code})"));
    Err(if code == TAKEN {
        failure.hint("somebody else reads this connector's log lines, and only one may; --connector-id names another one")
    } else {
        failure.hint("run the command again")
    })
}

fn broken(error: tungstenite::Error) -> Failure {
    let failure = anyhow::Error::new(error).context("the stream of log lines broke off");
    Failure::failed(failure).hint("run the command again")
}

/// Closes, and waits a moment until the other side has, too.
async fn goodbye(mut socket: Socket) -> Result<(), Failure> {
    let frame = CloseFrame {
        code: CloseCode::Normal,
        reason: "".into(),
    };
    let closing = async {
        if socket.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    let _ = tokio::time::timeout(GOODBYE, closing).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str) -> String {
        let answer = Response::builder().status(status);
        refused(&answer.body(Some(body.as_bytes().to_vec())).unwrap()).to_string()
    }

    #[test]
    fn a_refusal_is_told_in_the_edges_words_with_what_to_try() {
        let body = r#"{"errors":[{"code":1033,"message":"no connector"}]}"#;
        let no_connector = told(530, body);
        assert!(
            no_connector.contains("no connector (code 1033)"),
            "{no_connector}"
        );
        assert!(no_connector.contains("tunnel info"), "{no_connector}");
        assert!(told(502, "<html>").contains("502"));
        assert!(told(400, "").contains("--token"));
    }

    #[test]
    fn a_normal_end_is_no_failure_and_others_say_why() {
        let closed = |code: u16, reason: &str| {
            let frame = CloseFrame {
                code: code.into(),
                reason: reason.to_owned().into(),
            };
            ended(Some(frame)).map_err(|failure| failure.to_string())
        };
        assert_eq!(closed(1000, "context closed"), Ok(()));
        let taken = closed(4002, "limit exceeded").unwrap_err();
        assert!(
            taken.contains("4002") && taken.contains("somebody else"),
            "{taken}"
        );
        assert!(ended(None).is_err());
    }
}
