//! A client's way for datagrams: open as long as the connection that it asked for it on.

mod flow;

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use adit_net::private::{PrivateDialer, PrivateNetwork};
use adit_wire::{
    Destination,
    socks::{Reply, decode_datagram, encode_reply},
};
use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    net::UdpSocket,
    sync::mpsc,
    task::JoinSet,
};
use tracing::debug;

use self::flow::carry_flow;
use super::{dialog::Dialog, record::FlowRecord};
use crate::context::Context;

/// Flows of one client at once. Datagrams that would need one more are dropped.
const MOST_FLOWS: usize = 256;
/// Datagrams that wait for a flow to be opened or to take them. What comes beyond them is dropped.
const MOST_WAITING: usize = 32;
/// The largest datagram that there is.
const MOST_BYTES: usize = 64 * 1024;

/// Opens a way for datagrams, and carries them until the client ends its connection.
pub(super) async fn carry(
    context: &Context,
    dialer: Arc<dyn PrivateDialer>,
    mut dialog: Dialog,
    client: SocketAddr,
    network: PrivateNetwork,
) {
    let opened = open(&dialog).await;
    let (socket, bound) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            debug!(%client, %error, "no socket for a client's datagrams");
            let nowhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
            return dialog.conclude(&encode_reply(Reply::Failed, nowhere)).await;
        }
    };
    if dialog.say(&encode_reply(Reply::Succeeded, bound)).await.is_err() {
        return;
    }
    let (connection, _) = dialog.into_parts();
    let association = Association {
        dialer,
        network,
        socket: Arc::new(socket),
        client,
        source: None,
        flows: HashMap::new(),
        running: JoinSet::new(),
    };
    tokio::select! {
        () = association.run() => {}
        () = until_end(connection) => {}
        () = context.stopped.cancelled() => {}
        () = context.memory.cut() => {}
    }
}

/// A socket where the client has connected to, and how it reaches it.
async fn open(dialog: &Dialog) -> io::Result<(UdpSocket, SocketAddr)> {
    let here = dialog.local_addr()?.ip();
    let socket = UdpSocket::bind((here, 0)).await?;
    let bound = socket.local_addr()?;
    Ok((socket, bound))
}

/// Returns when the client has ended its connection. What it says on it means nothing.
async fn until_end(mut connection: impl AsyncRead + Unpin) {
    let mut unread = [0; 256];
    while let Ok(1..) = connection.read(&mut unread).await {}
}

/// The datagrams of one client.
struct Association {
    dialer: Arc<dyn PrivateDialer>,
    network: PrivateNetwork,
    socket: Arc<UdpSocket>,
    /// Who connected.
    client: SocketAddr,
    /// Where its datagrams come from, once one has come.
    source: Option<SocketAddr>,
    flows: HashMap<SocketAddr, mpsc::Sender<Bytes>>,
    running: JoinSet<SocketAddr>,
}

impl Association {
    /// Carries datagrams until it is dropped, which ends every flow.
    async fn run(mut self) {
        let mut buffer = vec![0; MOST_BYTES];
        loop {
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => match received {
                    Ok((length, from)) => self.take(buffer.get(..length).unwrap_or_default(), from),
                    // Such as that nobody listens where a reply went.
                    Err(error) => debug!(client = %self.client, %error, "a client's datagrams"),
                },
                Some(ended) = self.running.join_next() => {
                    if let Ok(to) = ended {
                        self.forget(to);
                    }
                }
            }
        }
    }

    /// Takes the client's datagram. Those of anybody else, fragments and what leads to no address are dropped.
    fn take(&mut self, bytes: &[u8], from: SocketAddr) {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let is_client = match self.source {
            Some(source) => source == from,
            None => from.ip() == self.client.ip().to_canonical(),
        };
        if !is_client {
            return;
        }
        self.source = Some(from);
        let Ok(datagram) = decode_datagram(bytes) else {
            return;
        };
        let (0, Destination::Address(to)) = (datagram.fragment, datagram.destination) else {
            return;
        };
        let payload = Bytes::copy_from_slice(datagram.payload);
        if let Some(flow) = self.flow(to, from) {
            // A full flow drops it, as a full network does.
            let _ = flow.try_send(payload);
        }
    }

    /// The flow to an address, opened now or before; `None` if there are too many.
    fn flow(&mut self, to: SocketAddr, source: SocketAddr) -> Option<&mpsc::Sender<Bytes>> {
        if self.flows.get(&to).is_some_and(|flow| flow.is_closed()) {
            self.flows.remove(&to);
        }
        if !self.flows.contains_key(&to) {
            if self.running.len() >= MOST_FLOWS {
                return None;
            }
            let (sender, waiting) = mpsc::channel(MOST_WAITING);
            let record = FlowRecord::new("udp", self.client, self.network, &to);
            let (dialer, network, socket) =
                (Arc::clone(&self.dialer), self.network, Arc::clone(&self.socket));
            self.running.spawn(async move {
                carry_flow(&*dialer, network, to, waiting, &socket, source, record).await;
                to
            });
            self.flows.insert(to, sender);
        }
        self.flows.get(&to)
    }

    /// A flow has ended; another one to the same address may have begun.
    fn forget(&mut self, to: SocketAddr) {
        if self.flows.get(&to).is_some_and(|flow| flow.is_closed()) {
            self.flows.remove(&to);
        }
    }
}

#[cfg(test)]
mod tests;
