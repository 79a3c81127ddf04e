//! An API on a socket.

use std::net::SocketAddr;

use adit_api::{Limits, serve};
use axum::Router;
use ipnet::IpNet;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) ended: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(router: Router, limits: Limits) -> Self {
        Self::behind(Vec::new(), router, limits).await
    }

    /// One that believes these proxies.
    pub(crate) async fn behind(proxies: Vec<IpNet>, router: Router, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let ended = TaskTracker::new().spawn(serve(listener, router, limits, proxies, stop.clone()));
        Self { address, stop, ended }
    }
}
