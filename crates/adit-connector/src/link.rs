//! One connection to an edge, whatever carries it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use adit_net::h2::{EdgeTls, H2Asked, H2Dialled, H2End, H2RecvBody, H2Reply, H2Server};
use adit_net::quic::{ConnectionStats, QuicConnection, QuicDialer, RecvStream, SendStream};
use adit_wire::http2::{UPGRADE_CONTROL, UPGRADE_HEADER};
use http::Response;
use http::request::Parts;

use crate::Protocol;
use crate::flow::{Answering, Asking, LimitedSend};

/// The last packets of a closed connection leave within this.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);
/// An HTTP/2 edge opens the control stream within this. It may wait for what it needs to decide; the connector may not
/// wait for ever for an edge that is none.
const CONTROL_LIMIT: Duration = Duration::from_secs(60);

/// A connection that is not registered, or is.
pub(crate) enum Link {
    /// Over QUIC.
    Quic {
        /// The connection.
        connection: QuicConnection,
        /// Has the socket, which no other connection uses.
        dialer: QuicDialer,
    },
    /// Over HTTP/2.
    Http2 {
        /// The session.
        server: Box<H2Server<EdgeTls>>,
        /// This side's address.
        local_ip: Option<IpAddr>,
        /// The edge's address, or that of a proxy.
        remote: SocketAddr,
    },
}

/// What an edge opens.
pub(crate) enum Opened {
    /// A QUIC stream, nothing of it read.
    Quic(SendStream, RecvStream),
    /// An HTTP/2 request.
    Http2(Box<Parts>, H2RecvBody, H2Reply),
}

impl From<H2Dialled> for Link {
    fn from(dialled: H2Dialled) -> Self {
        Self::Http2 {
            server: Box::new(dialled.server),
            local_ip: dialled.local_ip,
            remote: dialled.remote,
        }
    }
}

impl Link {
    pub(crate) fn protocol(&self) -> Protocol {
        match self {
            Self::Quic { .. } => Protocol::Quic,
            Self::Http2 { .. } => Protocol::Http2,
        }
    }

    /// The edge's address, or that of the proxy before it.
    pub(crate) fn remote(&self) -> SocketAddr {
        match self {
            Self::Quic { connection, .. } => connection.remote_address(),
            Self::Http2 { remote, .. } => *remote,
        }
    }

    /// This side's address, where the system tells.
    pub(crate) fn local_ip(&self) -> Option<IpAddr> {
        match self {
            Self::Quic { connection, .. } => connection.local_ip(),
            Self::Http2 { local_ip, .. } => *local_ip,
        }
    }

    /// The control stream: the connector opens it on QUIC, the edge on HTTP/2.
    ///
    /// # Errors
    /// In words for the log.
    pub(crate) async fn control(&mut self) -> Result<(Asking, Answering), String> {
        match self {
            Self::Quic { connection, .. } => {
                let opened = connection.open_stream().await;
                let (send, recv) = opened.map_err(|cause| cause.to_string())?;
                let send = LimitedSend::new(send, None);
                let answering = Answering::Quic { send, framed: false };
                Ok((Asking::Quic(recv), answering))
            }
            Self::Http2 { server, .. } => {
                let asked = tokio::time::timeout(CONTROL_LIMIT, control_of(server)).await;
                asked.map_err(|_elapsed| "the edge opened no control stream".to_owned())?
            }
        }
    }

    /// Waits for what the edge opens next, and moves everything meanwhile. Cancel safe.
    ///
    /// # Errors
    /// In words for the log, once the connection is gone.
    pub(crate) async fn accept(&mut self) -> Result<Opened, String> {
        match self {
            Self::Quic { connection, .. } => match connection.accept_stream().await {
                Ok((send, recv)) => Ok(Opened::Quic(send, recv)),
                Err(cause) => Err(cause.to_string()),
            },
            Self::Http2 { server, .. } => match server.accept().await {
                Ok(H2Asked { head, body, reply }) => Ok(Opened::Http2(Box::new(head), body, reply)),
                Err(end) => Err(words(&end)),
            },
        }
    }

    /// The edge has so many streams open. Over HTTP/2 what it may have takes no memory, and it may have all from the
    /// beginning.
    pub(crate) fn make_room(&self, open: usize) {
        if let Self::Quic { connection, .. } = self {
            connection.make_room(open);
        }
    }

    /// The QUIC connection, if it is one.
    pub(crate) fn quic(&self) -> Option<&QuicConnection> {
        match self {
            Self::Quic { connection, .. } => Some(connection),
            Self::Http2 { .. } => None,
        }
    }

    /// Bytes that came from the edge so far.
    pub(crate) fn heard_bytes(&self) -> u64 {
        match self {
            Self::Quic { connection, .. } => connection.stats().received_bytes,
            Self::Http2 { server, .. } => server.heard_bytes(),
        }
    }

    /// Asks the edge whether it lives.
    pub(crate) fn ask(&self) {
        match self {
            Self::Quic { connection, .. } => connection.ask(),
            Self::Http2 { server, .. } => server.ask(),
        }
    }

    /// What QUIC has measured.
    pub(crate) fn stats(&self) -> Option<ConnectionStats> {
        match self {
            Self::Quic { connection, .. } => Some(connection.stats()),
            Self::Http2 { .. } => None,
        }
    }

    /// Closes it, and lets its last packets leave.
    pub(crate) async fn close(self) {
        match self {
            Self::Quic { connection, dialer } => {
                connection.close(0, "");
                drop(connection);
                drop(tokio::time::timeout(CLOSE_LIMIT, dialer.wait_idle()).await);
            }
            Self::Http2 { mut server, .. } => {
                server.drain();
                // Whatever comes now is reset as it is dropped.
                let draining = async { while server.accept().await.is_ok() {} };
                drop(tokio::time::timeout(CLOSE_LIMIT, draining).await);
            }
        }
    }
}

/// Nothing but the control stream has a place before the registration.
async fn control_of(server: &mut H2Server<EdgeTls>) -> Result<(Asking, Answering), String> {
    loop {
        let H2Asked {
            head,
            body,
            mut reply,
        } = server.accept().await.map_err(|end| words(&end))?;
        if is_control(&head) {
            reply
                .answer(Response::new(()))
                .map_err(|error| error.to_string())?;
            let answering = Answering::Http2 {
                reply,
                websocket: false,
            };
            return Ok((Asking::Http2(body), answering));
        }
        tracing::debug!("the edge sent a request before the registration");
    }
}

pub(crate) fn is_control(head: &Parts) -> bool {
    let upgrade = head.headers.get(UPGRADE_HEADER);
    upgrade.is_some_and(|upgrade| upgrade == UPGRADE_CONTROL)
}

fn words(end: &H2End) -> String {
    match end {
        H2End::Done => "the edge closed the connection".to_owned(),
        H2End::Closed => "closed by this side".to_owned(),
        H2End::Silent => "the edge fell silent".to_owned(),
        H2End::Failed(error) => match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    }
}
