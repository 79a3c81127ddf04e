//! The client of a TCP service: the bytes within its WebSocket, each way.

use std::io;
use std::time::Duration;

use adit_wire::websocket::{self as frames, Event, Frames, Sender};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Interval;

use super::CHUNK;
use crate::exchange::Upload;
use crate::flow::Answering;

/// How often a client of a TCP origin is pinged.
const PING_INTERVAL: Duration = Duration::from_secs(54);
/// Pings of the client that wait for their answer; further ones get none.
const PONGS: usize = 4;

/// What comes from the client.
pub(crate) struct FromClient {
    upload: Upload,
    input: BytesMut,
    frames: Frames,
    pongs: mpsc::Sender<Bytes>,
    /// Read and given back.
    unread: Bytes,
    /// Its side has ended with a Close, not with the stream.
    closed: bool,
    /// Client and connector agree that a Close ends one direction.
    half_close: bool,
}

/// What goes to the client.
pub(crate) struct ToClient<'a> {
    reply: &'a mut Answering,
    pongs: mpsc::Receiver<Bytes>,
    pings: Interval,
    /// A frame is under way, behind which no other may begin before it is whole.
    within_frame: bool,
    closed: bool,
}

/// Both ways of one client, whose WebSocket was accepted. With `half_close` its Close ends one direction only.
pub(crate) fn client(upload: Upload, reply: &mut Answering, half_close: bool) -> (FromClient, ToClient<'_>) {
    let (sender, pongs) = mpsc::channel(PONGS);
    let pings = tokio::time::interval_at(tokio::time::Instant::now() + PING_INTERVAL, PING_INTERVAL);
    let from = FromClient {
        upload,
        input: BytesMut::new(),
        frames: Frames::of(Sender::Client),
        pongs: sender,
        unread: Bytes::new(),
        closed: false,
        half_close,
    };
    let to = ToClient {
        reply,
        pongs,
        pings,
        within_frame: false,
        closed: false,
    };
    (from, to)
}

impl FromClient {
    /// The next bytes; `None` once the client has ended its side. Cancel safe.
    ///
    /// # Errors
    /// If the stream or the client breaks off, or the client breaks the protocol.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if !self.unread.is_empty() {
            return Ok(Some(std::mem::take(&mut self.unread)));
        }
        loop {
            match self.frames.next(&mut self.input).map_err(io::Error::other)? {
                Some(Event::Data(bytes)) => return Ok(Some(bytes)),
                // Who pings faster than it reads gets fewer answers.
                Some(Event::Ping(bytes)) => drop(self.pongs.try_send(frames::pong(&bytes))),
                Some(Event::Close) => {
                    self.closed = true;
                    return Ok(None);
                }
                None => match self.upload.chunk().await? {
                    Some(chunk) if self.input.is_empty() => self.input = BytesMut::from(chunk),
                    Some(chunk) => self.input.extend_from_slice(&chunk),
                    None => return Ok(None),
                },
            }
        }
    }

    /// Gives bytes back, to be read next.
    pub(crate) fn unread(&mut self, bytes: Bytes) {
        self.unread = bytes;
    }
}

impl ToClient<'_> {
    /// Sends bytes as a message. Not cancel safe.
    ///
    /// # Errors
    /// If the edge takes no more.
    pub(crate) async fn send(&mut self, bytes: Bytes) -> io::Result<()> {
        let frame = [frames::data_head(bytes.len()), bytes];
        self.frame(frame).await
    }

    async fn frame(&mut self, frame: [Bytes; 2]) -> io::Result<()> {
        self.within_frame = true;
        self.reply.write_both(frame).await?;
        self.within_frame = false;
        Ok(())
    }

    /// Says that this side has ended, unless it has said so or a frame was given up half-way.
    ///
    /// # Errors
    /// If the edge takes no more.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        if self.within_frame || self.closed {
            return Ok(());
        }
        self.closed = true;
        self.frame([frames::close(), Bytes::new()]).await
    }
}

/// Moves bytes between a client and a TCP service. The first end in either direction ends the flow, unless the client knows
/// of half-closing: then each direction has an end of its own.
///
/// # Errors
/// If a side breaks off, or the client breaks the protocol.
pub(crate) async fn relay<T>(origin: T, mut from: FromClient, to: &mut ToClient<'_>) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite,
{
    let half_close = from.half_close;
    let (mut from_origin, mut to_origin) = tokio::io::split(origin);
    // Each says whether the other direction goes on.
    let up = async {
        while let Some(bytes) = from.next().await? {
            to_origin.write_all(&bytes).await?;
            to_origin.flush().await?;
        }
        let goes_on = half_close && from.closed;
        if goes_on {
            to_origin.shutdown().await?;
        }
        io::Result::Ok(goes_on)
    };
    let down = async {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        loop {
            let ToClient { pongs, pings, .. } = &mut *to;
            let control = tokio::select! {
                read = from_origin.read_buf(&mut buffer) => {
                    if read? == 0 {
                        if half_close {
                            to.close().await?;
                        }
                        return io::Result::Ok(half_close);
                    }
                    None
                }
                _ = pings.tick() => Some(frames::ping()),
                Some(pong) = pongs.recv() => Some(pong),
            };
            match control {
                Some(frame) => to.frame([frame, Bytes::new()]).await?,
                None => {
                    // A copy of what came, so that a short message does not keep the whole buffer.
                    let bytes = Bytes::copy_from_slice(&buffer);
                    buffer.clear();
                    to.send(bytes).await?;
                }
            }
        }
    };
    {
        tokio::pin!(up, down);
        tokio::select! {
            first = &mut up => {
                if first? {
                    down.await?;
                }
            }
            first = &mut down => {
                if first? {
                    // The client has all that it will get: a service that is gone takes nothing away from that.
                    let _ = up.await;
                }
            }
        }
    }
    to.close().await
}
