//! What a running process says of itself.

use std::net::SocketAddr;

use adit_edge::Edge;
use adit_model::{AccountId, Timestamp};
use anyhow::Context;
use tokio::net::TcpListener;

use super::{mesh::Mesh, parts::store_url};
use crate::{
    config::Settings,
    data_dir::{
        DataDir,
        run_file::{Advertised, Listeners, RunFile, StorePlace},
    },
};

/// Where a listener listens.
pub(super) fn address(listener: &TcpListener) -> anyhow::Result<SocketAddr> {
    listener
        .local_addr()
        .context("a listener does not know its address")
}

/// Where all of them listen.
pub(super) fn listeners(
    edge: &Edge,
    mesh: &Mesh,
    api: &TcpListener,
    metrics: &TcpListener,
) -> anyhow::Result<Listeners> {
    let edge = edge.addresses();
    Ok(Listeners {
        api: address(api)?,
        edge: edge.connectors,
        http: edge.http,
        https: edge.https,
        metrics: Some(address(metrics)?),
        mesh: Some(mesh.address()),
        private_proxy: edge.private_proxy,
    })
}

/// What the process says of itself.
pub(super) fn run_file(
    settings: &Settings,
    dir: &DataDir,
    account: AccountId,
    listeners: Listeners,
    demo_url: Option<String>,
    mesh_endpoint: Option<String>,
) -> RunFile {
    RunFile {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: Timestamp::from(std::time::SystemTime::now()),
        domain: settings.domain.to_string(),
        account_id: account,
        listeners,
        demo_url,
        store: Some(StorePlace::of(&store_url(settings, dir))),
        advertised: Advertised {
            api: settings.api_public_url.as_ref().map(|url| url.0.clone()),
            edge: settings.edge_advertise.as_ref().map(ToString::to_string),
            mesh: mesh_endpoint,
        },
    }
}
