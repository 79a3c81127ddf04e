//! Moves bytes between a local stream and a WebSocket.

use std::{io, time::Duration};

use adit_wire::websocket::{
    CLIENT_PAYLOAD, Event, Frames, Sender, put_client_close, put_client_data, put_client_pong,
};
use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

use super::carrier::Flow;

/// The most bytes read at once.
const CHUNK: usize = 64 * 1024;
/// Pings that wait for their answer; further ones get none.
const PONGS: usize = 4;
/// Once this side has ended and the other does not know of half-closing, it may stay silent that long.
const SILENCE: Duration = Duration::from_secs(5);

/// How long the end of a connection may take whose both directions have ended.
const GOODBYE: Duration = Duration::from_secs(10);

/// When a flow is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// Each direction has an end of its own, where the other side knows of that.
    Each,
    /// As soon as the other side has ended: nobody can tell whoever types that nothing is heard any more.
    WithTheRemote,
}

/// Moves bytes both ways until both directions have ended, or one has broken.
///
/// # Errors
/// If a side breaks off, or the other side breaks the protocol.
pub(super) async fn relay(
    local: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    flow: Flow,
    ends: Ends,
) -> io::Result<()> {
    let half_close = flow.half_close;
    let (from_remote, to_remote) = tokio::io::split(flow.io);
    let (pongs, pings) = mpsc::channel(PONGS);
    let (ended, local_ended) = watch::channel(false);
    let up = async {
        let to_remote = send(local.0, to_remote, pings, half_close).await?;
        ended.send_replace(true);
        // Dropped, it could end both directions.
        io::Result::Ok(to_remote)
    };
    let down = receive(from_remote, local.1, pongs, local_ended, half_close);
    tokio::pin!(up, down);
    let (reader, writer) = tokio::select! {
        sent = &mut up => {
            let writer = sent?;
            (down.await?.0, writer)
        }
        received = &mut down => {
            let (reader, closed) = received?;
            if !closed || !half_close || ends == Ends::WithTheRemote {
                return Ok(());
            }
            // The local side has all that it will get, whatever becomes of what it still sends.
            let Ok(writer) = up.await else { return Ok(()) };
            (reader, writer)
        }
    };
    // Whoever leaves before all has arrived takes it along.
    let _ = timeout(GOODBYE, goodbye(reader, writer)).await;
    Ok(())
}

/// Ends the connection and waits until the other side has, too.
async fn goodbye(mut reader: impl AsyncRead + Unpin, mut writer: impl AsyncWrite + Unpin) -> io::Result<()> {
    writer.shutdown().await?;
    let mut rest = BytesMut::with_capacity(1024);
    while reader.read_buf(&mut rest).await? > 0 {
        rest.clear();
    }
    Ok(())
}

/// From the local stream to its end, and what answers pings.
async fn send<W: AsyncWrite + Unpin>(
    mut local: impl AsyncRead + Unpin,
    mut remote: W,
    mut pings: mpsc::Receiver<Bytes>,
    half_close: bool,
) -> io::Result<W> {
    let (mut bytes, mut frames) = (BytesMut::with_capacity(CHUNK), BytesMut::new());
    loop {
        tokio::select! {
            read = local.read_buf(&mut bytes) => {
                if read? == 0 {
                    break;
                }
                for piece in bytes.chunks(CLIENT_PAYLOAD) {
                    put_client_data(&mut frames, piece, rand::random());
                }
                bytes.clear();
            }
            Some(ping) = pings.recv() => put_client_pong(&mut frames, &ping, rand::random()),
        }
        remote.write_all(&frames).await?;
        remote.flush().await?;
        frames.clear();
    }
    if half_close {
        put_client_close(&mut frames, rand::random());
        remote.write_all(&frames).await?;
        remote.flush().await?;
    } else {
        // A stock connector would take a Close for the end of both directions; an edge of Adit's takes the end of the
        // connection for that of one.
        remote.shutdown().await?;
    }
    Ok(remote)
}

/// To the local stream; with true if the other side has said that it has ended.
async fn receive<R: AsyncRead + Unpin>(
    mut remote: R,
    mut local: impl AsyncWrite + Unpin,
    pongs: mpsc::Sender<Bytes>,
    mut local_ended: watch::Receiver<bool>,
    half_close: bool,
) -> io::Result<(R, bool)> {
    let (mut frames, mut input) = (Frames::of(Sender::Server), BytesMut::new());
    let closed = loop {
        match frames.next(&mut input).map_err(io::Error::other)? {
            Some(Event::Data(bytes)) => local.write_all(&bytes).await?,
            // Who pings faster than it reads gets fewer answers.
            Some(Event::Ping(bytes)) => drop(pongs.try_send(bytes)),
            Some(Event::Close) => break true,
            None => {
                local.flush().await?;
                input.reserve(CHUNK);
                let silence = async {
                    let _ = local_ended.wait_for(|ended| *ended).await;
                    sleep(SILENCE).await;
                };
                tokio::select! {
                    read = remote.read_buf(&mut input) => {
                        if read? == 0 {
                            break false;
                        }
                    }
                    () = silence, if !half_close => break false,
                }
            }
        }
    };
    local.shutdown().await?;
    Ok((remote, closed))
}
