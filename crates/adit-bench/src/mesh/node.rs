//! One end of our link, as a process of its own.

use std::{net::SocketAddr, sync::Arc};

use adit_mesh::{
    link::{Gate, Link, LinkConfig, LinkPeer},
    noise::PrivateKey,
    tun::Tun,
};
use adit_model::PeerKey;
use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::say;

/// What it says once it runs.
pub(super) const RUNS: &str = "the link runs";

/// Which end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// 0 or 1.
    side: usize,
    device: String,
    listen: SocketAddr,
    peer: SocketAddr,
    key: PeerKey,
}

/// The key of a side. Its secret is worth nothing.
pub(super) fn key(side: usize) -> PrivateKey {
    PrivateKey::from_bytes([side as u8 + 1; 32])
}

impl Node {
    /// `SIDE DEVICE LISTEN PEER KEY`.
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let [side, device, listen, peer, key] = args else {
            return Err("mesh-node takes SIDE DEVICE LISTEN PEER KEY".to_owned());
        };
        let address = |text: &str| text.parse().map_err(|_| format!("{text:?} is no address"));
        Ok(Self {
            side: usize::from(side == "1"),
            device: device.clone(),
            listen: address(listen)?,
            peer: address(peer)?,
            key: key.parse().map_err(|_| format!("{key:?} is no key"))?,
        })
    }

    pub(super) fn args(side: usize, device: &str, listen: &str, peer: &str, key: &PeerKey) -> [String; 6] {
        let (side, key) = (side.to_string(), key.to_string());
        ["mesh-node", &side, device, listen, peer, &key].map(str::to_owned)
    }
}

/// Runs it until it is told to end, then says what passed.
pub(crate) async fn node(node: Node) -> anyhow::Result<()> {
    let mut end = signal(SignalKind::terminate())?;
    let peer = LinkPeer::hub(node.key, node.peer);
    let link = Link::start(LinkConfig {
        tun: Tun::create(&node.device, 1).context("cannot make a TUN device")?,
        key: key(node.side),
        listen: node.listen,
        mark: None,
        mtu: 1_420,
        peers: vec![peer],
        gate: Arc::new(Gate::open()),
    })?;
    say(RUNS);
    end.recv().await;
    say(&format!("{:?}", link.stats()));
    link.stop();
    Ok(())
}
