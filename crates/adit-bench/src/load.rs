//! The client's side of a measurement.

mod bulk;
mod connects;
mod histogram;
mod paced;
mod proxy;
mod requests;

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, header::HOST};
use http_body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

pub(crate) use bulk::{Moved, download, upload};
pub(crate) use connects::connects;
pub(crate) use histogram::Histogram;
pub(crate) use paced::{Asked, Paced};
pub(crate) use proxy::Proxy;
pub(crate) use requests::{Counted, requests};

/// Where a mode is entered, and under which name.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The listener.
    pub(crate) addr: SocketAddr,
    /// The host name to ask for.
    pub(crate) host: String,
    /// Who opens connections to it, if the listener is not it.
    pub(crate) proxy: Option<Proxy>,
}

impl Target {
    pub(crate) fn request<B>(&self, path: &str, body: B) -> anyhow::Result<Request<B>> {
        Ok(Request::get(path).header(HOST, &self.host).body(body)?)
    }

    /// A connection, and the task that drives it while the set lives.
    pub(crate) async fn connect<B>(&self) -> anyhow::Result<(SendRequest<B>, JoinSet<()>)>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        let mut stream = TcpStream::connect(self.addr).await?;
        stream.set_nodelay(true)?;
        if let Some(proxy) = &self.proxy {
            proxy.open(&mut stream).await?;
        }
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // How it ends is told by the answers.
            let _ = connection.await;
        });
        Ok((sender, driver))
    }
}
