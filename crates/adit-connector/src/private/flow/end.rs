//! How a session ends.

use std::io;
use std::time::Duration;

use tokio::net::UdpSocket;

use crate::private::words;

/// Why a session ended.
pub(in crate::private) enum End {
    /// Nothing passed for its idle time.
    Idle,
    /// The edge wants no more of it.
    Closed,
    /// Its connection went.
    Lost,
    /// Its socket failed.
    Failed(io::Error),
}

impl End {
    /// What the edge hears of it, in the words of stock connectors.
    pub(super) fn words(&self, idle: Duration, socket: &UdpSocket) -> String {
        match self {
            Self::Idle => format!("session idle for {}", words::of_time(idle)),
            Self::Closed => "closed by the edge".to_owned(),
            Self::Lost => "the connection went".to_owned(),
            Self::Failed(error) => {
                let addresses = socket.local_addr().ok().zip(socket.peer_addr().ok());
                let between = addresses.map_or(String::new(), |(from, to)| format!(" {from}->{to}"));
                format!("read udp{between}: read: {}", words::of_io(error))
            }
        }
    }
}
