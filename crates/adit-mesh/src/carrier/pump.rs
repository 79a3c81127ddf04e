//! Moves datagrams between a carrier and its line.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use adit_net::quic::{DatagramRefused, QuicConnection};
use adit_wire::mesh::{put_frame, take_frame};
use bytes::{Bytes, BytesMut};
use metrics::counter;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    time::sleep,
};

use super::{CarrierKind, Line, Open, board::Bringer};

/// How much is read at once.
const READ_BYTES: usize = 32 * 1024;
/// How many datagrams are written at once.
const AT_ONCE: usize = 64;
/// A carrier in use carries something every second: after this long without, nobody needs it.
const SILENCE: Duration = Duration::from_secs(30);

/// Why a carrier is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The far end closed it.
    Left,
    /// It broke.
    Broken,
    /// Nothing came for long.
    Silent,
    /// This side needs it no more.
    Done,
}

impl End {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Broken => "broken",
            Self::Silent => "silent",
            Self::Done => "done",
        }
    }
}

/// Moves datagrams both ways until the carrier is of no more use. Dropping the future ends it.
pub(crate) async fn pump(open: &mut Open, line: &mut Line) -> End {
    let came = AtomicU64::new(0);
    let kind = open.kind();
    let bringer = line.bringer();
    let quic = open.quic.as_ref();
    let reading = frames(&mut open.reader, &mut open.buffer, &bringer, &came);
    let datagrams = datagrams(quic, &bringer, &came);
    let writing = write(&mut open.writer, quic, &mut line.outbound, kind);
    tokio::select! {
        end = reading => end,
        end = datagrams => end,
        end = writing => end,
        () = silence(&came) => End::Silent,
    }
}

async fn frames<R: AsyncRead + Unpin>(
    reader: &mut R,
    buffer: &mut BytesMut,
    to: &Bringer,
    came: &AtomicU64,
) -> End {
    loop {
        while let Some(frame) = take_frame(buffer) {
            came.fetch_add(1, Ordering::Relaxed);
            if !to.bring(frame).await {
                return End::Done;
            }
        }
        buffer.reserve(READ_BYTES);
        match reader.read_buf(buffer).await {
            Ok(0) => return End::Left,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return End::Left,
            Err(_) => return End::Broken,
        }
    }
}

async fn datagrams(quic: Option<&QuicConnection>, to: &Bringer, came: &AtomicU64) -> End {
    let Some(quic) = quic else {
        return std::future::pending().await;
    };
    while let Ok(datagram) = quic.receive_datagram().await {
        came.fetch_add(1, Ordering::Relaxed);
        if !to.bring(BytesMut::from(datagram)).await {
            return End::Done;
        }
    }
    End::Left
}

async fn write<W: AsyncWrite + Unpin>(
    writer: &mut W,
    quic: Option<&QuicConnection>,
    from: &mut mpsc::Receiver<BytesMut>,
    kind: CarrierKind,
) -> End {
    let full = counter!("adit_mesh_carrier_dropped_total", "kind" => kind.as_str());
    let (mut batch, mut frames) = (Vec::with_capacity(AT_ONCE), BytesMut::new());
    while from.recv_many(&mut batch, AT_ONCE).await > 0 {
        for datagram in batch.drain(..) {
            let datagram = datagram.freeze();
            match offer(quic, &datagram) {
                Offered::Gone => {}
                Offered::Full => full.increment(1),
                Offered::Closed => return End::Left,
                // WireGuard's are shorter than the longest frame.
                Offered::Framed => drop(put_frame(&datagram, &mut frames)),
            }
        }
        if frames.is_empty() {
            continue;
        }
        if writer.write_all(&frames).await.is_err() || writer.flush().await.is_err() {
            return End::Broken;
        }
        frames.clear();
    }
    End::Done
}

/// What becomes of a datagram.
enum Offered {
    Gone,
    Full,
    Closed,
    /// It goes over the stream.
    Framed,
}

fn offer(quic: Option<&QuicConnection>, datagram: &Bytes) -> Offered {
    let Some(quic) = quic else {
        return Offered::Framed;
    };
    match quic.offer_datagram(datagram.clone()) {
        Ok(()) => Offered::Gone,
        Err(DatagramRefused::Full) => Offered::Full,
        Err(DatagramRefused::TooLarge | DatagramRefused::Unsupported) => Offered::Framed,
        Err(DatagramRefused::Closed) => Offered::Closed,
    }
}

async fn silence(came: &AtomicU64) {
    let mut before = came.load(Ordering::Relaxed);
    loop {
        sleep(SILENCE).await;
        let now = came.load(Ordering::Relaxed);
        if now == before {
            return;
        }
        before = now;
    }
}
