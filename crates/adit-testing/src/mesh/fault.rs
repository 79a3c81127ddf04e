//! What may happen to a mesh, and how it is mended.

use std::time::{Duration, Instant};

use serde_json::json;

use super::Mesh;
use crate::{netns::pairs::Side, process::Signal};

/// What happens to the active replica of site A, or to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Somebody calls for the other replica by the API.
    Manual,
    /// Somebody asks the replica to be replaced.
    Drain,
    /// Its process is killed.
    Crash,
    /// Its cable to the provider is taken out.
    LinkGone,
    /// Every packet from and to its host is lost, and nobody is told.
    HostGone,
    /// Its cable to the LAN is taken out.
    LanLost,
    /// Every packet from and to the LAN is lost, and its host is not told.
    LanSilent,
    /// Its process is stopped, as when a virtual machine is paused.
    Stopped,
    /// The server's process is killed and started again.
    EdgeRestart,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Manual,
        Self::Drain,
        Self::Crash,
        Self::LinkGone,
        Self::HostGone,
        Self::LanLost,
        Self::LanSilent,
        Self::Stopped,
        Self::EdgeRestart,
    ];

    /// A short name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Drain => "drain",
            Self::Crash => "crash",
            Self::LinkGone => "link-gone",
            Self::HostGone => "host-gone",
            Self::LanLost => "lan-lost",
            Self::LanSilent => "lan-silent",
            Self::Stopped => "stopped",
            Self::EdgeRestart => "edge-restart",
        }
    }

    /// Whether another replica has to become active by it.
    #[must_use]
    pub const fn moves(self) -> bool {
        !matches!(self, Self::EdgeRestart)
    }
}

impl Mesh {
    /// Lets it happen to a replica of site A, and tells how long the server was gone, if it was.
    ///
    /// # Panics
    /// When it cannot happen.
    pub async fn strike(&mut self, fault: Fault, index: usize) -> Option<Duration> {
        let host = &self.pairs.replicas(Side::A)[index];
        match fault {
            Fault::Manual => {
                let path = format!("/warp_connector/{}/failover", self.tunnel(Side::A));
                let other = self.connector(Side::A, 1 - index);
                self.api.done("PUT", &path, &json!({"client_id": other})).await;
            }
            Fault::Drain => told(self.ask(Side::A, index, &["drain"])),
            Fault::Crash => self.kill_node(Side::A, index).await,
            Fault::LinkGone => self.pairs.switch().unplug(host, "wan"),
            Fault::LanLost => self.pairs.switch().unplug(host, "lan"),
            Fault::LanSilent => self.pairs.switch().silence(host, "lan"),
            Fault::HostGone => ["wan", "lan"]
                .iter()
                .for_each(|cable| self.pairs.switch().silence(host, cable)),
            Fault::Stopped => self.node(Side::A, index).signal(Signal::STOP),
            Fault::EdgeRestart => {
                let begun = Instant::now();
                self.restart_server().await;
                return Some(begun.elapsed());
            }
        }
        None
    }

    /// Mends what happened to that replica, and returns once the mesh is whole.
    ///
    /// # Panics
    /// When it does not become whole.
    pub async fn heal(&mut self, fault: Fault, index: usize) {
        let host = &self.pairs.replicas(Side::A)[index];
        match fault {
            Fault::Manual | Fault::EdgeRestart => {}
            Fault::Drain => told(self.ask(Side::A, index, &["drain", "--undo"])),
            Fault::Crash => self.start_node(Side::A, index).await,
            Fault::LinkGone => self.pairs.switch().plug(host, "wan"),
            Fault::LanLost | Fault::LanSilent => self.pairs.switch().plug(host, "lan"),
            Fault::HostGone => ["wan", "lan"]
                .iter()
                .for_each(|cable| self.pairs.switch().plug(host, cable)),
            Fault::Stopped => self.node(Side::A, index).signal(Signal::CONT),
        }
        self.whole().await;
    }
}

fn told(answer: Result<String, String>) {
    if let Err(text) = answer {
        panic!("the node refuses: {text}");
    }
}
