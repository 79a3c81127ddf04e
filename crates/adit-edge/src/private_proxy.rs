//! The proxy that lets people into private networks: SOCKS5 and HTTP CONNECT on one listener.
//!
//! The user name is a virtual network's, the password an API token, whose account decides. Every connection is one
//! flow, or carries the way for datagrams of one client.

mod associate;
mod dialog;
mod gate;
mod http;
mod listener;
mod record;
mod relay;
mod socks;

use std::{net::SocketAddr, sync::Arc};

use adit_net::private::{PrivateDialError, PrivateDialer, PrivateNetwork, PrivateStream};
use adit_wire::Destination;
use tokio::net::TcpStream;

use self::{dialog::Dialog, gate::Gate, record::FlowRecord};
pub(crate) use self::{listener::serve, record::describe};
use crate::{context::Context, private::Dialer};

/// What every client's connection shares.
pub(crate) struct Proxy {
    context: Arc<Context>,
    dialer: Arc<Dialer>,
    gate: Gate,
}

impl Proxy {
    pub(crate) fn new(context: Arc<Context>, dialer: Arc<Dialer>) -> Arc<Self> {
        Arc::new(Self {
            gate: Gate::new(Arc::clone(&context.tunnels)),
            context,
            dialer,
        })
    }

    /// Dials what a client wants, and notes what it came to.
    async fn dial(
        &self,
        network: PrivateNetwork,
        destination: &Destination,
        record: &mut FlowRecord,
    ) -> Result<Box<dyn PrivateStream>, PrivateDialError> {
        let dialled = match destination {
            Destination::Address(to) => {
                record.leads(self.dialer.tunnel_to(network, *to));
                self.dialer.tcp(network, *to).await
            }
            Destination::Host(host, port) => {
                record.leads(self.dialer.tunnel_of_host(network, host));
                self.dialer.tcp_to_host(network, host, *port).await
            }
        };
        if let Err(error) = &dialled {
            record.refused(error);
        }
        dialled
    }
}

/// A client whose first byte has been read: what it speaks.
enum Protocol {
    Socks,
    Http,
}

/// Carries one client's connection to its end.
async fn carry(proxy: Arc<Proxy>, stream: TcpStream, client: SocketAddr) {
    let mut dialog = Dialog::new(stream);
    match dialog.protocol().await {
        Ok(Protocol::Socks) => socks::carry(&proxy, dialog, client).await,
        Ok(Protocol::Http) => http::carry(&proxy, dialog, client).await,
        Err(error) => tracing::debug!(%client, %error, "no client of the proxy"),
    }
}
