//! `/logs`: a WebSocket that log lines go out on.

use std::io;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::Map;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::line::{Gravity, Line};
use super::queue::Next;
use super::session::{Ending, Order, Session};
use super::tap::{Viewer, second};

/// The largest message of a viewer, bytes. A start with all its filters has 150.
const MAX_MESSAGE: usize = 32 * 1024;
/// A viewer that takes nothing for so long is let go.
const SEND_LIMIT: Duration = Duration::from_secs(60);
/// How long the viewer's goodbye may take.
const GOODBYE_LIMIT: Duration = Duration::from_secs(5);
const BUFFER: usize = 4 * 1024;

/// What happens next.
enum Event {
    Line(Next),
    Said(Option<Result<Message, Error>>),
    Time,
    Replaced,
}

/// Serves a viewer whose handshake was accepted, to its end.
///
/// # Errors
/// If the connection breaks off.
pub(super) async fn serve<T>(io: T, viewer: &Viewer) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = BUFFER;
    config.write_buffer_size = 0;
    config.max_message_size = Some(MAX_MESSAGE);
    config.max_frame_size = Some(MAX_MESSAGE);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let ending = match talk(&mut socket, viewer).await {
        Ok(Some(ending)) => ending,
        // The viewer has gone.
        Ok(None) => return Ok(()),
        Err(error) => return Err(io::Error::other(error)),
    };
    viewer.stop();
    tracing::debug!(
        code = ending.code,
        reason = ending.reason,
        "a stream of log lines ends"
    );
    let frame = CloseFrame {
        code: ending.code.into(),
        reason: ending.reason.into(),
    };
    let goodbye = async {
        if socket.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // It has been told; more cannot be done for it.
    let _ = tokio::time::timeout(GOODBYE_LIMIT, goodbye).await;
    Ok(())
}

/// Until it ends: why, or `None` if the viewer ended it.
async fn talk<T>(socket: &mut WebSocketStream<T>, viewer: &Viewer) -> Result<Option<Ending>, Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut session = Session::new(Instant::now());
    loop {
        let event = tokio::select! {
            () = viewer.replaced.cancelled() => Event::Replaced,
            said = socket.next() => Event::Said(said),
            next = viewer.lines.next() => Event::Line(next),
            () = tokio::time::sleep_until(session.poll_timeout().into()) => Event::Time,
        };
        let order = match event {
            Event::Replaced => Some(Order::End(Ending::DONE)),
            Event::Line(next) => send(socket, viewer, text(next)).await?.map(Order::End),
            Event::Time => session.handle_timeout(Instant::now()),
            Event::Said(None | Some(Err(Error::ConnectionClosed))) => return Ok(None),
            Event::Said(Some(Ok(Message::Text(said)))) => {
                Some(session.handle_text(said.as_str(), Instant::now()))
            }
            Event::Said(Some(Ok(Message::Binary(_)))) => Some(Order::End(Ending::NO_MESSAGE)),
            // A ping is answered with the next flush, a goodbye as the stream ends.
            Event::Said(Some(Ok(
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_),
            ))) => {
                socket.flush().await?;
                None
            }
            Event::Said(Some(Err(Error::Capacity(
                CapacityError::MessageTooLong { .. } | CapacityError::TooManyHeaders,
            )))) => Some(Order::End(Ending::TOO_LARGE)),
            Event::Said(Some(Err(Error::Utf8(_)))) => Some(Order::End(Ending::NO_MESSAGE)),
            Event::Said(Some(Err(error))) => return Err(error),
        };
        match order {
            None => {}
            Some(Order::Start(filters)) => match viewer.start(filters) {
                Ok(()) => {
                    session.handle_started();
                    tracing::debug!("log lines flow to a viewer");
                }
                Err(_taken) => return Ok(Some(Ending::TAKEN)),
            },
            Some(Order::Stop) => drop(viewer.stop()),
            Some(Order::Ping) => {
                if let Some(ending) = send(socket, viewer, Message::Ping(bytes::Bytes::new())).await? {
                    return Ok(Some(ending));
                }
            }
            Some(Order::End(ending)) => return Ok(Some(ending)),
        }
    }
}

/// Sends, as long as the viewer takes it and nobody takes the stream over.
async fn send<T>(
    socket: &mut WebSocketStream<T>,
    viewer: &Viewer,
    message: Message,
) -> Result<Option<Ending>, Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    tokio::select! {
        () = viewer.replaced.cancelled() => Ok(Some(Ending::DONE)),
        sent = tokio::time::timeout(SEND_LIMIT, socket.send(message)) => match sent {
            Ok(sent) => sent.map(|()| None),
            Err(elapsed) => Err(Error::Io(elapsed.into())),
        }
    }
}

fn text(next: Next) -> Message {
    Message::text(match next {
        Next::Line(line) => line,
        Next::Dropped(count) => dropped(count).message(),
    })
}

/// Tells the viewer that it reads too slowly.
fn dropped(count: u64) -> Line {
    let mut fields = Map::new();
    fields.insert("dropped".to_owned(), count.into());
    Line {
        time: second(std::time::SystemTime::now()),
        level: Gravity::Warn,
        message: "log lines were dropped, since they are not read fast enough".to_owned(),
        fields,
        ..Line::default()
    }
}

#[cfg(test)]
mod tests;
